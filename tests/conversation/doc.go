// Package conversation plays written conversations against the stock module
// and against ours, on real Kamailios over real UDP sockets, and compares what
// every participant received.
//
// A conversation is a text file in tests/conversations. It begins with a head:
//
//	Summary: what it shows
//	Param: create_on_join 0              a parameter of the module; strings in "..."
//	Header: X-Room: yes                  every MESSAGE carries this header too
//	Domain: loopback                     see below; otherwise chat.test
//	Database: yes                        rooms are kept in a MariaDB with the
//	                                     tables that come with Kamailio
//	Row: room: name, domain, flag        a row that is there at the start, as the
//	                                     step rows writes it
//	Define: FAST_TM                      -A FAST_TM for Kamailio, see common.cfg
//	Config: conversation                 folder in tests/kamailio-config
//	Only: ours                           the stock module cannot play it ...
//	Reason: heading                      ... for this reason
//
// Then come steps, each with its outcome on indented lines. Empty lines and
// lines that start with # do not count.
//
//	alice -> room "#create"
//	  room => alice "*** Room was created"
//
//	bob -> room "hello"
//	  rc -200
//
// The first line of a step says who sends what to which Request-URI; the body
// is a Go string, "x"x5 is five of them, and further strings on the lines below
// are added to it. A
// name stands for sip:NAME@chat.test; whatever has a colon is taken as it is.
// These lines say more about the request:
//
//	from "Alice" <sip:alice@chat.test>   the value of From
//	call-id "x"x1000                     the Call-ID; else a new one
//	header Content-Type: text/html       a header; without a Content-Type the
//	                                     request has text/plain
//	no Content-Type                      leaves it out (or Content-Length)
//
// And these say what is to come of it:
//
//	rc -30                               what imc_manager() returned; else 1
//	code 403                             the final response; else 200 or, after
//	                                     a negative rc, 403
//	room => bob "[alice]: hello"         a MESSAGE from room to bob; what is not
//	                                     written is not to come
//	room => bob like "^\\*\\*\\* "       the same with a regular expression
//	+ Content-Type: text/html            the MESSAGE before has this header; (none)
//	                                     for one that it must not have; else it is
//	                                     Content-Type: text/plain, Supported:
//	                                     kamailio/imc, In-Reply-To: the Call-ID of
//	                                     this step's request, and those of the head
//	stock:  /  ours:                     the lines below, further indented, are for
//	                                     one of the two, and there has to be a
//	reason: heading                      that stands in docs/differences.md
//	only ours                            the stock module is not asked
//	stock from 6.0:                      in the place of the lines for stock: if it
//	                                     is that of Kamailio 6.0 or later
//	no stock from 6.0                    the stock module of Kamailio 6.0 or later
//	                                     cannot do this and takes no further part
//
// MESSAGEs to one recipient have to come in the order written. Other steps:
//
//	bob answers 480                      to every MESSAGE from now on
//	bob is silent
//	rpc imc.list_members sip:room@x      followed by "| line" lines, or by one
//	                                     "| error: 500 - Room not found"; with
//	                                     "unordered" the structures are sorted
//	stat active_rooms                    followed by "| 1"
//	active room                          imc_room_active(), followed by "rc 1"
//	member room bob                      imc_room_member(), followed by "rc -1"
//	rows                                 the last step: the server is stopped and
//	                                     the rows of both tables are read,
//	                                     "| room: name, domain, flag" and
//	                                     "| member: user, domain, room, flag"
//
// With "Domain: loopback" names are users at an address of 127.0.0.0/8 and the
// module has no outbound_proxy: Kamailio has to find the recipients by their
// URIs. In texts, RPC lines and arguments @DOMAIN stands for "@" and the domain.
//
// To add a case, write a file and run
//
//	go test ./tests/conversation -run Conversations/NAME -module stock
//
// then without -module, against both.
package conversation
