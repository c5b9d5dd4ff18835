package engine

import "strings"

// prefix begins every notice.
const prefix = "*** "

// Notices, as the stock module words them. Where a format ends in a
// command, the verb before it is the start character of commands.
const (
	noticeCreated       = prefix + "Room was created"
	noticeDestroyed     = prefix + "Room has been destroyed"
	noticeNotFound      = prefix + "Room not found"
	noticeExists        = prefix + "Room already exists"
	noticeExistsPrivate = prefix + "A private room with the same name already exists"
	noticeExistsMember  = prefix + "Room already exists and you are a member"
	noticeInAlready     = prefix + "You are in the room already"
	noticePrivate       = prefix + "Private rooms are by invitation only. Room owners have been notified."
	noticeMayNotAdd     = prefix + "You don't have the permission to add members to this room"
	noticeMayNotModify  = prefix + "You don't have the permission to modify members in this room"
	noticeRemoved       = prefix + "You have been removed from the room"
	noticeOwnerStays    = prefix + "You are the room's owner and cannot leave. Use %sdestroy if you wish to destroy the room."
	noticeInvitation    = prefix + "[%s] invites you to join the room (send '%saccept' or '%sreject')"
	noticeRole          = prefix + "%s is now %s"
)

func noticeJoined(user string) string      { return prefix + "[" + user + "] has joined the room" }
func noticeLeft(user string) string        { return prefix + "[" + user + "] has left the room" }
func noticeUnreachable(user string) string { return prefix + "[" + user + "] is not registered" }
func noticeAttempted(user string) string   { return prefix + "[" + user + "] attempted to join the room" }

// maxNotice is the length in bytes that the stock module's buffer bounds a
// notice to.
const maxNotice = 32767

// Headings of lists.
const (
	headingMembers = "Members:"
	headingRooms   = "Rooms:"
)

// splitList puts entries under a heading, one a line, without a newline at
// the end, into as few bodies of at most maxNotice bytes as it takes.
func splitList(heading string, entries []string) []string {
	var bodies []string
	var b strings.Builder
	b.WriteString(heading)
	for _, e := range entries {
		if b.Len() > len(heading) && b.Len()+1+len(e) > maxNotice {
			bodies = append(bodies, b.String())
			b.Reset()
			b.WriteString(heading)
		}
		b.WriteByte('\n')
		b.WriteString(e)
	}
	return append(bodies, b.String())
}

// helpLines are the commands in the order of the help text. They are the
// stock module's of Kamailio 6.0, its spelling included.
var helpLines = [...]string{
	"create <room_name> - create new conference room",
	"join [<room_name>] - join the conference room",
	"invite <user_name> [<room_name>] - invite a user to join a conference room",
	"add <user_name> [<room_name>] - add a user to a conference room",
	"modify <user_name> <role> [<room_name>] - modify user role in a conference room",
	"accept - accept invitation to join a conference room",
	"reject - reject invitation to join a conference room",
	"remove <user_name> [<room_name>] - remove a user from the conference room",
	"members - list members is a conference room",
	"rooms - list existing conference rooms",
	"leave [<room_name>] - leave from a conference room",
	"destroy [<room_name>] - destroy conference room",
}

// helpText is the answer to #help: an empty line, then a line per command.
func helpText(start string) string {
	var b strings.Builder
	b.WriteString("\r\n")
	for _, line := range helpLines {
		b.WriteString(start)
		b.WriteString(line)
		b.WriteString("\r\n")
	}
	return b.String()
}
