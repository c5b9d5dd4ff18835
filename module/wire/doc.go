// Package wire is the bytes that a process exchanges with C and with the other
// processes, and the memory that they lie in:
//
//   - records say what the C side is to do: send a MESSAGE, log a line, list a
//     room. A Reply holds them in a buffer that belongs to C;
//   - frames go over the socket pair of a worker and the host, whose ends are
//     WorkerEnd and HostEnd: requests one way, an Answer, made of records, the
//     other;
//   - counters are a row in memory that all processes share;
//   - a View is text in memory that is another's.
//
// Version counts what C and other processes see of it. Package wire knows the
// engine's values, a request, a MESSAGE and a line of the log, and decides
// nothing about them.
package wire

// Version is that of the boundary, IMC_ENGINE_ABI: it changes with every change
// of a record, a counter, a number or a structure in imc_engine.h. Frames need
// none of their own, since all processes have opened the same file.
const Version = 3
