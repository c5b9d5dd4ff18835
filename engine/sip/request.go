package sip

// Request is one MESSAGE as the script handed it to imc_manager().
type Request struct {
	From        string // URI of the From header as it came
	RequestURI  string // as it came, or as the script rewrote it
	CallID      string // "" if there is none
	ContentType string // value of the header, "" if there is none
	Headers     string // further header fields that matter to a room, as they came, each with its CRLF
	Socket      string // where it was received, "udp:host:port"; "" if unknown
	Body        []byte // valid during the call only
}
