package faults

import (
	"syscall"
	"time"

	"kamailio-imc/tests/kamailio"
)

// table is what can go wrong. Texts of db_mode 2 and commands may wait for a
// database for the 3 s that the engine waits, and a margin.
var table = []line{
	{
		fault: "shared memory short", where: "another module of the same Kamailio holds all but 2.5 MB of 16",
		see: "texts to small and to big rooms arrive, once; nobody is refused",
		on:  []backend{sqlite}, modes: []int{1}, room: 200, o: kamailio.Options{ShmMB: 16, Defines: fastTM},
		inject: tenant(2500 << 10), during: bigTexts(4, 500, 15*time.Second),
		commands: work, text: quick, command: quick, recover: quick,
	},
	{
		fault: "silent members, long texts", where: "128 members who do not answer get eight texts of 60 KB, 64 MB of shared memory",
		see: "all texts are accepted, those of other rooms too, later while 60 MB are sent and repeated; 10 MB stay free",
		on:  []backend{sqlite}, modes: []int{1}, room: 129, o: kamailio.Options{ShmMB: 64},
		inject: answerers(never), during: hungry(8, 60000, 10<<20),
		commands: work, text: waits, command: waits, recover: quick,
	},
	{
		fault: "slow members", where: "200 members answer after 2 s",
		see: "every text arrives once; other rooms notice nothing",
		on:  []backend{sqlite}, modes: []int{1}, room: 200, o: kamailio.Options{ShmMB: 32},
		inject: answerers(2 * time.Second), during: bigTexts(10, 500, 30*time.Second),
		commands: work, text: quick, command: quick, recover: quick,
	},

	{
		fault: "database slow", where: "a bridge before it: 40 ms each way",
		see: "all works, slower",
		// a worker waits for the database with each text: two could not keep up
		on: servers, bridge: true, o: kamailio.Options{Workers: 8},
		inject:   bridges(func(b *bridge) { b.delay.Store(int64(40 * time.Millisecond)) }, func(b *bridge) { b.delay.Store(0) }),
		commands: work, text: waits, command: waits, recover: waits,
	},
	{
		fault: "rows of one room locked", where: "another session holds the room chat-big",
		see: "commands on that room are refused; those on all others work; texts go on everywhere",
		on:  servers, room: 3, lasts: 5 * time.Second,
		inject: holds("BEGIN",
			"SELECT * FROM imc_rooms WHERE name = 'chat-big' FOR UPDATE",
			"SELECT * FROM imc_members WHERE room = 'sip:chat-big@chat.test' FOR UPDATE"),
		during:   locked,
		commands: work, text: quick, command: quick, recover: waits,
	},
	{
		fault: "database locked", where: "another process writes to the SQLite file for 5 s",
		see: "texts go on; commands wait or are refused",
		on:  []backend{sqlite}, lasts: 5 * time.Second,
		inject: holds("BEGIN IMMEDIATE"), commands: answered, text: waits, command: waits, recover: waits,
	},
	{
		fault: "database read-only", where: "the server, as after a fail-over",
		see: "texts go on; commands are refused, at once; well again without a restart",
		on:  servers, server: true,
		inject: statements(map[string][]string{
			"MariaDB": {"SET GLOBAL read_only = ON"},
			"PostgreSQL": {"ALTER DATABASE {database} SET default_transaction_read_only TO on",
				"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{user}'"},
		}, map[string][]string{
			"MariaDB": {"SET GLOBAL read_only = OFF"},
			"PostgreSQL": {"ALTER DATABASE {database} SET default_transaction_read_only TO off",
				"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{user}'"},
		}),
		during:   calm,
		commands: refused, text: quick, command: waits, recover: waits,
	},
	{
		fault: "database full", where: "triggers that say what a server without space says",
		see: "texts go on; commands that need space are refused, at once",
		on:  servers, inject: full, during: calm,
		commands: refused, text: quick, command: waits, recover: waits,
	},
	{
		fault: "database hangs", where: "SIGSTOP to all of its processes",
		see: "texts go on; commands are refused",
		on:  servers, server: true, lasts: 6 * time.Second,
		inject: hangs, commands: refused, text: waits, command: waits, recover: waits,
	},
	{
		fault: "network to the database stands still", where: "a bridge that forwards nothing and closes nothing",
		see: "texts go on; commands are refused",
		on:  servers, bridge: true, lasts: 6 * time.Second,
		inject:   bridges(func(b *bridge) { b.stopped.Store(true) }, func(b *bridge) { b.stopped.Store(false) }),
		commands: refused, text: waits, command: waits, recover: waits,
	},
	{
		fault: "connections half-open", where: "a bridge that forgets its connections silently; new ones work",
		see: "texts go on; commands work, after some were refused",
		on:  servers, bridge: true, lasts: 8 * time.Second,
		inject:   bridges((*bridge).lose, func(*bridge) {}),
		commands: answered, text: waitsOnce, command: waits, recover: waits,
	},
	{
		fault: "database killed", where: "kill -9 of the server, which is started again",
		see: "texts go on; commands are refused",
		on:  servers, server: true, inject: killed,
		commands: refused, text: waits, command: waits, recover: waits,
	},
	{
		fault: "rights taken away", where: "REVOKE of what the module's account may write",
		see: "texts go on; commands are refused, at once",
		on:  servers,
		inject: statements(map[string][]string{
			"MariaDB": {"REVOKE INSERT, UPDATE, DELETE ON imc_rooms FROM {user}",
				"REVOKE INSERT, UPDATE, DELETE ON imc_members FROM {user}"},
			"PostgreSQL": {"REVOKE INSERT, UPDATE, DELETE ON imc_rooms, imc_members FROM {user}"},
		}, map[string][]string{
			"MariaDB":    {"GRANT ALL ON imc_rooms TO {user}", "GRANT ALL ON imc_members TO {user}"},
			"PostgreSQL": {"GRANT ALL ON imc_rooms, imc_members TO {user}"},
		}),
		during:   calm,
		commands: refused, text: quick, command: waits, recover: waits,
	},
	{
		fault: "no more prepared statements", where: "the server takes none, and ends the connections that have some",
		see: "all works, after perhaps one refusal",
		on:  []backend{mariaDB}, server: true,
		inject: statements(map[string][]string{
			"MariaDB": {"SET GLOBAL max_prepared_stmt_count = 0", "KILL USER {user}"},
		}, map[string][]string{
			"MariaDB": {"SET GLOBAL max_prepared_stmt_count = DEFAULT"},
		}),
		commands: answered, text: quick, command: quick, recover: quick,
	},
	{
		fault: "table gone", where: "imc_members has another name for a while",
		see: "texts go on with the members last known; commands are refused, at once",
		on:  all,
		inject: statements(map[string][]string{
			"MariaDB": {gone}, "PostgreSQL": {gone}, "SQLite": {gone},
		}, map[string][]string{
			"MariaDB": {back}, "PostgreSQL": {back}, "SQLite": {back},
		}),
		commands: refused, text: quick, command: waits, recover: waits,
	},

	{
		fault: "signals", where: "USR1, HUP and CHLD to every process, all the time",
		see:    "nothing",
		inject: signals(5*time.Millisecond, syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGCHLD), lasts: 3 * time.Second,
		commands: work, text: quick, command: quick, recover: quick,
	},
	{
		fault: "signals, JSON log", where: "the same less often, with handlers that log much and need much stack",
		see: "nothing",
		o:   kamailio.Options{Args: []string{"--log-engine=json:M"}}, lasts: 3 * time.Second,
		inject:   signals(200*time.Millisecond, syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGCHLD),
		commands: work, text: quick, command: quick, recover: quick,
	},
	{
		fault: "a worker lost", where: "kill -9",
		see: "the server ends, and says so by its exit status; after its start what was confirmed is there",
		on:  []backend{mariaDB, sqlite}, inject: loses("udp receiver"), dies: true, recover: waits,
	},
	{
		fault: "the engine lost", where: "kill -9",
		see: "the same",
		on:  []backend{postgreSQL, sqlite}, inject: loses("imc engine"), dies: true, recover: waits,
	},

	{
		fault: "network that loses, repeats and reorders", where: "a relay between users and Kamailio: 5 %, 5 %, 20 %",
		see:   "every text arrives, once, after repetitions",
		relay: true, lasts: 4 * time.Second, inject: badNetwork,
		commands: work, text: repeats, command: repeats, recover: repeats,
	},
	{
		fault: "hostile bodies", where: "a member sends them",
		see:    "each is answered; others notice nothing; memory does not grow",
		inject: nothing, during: sendsHostile, o: kamailio.Options{ShmMB: 128},
		commands: work, text: quick, command: quick, recover: quick,
	},
	{
		fault: "a storm of members", where: "40 users join and leave one room",
		see:    "all texts arrive, some after a repetition: the notices' answers fill the socket",
		inject: nothing, during: comesAndGoes, o: kamailio.Options{ShmMB: 512},
		commands: work, text: repeats, command: repeats, recover: quick,
	},
	{
		fault: "one user at a high rate", where: "eight texts at once, without a pause",
		see:    "others notice nothing",
		inject: nothing, during: talksALot, o: kamailio.Options{ShmMB: 1024},
		commands: work, text: quick, command: quick, recover: quick,
	},
	{
		fault: "rooms in a circle", where: "three rooms are members of each other, and the module sends through its own server",
		see:    "one text becomes a few; others notice nothing",
		itself: true, inject: nothing, during: circle,
		commands: work, text: quick, command: quick, recover: quick,
	},
}

// Bounds of answers.
const (
	quick     = 2 * time.Second  // nothing to wait for
	waitsOnce = 5 * time.Second  // a database may be waited for once: the engine's 3 s
	waits     = 8 * time.Second  // a database may be waited for
	repeats   = 10 * time.Second // after RFC 3261's repetitions
)

// fastTM frees transactions soon, so that memory is short for the line's
// reason only.
var fastTM = map[string]string{"FAST_TM": ""}

// imc_members, away and back.
const (
	gone = "ALTER TABLE imc_members RENAME TO imc_members_away"
	back = "ALTER TABLE imc_members_away RENAME TO imc_members"
)
