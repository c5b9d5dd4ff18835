package conversation

import (
	"regexp"
	"slices"

	"kamailio-imc/tests/kamailio"
	"kamailio-imc/tests/sipua"
)

// File is one conversation.
type File struct {
	Path     string
	Summary  string
	Config   string
	Domain   string // "" or "loopback"
	Database bool
	Rows     []string // that are there before the start, as the step rows writes them
	Params   map[string]any
	Defines  map[string]string
	Headers  []sipua.Header // that every MESSAGE carries
	OnlyOurs bool
	Reason   string
	Steps    []*Step
}

// Kind is what a step does.
type Kind int

// The kinds of steps.
const (
	Send Kind = iota
	Answers
	RPC
	Statistic
	Active
	Member
	Rows
)

// Step is one step of a conversation.
type Step struct {
	Line int
	Kind Kind

	// Send: names or URIs, as they were written
	From, To string
	FromHdr  string // "" is "<" + URI of From + ">"
	CallID   string // "" is a new one
	Body     string
	Headers  []sipua.Header
	Without  []string // headers that are left out

	Args      []string // of the other kinds
	Unordered bool

	Both        Outcome
	Stock, Ours *Outcome // nil: Both
	// StockFrom are outcomes for the stock module of a version and later.
	StockFrom []Since
	OnlyOurs  bool
	// NoStockFrom is the version from which on the stock module takes no part in
	// this step and those after it, if there is one.
	NoStockFrom *kamailio.Version
	Reason      string
}

// Since is an outcome that is right from a version of Kamailio on.
type Since struct {
	Version kamailio.Version
	Outcome *Outcome
}

// Outcome is what a step is to lead to.
type Outcome struct {
	RC         *int
	Code       *int
	Deliveries []*Delivery
	Lines      []string // of RPC, Statistic and Rows
}

// Delivery is a MESSAGE that somebody receives.
type Delivery struct {
	From, To string
	Body     string
	Pattern  *regexp.Regexp // instead of Body
	Headers  []sipua.Header // value "(none)": must not be there
}

// For gives the outcome for one module of a version of Kamailio: the common
// lines, with those for this module added; what the module's own lines say
// counts.
func (s *Step) For(stock bool, v kamailio.Version) Outcome {
	o := s.Both
	own := s.Ours
	if stock {
		own = s.Stock
		for _, since := range s.StockFrom {
			if v.AtLeast(since.Version) {
				own = since.Outcome
			}
		}
	}
	if own == nil {
		return o
	}
	if own.RC != nil {
		o.RC = own.RC
	}
	if own.Code != nil {
		o.Code = own.Code
	}
	o.Deliveries = slices.Concat(o.Deliveries, own.Deliveries)
	o.Lines = slices.Concat(o.Lines, own.Lines)
	return o
}

// Differs tells whether the two modules are to do different things.
func (s *Step) Differs() bool { return s.Stock != nil || s.StockFrom != nil || s.OnlyOurs }
