package engine

import "errors"

// Reasons why imc_manager() refuses a request, one for each of its return
// codes.
var (
	ErrMalformed  = errors.New("no body or no usable From or Request-URI")
	ErrUnparsable = errors.New("command cannot be parsed")
	ErrCreate     = errors.New("create refused")
	ErrJoin       = errors.New("join refused")
	ErrInvite     = errors.New("invite or add refused")
	ErrAccept     = errors.New("accept refused")
	ErrReject     = errors.New("reject refused")
	ErrRemove     = errors.New("remove refused")
	ErrLeave      = errors.New("leave refused")
	ErrList       = errors.New("members or rooms refused")
	ErrDestroy    = errors.New("destroy refused")
	ErrModify     = errors.New("modify or help refused")
	ErrUnknown    = errors.New("unknown command cannot be answered")
	ErrText       = errors.New("text refused")
)

// ErrRoomNotFound answers queries for a room that does not exist.
var ErrRoomNotFound = errors.New("room not found")

// codes is the one place where errors become return codes.
var codes = [...]struct {
	err  error
	code int
}{
	{ErrMalformed, CodeMalformed},
	{ErrUnparsable, CodeUnparsable},
	{ErrCreate, CodeCreate},
	{ErrJoin, CodeJoin},
	{ErrInvite, CodeInvite},
	{ErrAccept, CodeAccept},
	{ErrReject, CodeReject},
	{ErrRemove, CodeRemove},
	{ErrLeave, CodeLeave},
	{ErrList, CodeList},
	{ErrDestroy, CodeDestroy},
	{ErrModify, CodeModify},
	{ErrUnknown, CodeUnknown},
	{ErrText, CodeText},
}

// Code returns the return code of imc_manager() for an error: CodeOK for nil,
// CodeMalformed for an error that is none of the reasons above.
func Code(err error) int {
	if err == nil {
		return CodeOK
	}
	for _, c := range &codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return CodeMalformed
}

// refusal is a refused command: reason gives the return code, text is the
// line its sender gets, without the prefix "*** ".
type refusal struct {
	reason error
	text   string
}

func (r *refusal) Error() string { return r.reason.Error() + ": " + r.text }

func (r *refusal) Unwrap() error { return r.reason }
