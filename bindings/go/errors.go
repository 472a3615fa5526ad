// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"io"

	"sessile.dev/go/internal/core"
)

// Code says what kind of failure it was. Each is an error itself, to be looked for with errors.Is.
type Code int

// What the caller did: the object is as it was.
const (
	ErrMisuse   Code = Code(core.ERR_MISUSE)   // not allowed in this state
	ErrArgument Code = Code(core.ERR_ARGUMENT) // a parameter is not usable
	ErrBusy     Code = Code(core.ERR_BUSY)     // another goroutine is inside this session
	ErrGone     Code = Code(core.ERR_GONE)     // outlived its session, or freed
	ErrClosed   Code = Code(core.ERR_CLOSED)   // this direction, or the session, has ended
)

// What the peer did.
const (
	ErrProtocol    Code = Code(core.ERR_PROTOCOL)    // sent what the protocol forbids
	ErrPeer        Code = Code(core.ERR_PEER)        // ended the session with an error of its own
	ErrNegotiation Code = Code(core.ERR_NEGOTIATION) // has nothing in common with this side
	ErrVerify      Code = Code(core.ERR_VERIFY)      // did not prove to be who it must be
	ErrDropped     Code = Code(core.ERR_DROPPED)     // the wire closed between two units
	ErrTruncated   Code = Code(core.ERR_TRUNCATED)   // the wire closed where more was due; io.ErrUnexpectedEOF as well
)

// What happened here.
const (
	ErrFailed      Code = Code(core.ERR_FAILED)      // the session has failed before
	ErrMemory      Code = Code(core.ERR_MEMORY)      // no memory
	ErrLimit       Code = Code(core.ERR_LIMIT)       // a limit was reached; the text names it
	ErrCallback    Code = Code(core.ERR_CALLBACK)    // a callback returned an error, or panicked
	ErrComm        Code = Code(core.ERR_COMM)        // Wire.Send returned an error, or panicked
	ErrRefused     Code = Code(core.ERR_REFUSED)     // a question was refused, or the peer refused
	ErrAborted     Code = Code(core.ERR_ABORTED)     // aborted, or ended before it was ready
	ErrCrypto      Code = Code(core.ERR_CRYPTO)      // libssl or libcrypto failed by itself
	ErrUnsupported Code = Code(core.ERR_UNSUPPORTED) // this build does not have it
	ErrPassphrase  Code = Code(core.ERR_PASSPHRASE)  // a key is encrypted, and the passphrase missing or wrong
)

// Error is the code's sentence.
func (c Code) Error() string { return "sessile: " + string(core.Error_describe(int(c))) }

// Name is the code's name in the library, such as "ERR_PROTOCOL".
func (c Code) Name() string { return string(core.Error_name(int(c))) }

// Error is how functions of this package fail: with a Code, which errors.Is finds.
type Error struct {
	Code Code
	// Text is a sentence about what happened: what the peer or the caller did, the message, the value and the limit,
	// with the peer's bytes escaped.
	Text string
	// Reason is the peer's number where it did not open a channel (RFC 4254, section 5.1), else 0.
	Reason int
	// Err is what a callback returned, where that was the cause.
	Err error
}

func (e *Error) Error() string {
	text := e.Code.Error()
	if e.Text != "" {
		text = "sessile: " + e.Text + " (" + e.Code.Name() + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is makes an Error its Code, and ErrTruncated an io.ErrUnexpectedEOF.
func (e *Error) Is(target error) bool {
	if code, ok := target.(Code); ok {
		return e.Code == code
	}
	return target == io.ErrUnexpectedEOF && e.Code == ErrTruncated
}

// Unwrap is what a callback returned.
func (e *Error) Unwrap() error { return e.Err }

// fail is a result's error: nil where it is none.
func fail(result int, text []byte) error {
	if result >= 0 {
		return nil
	}
	return &Error{Code: Code(result), Text: string(text)}
}
