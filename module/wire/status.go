package wire

// Status is what a function of the boundary returns, as in imc_engine.h.
type Status int

// Values of Status.
const (
	StatusOK      Status = 0
	StatusInvalid Status = -1 // called with something that cannot be
	StatusStart   Status = -2 // not started, or the start failed
	StatusPanic   Status = -3 // recovered from a panic
	StatusTimeout Status = -4 // the host did not answer in time, or is gone
)
