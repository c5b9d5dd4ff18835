package engine_test

import (
	"strings"
	"testing"

	"kamailio-imc/engine"
)

// contractTests play the commands, accepted and refused. Each begins without
// rooms.
var contractTests = []struct {
	name  string
	set   func(*engine.Settings)
	steps []step
}{
	{
		name: "create",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "#members", 1, []string{"room -> alice | Members:\n*[alice]"}},
			{"alice", "", "#CREATE", 1, []string{"room:5060 -> alice:5070 | *** Room already exists and you are a member"}},
			{"bob", "", "#create", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"alice", "lobby", "#create other", 1, []string{"other -> alice | *** Room was created"}},
			{"alice", "lobby", "#create sip:third@example.net", 1, []string{"third@example.net -> alice | *** Room was created"}},
			{"alice", "", "#create fourth what", -30, []string{"room:5060 -> alice:5070 | *** Option 'what' is unknown: the only one is private"}},
			{"alice", "", "#create fourth private and more", 1, []string{"fourth -> alice | *** Room was created"}},
			{"bob", "", "#create fourth", 1, []string{"room:5060 -> bob:5070 | *** A private room with the same name already exists"}},
			{"bob", "", "#create fourth private", 1, []string{"room:5060 -> bob:5070 | *** A private room with the same name already exists"}},
			{"bob", "fifth", "#create PRIVATE", 1, []string{"fifth -> bob | *** Room was created"}},
			{"alice", "fifth", "#create", 1, []string{"fifth:5060 -> alice:5070 | *** A private room with the same name already exists"}},
			{"bob", "", "#create <room>", -30, []string{"room:5060 -> bob:5070 | *** '<room>' is not a valid address"}},
			{"bob", "", "#create a@b@c", -30, []string{"room:5060 -> bob:5070 | *** 'a@b@c' is not a valid address"}},
			{"bob", "sip:example.org", "#create", -30, []string{"example.org -> bob:5070 | *** Name the room: the address you wrote to is none"}},
			{"bob", "sip:example.org", "#create sixth", 1, []string{"sixth -> bob | *** Room was created"}},
		},
	},
	{
		name: "create with check",
		set:  func(s *engine.Settings) { s.CheckOnCreate = true },
		steps: []step{
			{"alice", "", "#create private", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "#create", 1, []string{"room:5060 -> alice:5070 | *** Room already exists"}},
			{"bob", "", "#create private", 1, []string{"room:5060 -> bob:5070 | *** Room already exists"}},
		},
	},
	{
		name: "create: lengths",
		steps: []step{
			{"alice", "", "#create " + strings.Repeat("r", 48), 1, []string{strings.Repeat("r", 48) + " -> alice | *** Room was created"}},
			{"alice", "", "#create " + strings.Repeat("r", 49), -30, []string{"room:5060 -> alice:5070 | *** The room's name cannot be used: it is longer than 64 bytes or not UTF-8"}},
			{"alice", "", "#create r\xff", -30, []string{"room:5060 -> alice:5070 | *** The room's name cannot be used: it is longer than 64 bytes or not UTF-8"}},
			{strings.Repeat("u", 65), "", "#create", -30, []string{"room:5060 -> " + strings.Repeat("u", 65) + ":5070 | *** The address of [" + strings.Repeat("u", 64) + "...] cannot be used: a part of it is longer than 64 bytes or not UTF-8"}},
			{"tel:+4930123", "", "#create", -30, []string{"room:5060 -> tel:+4930123 | *** Your address has no user or no host and cannot be in a room"}},
			{"alice", "", "#rooms", 1, []string{"room:5060 -> alice:5070 | Rooms:\n[" + strings.Repeat("r", 48) + "]"}},
		},
	},
	{
		name: "join",
		steps: []step{
			{"alice", "", "#join", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "#join", 1, []string{"room -> alice | *** You are in the room already"}},
			{"ALICE", "ROOM", "#join", 1, []string{"room -> alice | *** You are in the room already"}},
			{"Bob", "", "#join", 1, []string{"room -> alice,Bob | *** [Bob] has joined the room"}},
			{"carol", "lobby", "#join room", 1, []string{"room -> alice,carol,Bob | *** [carol] has joined the room"}},
			{"dave", "", "#members", -100, []string{"room:5060 -> dave:5070 | *** You are not a member of the room"}},
			{"bob", "", "#members", 1, []string{"room -> Bob | Members:\n*[alice]\n[carol]\n[Bob]"}},
			{"bob", "", "#join a b@c@d", 1, []string{"a -> bob | *** Room was created"}},
			{"bob", "", "#join sip:", -40, []string{"room:5060 -> bob:5070 | *** 'sip:' is not a valid address"}},
			{strings.Repeat("u", 65), "", "#join", -40, []string{"room:5060 -> " + strings.Repeat("u", 65) + ":5070 | *** The address of [" + strings.Repeat("u", 64) + "...] cannot be used: a part of it is longer than 64 bytes or not UTF-8"}},
		},
	},
	{
		name: "join without creation",
		set:  func(s *engine.Settings) { s.CreateOnJoin = false },
		steps: []step{
			{"alice", "", "#join", 1, []string{"room:5060 -> alice:5070 | *** Room not found"}},
			{"alice", "", "#rooms", 1, []string{"room:5060 -> alice:5070 | Rooms:"}},
		},
	},
	{
		name: "join of a private room",
		steps: []step{
			{"alice", "", "#create private", 1, []string{"room -> alice | *** Room was created"}},
			{"bob", "", "#join", 1, []string{
				"room -> bob:5070 | *** Private rooms are by invitation only. Room owners have been notified.",
				"room -> alice | *** [bob] attempted to join the room",
			}},
			{"bob", "", "hello", -200, nil},
			{strings.Repeat("u", 65), "", "#join", -40, []string{"room:5060 -> " + strings.Repeat("u", 65) + ":5070 | *** The address of [" + strings.Repeat("u", 64) + "...] cannot be used: a part of it is longer than 64 bytes or not UTF-8"}},
			{"alice", "", "#invite bob", 1, []string{"room -> bob | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"bob", "", "hello", 1, []string{"room -> alice | [bob]: hello"}},
		},
	},
	{
		name: "invite, accept, reject",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "#invite", -50, []string{"room:5060 -> alice:5070 | *** Usage: #invite <user_name> [<room_name>]"}},
			{"alice", "", "#invite bob elsewhere", -50, []string{"room:5060 -> alice:5070 | *** Room not found"}},
			{"alice", "", "#invite bo<b", -50, []string{"room:5060 -> alice:5070 | *** 'bo<b' is not a valid address"}},
			{"bob", "", "#invite carol", -50, []string{"room:5060 -> bob:5070 | *** You are not a member of the room"}},
			{"bob", "", "#accept", -60, []string{"room:5060 -> bob:5070 | *** You are not invited to the room"}},
			{"bob", "", "#reject", -70, []string{"room:5060 -> bob:5070 | *** You are not invited to the room"}},
			{"alice", "lobby", "#invite sip:Bob@example.org room", 1, []string{"room -> Bob | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"alice", "", "#invite bob", -50, []string{"room:5060 -> alice:5070 | *** [Bob] has been invited already"}},
			{"alice", "", "#add bob", -50, []string{"room:5060 -> alice:5070 | *** [Bob] has been invited already"}},
			{"bob", "", "hello", -200, nil},
			{"bob", "", "#members", -100, []string{"room:5060 -> bob:5070 | *** You are not a member of the room"}},
			{"bob", "", "#leave", -90, []string{"room:5060 -> bob:5070 | *** You are not a member of the room"}},
			{"bob", "", "#invite carol", -50, []string{"room:5060 -> bob:5070 | *** You are not a member of the room"}},
			{"alice", "", "hello", 1, nil},
			{"alice", "", "#members", 1, []string{"room -> alice | Members:\n*[alice]"}},
			{"carol", "", "#join", 1, []string{"room -> alice,carol | *** [carol] has joined the room"}},
			{"bob", "lobby", "#accept room", 1, []string{"room -> alice,carol,Bob | *** [Bob] has joined the room"}},
			{"bob", "", "#accept", -60, []string{"room:5060 -> bob:5070 | *** You are not invited to the room"}},
			{"bob", "", "#invite dave", -50, []string{"room:5060 -> bob:5070 | *** You don't have the permission to invite users to this room"}},
			{"alice", "", "#invite bob", -50, []string{"room:5060 -> alice:5070 | *** [Bob] is in the room already"}},
			{"alice", "", "#invite dave", 1, []string{"room -> dave | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"dave", "", "#deny", 1, nil},
			{"dave", "", "#accept", -60, []string{"room:5060 -> dave:5070 | *** You are not invited to the room"}},
			{"dave", "", "#accept nowhere", -60, []string{"room:5060 -> dave:5070 | *** Room not found"}},
			{"dave", "", "#reject nowhere", -70, []string{"room:5060 -> dave:5070 | *** Room not found"}},
			{"alice", "", "#invite " + strings.Repeat("u", 65), -50, []string{"room:5060 -> alice:5070 | *** The address of [" + strings.Repeat("u", 64) + "...] cannot be used: a part of it is longer than 64 bytes or not UTF-8"}},
		},
	},
	{
		name: "an invitee creates",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "#invite bob", 1, []string{"room -> bob | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"bob", "", "#create", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
		},
	},
	{
		name: "add",
		steps: []step{
			{"alice", "", "#create private", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "#add", -50, []string{"room:5060 -> alice:5070 | *** Usage: #add <user_name> [<room_name>]"}},
			{"bob", "", "#add bob", -50, []string{"room:5060 -> bob:5070 | *** You are not a member of the room"}},
			{"alice", "", "#add bob", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"alice", "", "#add bob", -50, []string{"room:5060 -> alice:5070 | *** [bob] is in the room already"}},
			{"bob", "", "#add carol", 1, []string{"room -> bob | *** You don't have the permission to add members to this room"}},
			{"alice", "", "#add carol room", 1, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}},
			{"alice", "", "#add carol nowhere", -50, []string{"room:5060 -> alice:5070 | *** Room not found"}},
		},
	},
	{
		name: "remove",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"carol", "", "#join", 1, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}},
			{"alice", "", "#remove", -80, []string{"room:5060 -> alice:5070 | *** Usage: #remove <user_name> [<room_name>]"}},
			{"alice", "", "#remove dave", -80, []string{"room:5060 -> alice:5070 | *** [dave] is not a member of the room"}},
			{"alice", "", "#remove alice", -80, []string{"room:5060 -> alice:5070 | *** [alice] is the room's owner and cannot be removed"}},
			{"alice", "", "#remove bob nowhere", -80, []string{"room:5060 -> alice:5070 | *** Room not found"}},
			{"bob", "", "#remove carol", -80, []string{"room:5060 -> bob:5070 | *** You don't have the permission to remove members from this room"}},
			{"dave", "", "#remove carol", -80, []string{"room:5060 -> dave:5070 | *** You are not a member of the room"}},
			{"alice", "", "#modify bob admin", 1, []string{"room -> alice,carol,bob | *** sip:bob@example.org is now admin"}},
			{"bob", "", "#remove alice", -80, []string{"room:5060 -> bob:5070 | *** [alice] is the room's owner and cannot be removed"}},
			{"bob", "", "#remove CAROL room", 1, []string{
				"room -> carol | *** You have been removed from the room",
				"room -> alice,bob | *** [carol] has left the room",
			}},
			{"carol", "", "hello", -200, nil},
			{"bob", "", "#remove bob", 1, []string{
				"room -> bob | *** You have been removed from the room",
				"room -> alice | *** [bob] has left the room",
			}},
			{"alice", "", "#invite dave", 1, []string{"room -> dave | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"alice", "", "#remove dave", 1, []string{
				"room -> dave | *** You have been removed from the room",
				"room -> alice | *** [dave] has left the room",
			}},
			{"dave", "", "#accept", -60, []string{"room:5060 -> dave:5070 | *** You are not invited to the room"}},
		},
	},
	{
		name: "leave",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"alice", "", "#leave", 1, []string{"room -> alice | *** You are the room's owner and cannot leave. Use #destroy if you wish to destroy the room."}},
			{"bob", "lobby", "#exit room", 1, []string{"room -> alice,bob | *** [bob] has left the room"}},
			{"bob", "", "#leave", -90, []string{"room:5060 -> bob:5070 | *** You are not a member of the room"}},
			{"bob", "nowhere", "#leave", -90, []string{"nowhere:5060 -> bob:5070 | *** Room not found"}},
		},
	},
	{
		name: "members",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"carol", "", "#join", 1, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}},
			{"alice", "", "#modify bob ADMIN", 1, []string{"room -> alice,carol,bob | *** sip:bob@example.org is now ADMIN"}},
			{"alice", "", "#invite dave", 1, []string{"room -> dave | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"carol", "lobby", "#list room", 1, []string{"room -> carol | Members:\n*[alice]\n[carol]\n~[bob]"}},
			{"carol", "nowhere", "#list", -100, []string{"nowhere:5060 -> carol:5070 | *** Room not found"}},
			{"carol", "nowhere", "#list a<b", -100, []string{"nowhere:5060 -> carol:5070 | *** 'a<b' is not a valid address"}},
		},
	},
	{
		name: "rooms",
		steps: []step{
			{"alice", "", "#rooms", 1, []string{"room:5060 -> alice:5070 | Rooms:"}},
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "#create secret private", 1, []string{"secret -> alice | *** Room was created"}},
			{"alice", "secret", "#invite bob", 1, []string{"secret -> bob | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"alice", "anything", "#rooms", 1, []string{"anything:5060 -> alice:5070 | Rooms:\n[room]\n[secret]"}},
			{"bob", "sip:example.org", "#rooms", 1, []string{"example.org -> bob:5070 | Rooms:\n[room]"}},
			{"tel:+4930123", "", "#rooms", 1, []string{"room:5060 -> tel:+4930123 | Rooms:\n[room]"}},
		},
	},
	{
		name: "destroy",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"alice", "", "#invite carol", 1, []string{"room -> carol | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"dave", "", "#destroy", -110, []string{"room:5060 -> dave:5070 | *** You are not a member of the room"}},
			{"bob", "", "#destroy", -110, []string{"room:5060 -> bob:5070 | *** Only an owner of the room can destroy it"}},
			{"alice", "", "#destroy nowhere", -110, []string{"room:5060 -> alice:5070 | *** Room not found"}},
			{"alice", "lobby", "#destroy room", 1, []string{"room -> alice,bob | *** Room has been destroyed"}},
			{"alice", "", "hello", -200, nil},
			{"alice", "", "#destroy", -110, []string{"room:5060 -> alice:5070 | *** Room not found"}},
			{"carol", "", "#accept", -60, []string{"room:5060 -> carol:5070 | *** Room not found"}},
			{"bob", "", "#create", 1, []string{"room -> bob | *** Room was created"}},
		},
	},
	{
		name: "modify",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"carol", "", "#join", 1, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}},
			{"alice", "", "#modify", -120, []string{"room:5060 -> alice:5070 | *** Usage: #modify <user_name> <role> [<room_name>]"}},
			{"alice", "", "#modify bob", -120, []string{"room:5060 -> alice:5070 | *** Usage: #modify <user_name> <role> [<room_name>]"}},
			{"alice", "", "#modify bob king", -120, []string{"room:5060 -> alice:5070 | *** Role 'king' is unknown: use owner, admin or member"}},
			{"alice", "", "#modify nobody admin", -120, []string{"room:5060 -> alice:5070 | *** [nobody] is not a member of the room"}},
			{"alice", "", "#modify bob admin nowhere", -120, []string{"room:5060 -> alice:5070 | *** Room not found"}},
			{"alice", "", "#modify b<b admin", -120, []string{"room:5060 -> alice:5070 | *** 'b<b' is not a valid address"}},
			{"bob", "", "#modify carol admin", 1, []string{"room -> bob | *** You don't have the permission to modify members in this room"}},
			{"dave", "", "#modify carol admin", -120, []string{"room:5060 -> dave:5070 | *** You are not a member of the room"}},
			{"alice", "lobby", "#modify Bob admin room", 1, []string{"room -> alice,carol,bob | *** sip:bob@example.org is now admin"}},
			{"bob", "", "#modify carol admin", 1, []string{"room -> alice,carol,bob | *** sip:carol@example.org is now admin"}},
			{"bob", "", "#modify carol member", 1, []string{"room -> alice,carol,bob | *** sip:carol@example.org is now member"}},
			{"bob", "", "#modify bob owner", -120, []string{"room:5060 -> bob:5070 | *** Only an owner of the room can give or take the role of an owner"}},
			{"bob", "", "#modify alice member", -120, []string{"room:5060 -> bob:5070 | *** Only an owner of the room can give or take the role of an owner"}},
			{"alice", "", "#modify alice admin", -120, []string{"room:5060 -> alice:5070 | *** [alice] is the only owner of the room: make another member owner first"}},
			{"alice", "", "#modify alice owner", 1, []string{"room -> alice,carol,bob | *** sip:alice@example.org is now owner"}},
			{"alice", "", "#invite dave", 1, []string{"room -> dave | *** [alice] invites you to join the room (send '#accept' or '#reject')"}},
			{"alice", "", "#modify dave admin", -120, []string{"room:5060 -> alice:5070 | *** [dave] is not a member of the room"}},
			{"alice", "", "#modify carol owner", 1, []string{"room -> alice,carol,bob | *** sip:carol@example.org is now owner"}},
			{"alice", "", "#modify alice member", 1, []string{"room -> alice,carol,bob | *** sip:alice@example.org is now member"}},
			{"alice", "", "#members", 1, []string{"room -> alice | Members:\n[alice]\n*[carol]\n~[bob]"}},
			{"carol", "", "#modify carol member", -120, []string{"room:5060 -> carol:5070 | *** [carol] is the only owner of the room: make another member owner first"}},
		},
	},
	{
		name: "the first member goes",
		steps: []step{
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"carol", "", "#join", 1, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}},
			{"dave", "", "#join", 1, []string{"room -> alice,dave,carol,bob | *** [dave] has joined the room"}},
			{"alice", "", "#modify bob owner", 1, []string{"room -> alice,dave,carol,bob | *** sip:bob@example.org is now owner"}},
			{"bob", "", "#modify alice member", 1, []string{"room -> alice,dave,carol,bob | *** sip:alice@example.org is now member"}},
			{"alice", "", "#leave", 1, []string{"room -> alice,dave,carol,bob | *** [alice] has left the room"}},
			{"bob", "", "#members", 1, []string{"room -> bob | Members:\n[dave]\n[carol]\n*[bob]"}},
			{"erin", "", "#join", 1, []string{"room -> dave,erin,carol,bob | *** [erin] has joined the room"}},
			{"carol", "", "#leave", 1, []string{"room -> dave,erin,carol,bob | *** [carol] has left the room"}},
			{"carol", "", "#join", 1, []string{"room -> dave,carol,erin,bob | *** [carol] has joined the room"}},
		},
	},
	{
		name: "help and unknown commands",
		set:  func(s *engine.Settings) { s.CommandStart = '/' },
		steps: []step{
			{"alice", "", "/help", 1, []string{"room:5060 -> alice:5070 | " + help("/")}},
			{"alice", "", "/Foo bar", 1, []string{"room:5060 -> alice:5070 | *** Invalid command 'Foo' (send '/help' for help)"}},
			{"alice", "", "/" + strings.Repeat("x", 32768), -130, []string{"room:5060 -> alice:5070 | *** Invalid command (send '/help' for help)"}},
			{"alice", "", "/", -20, []string{"room:5060 -> alice:5070 | *** No command given (send '/help' for help)"}},
			{"alice", "", "/ help", -20, []string{"room:5060 -> alice:5070 | *** No command given (send '/help' for help)"}},
			{"alice", "", "/create", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "/leave", 1, []string{"room -> alice | *** You are the room's owner and cannot leave. Use /destroy if you wish to destroy the room."}},
			{"alice", "", "/invite bob", 1, []string{"room -> bob | *** [alice] invites you to join the room (send '/accept' or '/reject')"}},
			{"alice", "", "#help", 1, nil},
		},
	},
	{
		name: "texts",
		steps: []step{
			{"alice", "", "hello", -200, nil},
			{"alice", "", "#create", 1, []string{"room -> alice | *** Room was created"}},
			{"alice", "", "hello", 1, nil},
			{"bob", "", "#join", 1, []string{"room -> alice,bob | *** [bob] has joined the room"}},
			{"carol", "", "#join", 1, []string{"room -> alice,carol,bob | *** [carol] has joined the room"}},
			{"ALICE", "Room", "hello\r\n", 1, []string{"room -> carol,bob | [alice]: hello\r\n"}},
			{"bob", "", "nul\x00nul %s \"", 1, []string{"room -> alice,carol | [bob]: nul\x00nul %s \""}},
			{"carol", "", " #help", 1, []string{"room -> alice,bob | [carol]:  #help"}},
			{"dave", "", "hello", -200, nil},
			{"alice", "nowhere", "hello", -200, nil},
			{"alice", "sip:example.org", "hello", -200, nil},
			{"tel:+4930123", "", "hello", -200, nil},
		},
	},
	{
		name: "nothing usable",
		steps: []step{
			{"alice", "", "", -1, nil},
			{"sip:a<b@example.org", "", "#help", -1, nil},
			{"sip:a b@example.org", "", "#help", -1, nil},
			{"sip:a\r\nb@example.org", "", "#help", -1, nil},
			{"mailto:a@example.org", "", "#help", -1, nil},
			{"alice", "sip:room@example.org>", "#help", -1, nil},
			{"alice", "sip:", "#help", -1, nil},
			{"alice", "urn:service:sos", "#help", -1, nil},
		},
	},
	{
		name: "odd names",
		steps: []step{
			{"alice", "", `#create "qu%6fte"`, 1, []string{`"qu%6fte" -> alice | *** Room was created`}},
			{"Ärger", "zimmer-ü", "#create", 1, []string{"zimmer-ü -> Ärger | *** Room was created"}},
			{"ärger", "zimmer-ü", "hello", -200, nil}, // only ASCII letters fold
			{"Ärger", "ZIMMER-ü", "#list", 1, []string{"zimmer-ü -> Ärger | Members:\n*[Ärger]"}},
			{"sip:bob@[::1]:5070", "sip:v6@[2001:db8::1]", "#create", 1, []string{"v6@[2001:db8::1] -> bob@[::1] | *** Room was created"}},
			{"sips:bob@[::1];transport=tls", "sip:v6@[2001:DB8::1]:5080", "#members", 1, []string{"v6@[2001:db8::1] -> bob@[::1] | Members:\n*[bob]"}},
			{"sip:bob:secret@[::1]", "sip:v6@[2001:DB8::1]?subject=x", "#members", 1, []string{"v6@[2001:db8::1] -> bob@[::1] | Members:\n*[bob]"}},
		},
	},
}

func TestContract(t *testing.T) {
	for _, test := range contractTests {
		t.Run(test.name, func(t *testing.T) {
			s := settings()
			if test.set != nil {
				test.set(&s)
			}
			play(t, engine.New(s, nil), test.steps)
		})
	}
}
