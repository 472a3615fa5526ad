// SPDX-License-Identifier: Apache-2.0

// Package sessile has secure sessions, TLS and SSH, that never touch the wire: whoever owns the wire hands in what
// arrived (Session.Receive), and is handed what is to be sent (Wire.Send). Nothing here reads, polls, waits, or starts
// a goroutine.
//
// One goroutine at a time drives a session, its streams and its questions: a second one gets ErrBusy. Any of their
// methods may be called from inside any callback. What a callback returns as an error, or panics with, comes out of the
// outermost call on its session; callbacks must not call runtime.Goexit (as testing.T's FailNow does). Slices that
// callbacks are given are lent: they must not be kept.
package sessile

import (
	"runtime"
	"sync/atomic"
	"time"

	"sessile.dev/go/internal/core"
)

// Wire is what the owner of a wire gives a session.
type Wire struct {
	// Send has all of data sent, or queued. An error ends the session with ErrComm. The slice is lent.
	Send func(data []byte) error
	// Close closes the wire when what was given to Send has gone out. It may be nil.
	Close func()
	// Resume says to offer again what Receive did not take. Where it comes while a Receive of this session runs, note
	// it, and offer once that has returned. Without it, sessions cannot be paused, nor questions that block be kept.
	Resume func()
}

// Handlers are what the application hears of a session. Any may be nil.
type Handlers struct {
	// Ready: the peer is authenticated as far as the config asks for.
	Ready func() error
	// Question: a decision is needed. Accept, refuse or keep it; else it is refused.
	Question func(*Question) error
	// Withdrawn: a question that was kept is no longer of interest.
	Withdrawn func(*Question) error
	// Stream: the peer opened a channel, with a question's consent. Give it handlers here (Stream.Handle).
	Stream func(*Stream) error
	// Notice: something to know. The slice is lent.
	Notice func(kind Notice, data []byte) error
	// AgentReply: an agent's answer.
	AgentReply func(*AgentReply) error
	// Closed: the session is over; nil for a clean end.
	Closed func(error)
	// Trace is called for each message after SetTrace; direction 0 is received, 1 is sent.
	Trace func(direction int, message string, size int, phase string)
}

// Session is one secure conversation over one wire.
type Session struct {
	leaf     *leaf
	gate     *core.Gate
	number   uint64
	wire     Wire
	handlers Handlers
	streams  map[uintptr]*Stream
	kept     map[uintptr]*Question
	cause    error // what a callback returned that ended it
	timed    bool
	begun    bool
	over     bool
	freed    atomic.Bool
}

var sessionCallbacks = func() *leaf {
	callbacks := newLeaf(core.Callbacks_new(), core.Callbacks_free, nil)
	for _, set := range []func(uintptr, bool) int{
		core.Callbacks_set_ready, core.Callbacks_set_question, core.Callbacks_set_withdrawn, core.Callbacks_set_stream,
		core.Callbacks_set_notice, core.Callbacks_set_closed,
	} {
		set(callbacks.handle, true)
	}
	return callbacks
}()

// New makes a session for a wire that is open. It sends nothing until a protocol is chosen: ConnectTLS, AcceptTLS,
// ConnectSSH, AcceptSSH or ConnectAgent.
func New(wire Wire, handlers Handlers) (*Session, error) {
	if wire.Send == nil {
		return nil, &Error{Code: ErrArgument, Text: "a wire needs Send"}
	}
	s := &Session{wire: wire}
	s.join(core.NewGate(), handlers)
	if err := s.begin(core.Session_create(s.number)); err != nil {
		return nil, err
	}
	if wire.Resume != nil {
		core.Session_set_resume(s.leaf.handle, true)
	}
	return s, nil
}

func (s *Session) join(gate *core.Gate, handlers Handlers) {
	s.gate, s.handlers = gate, handlers
	s.number = gate.Add(s)
	s.streams, s.kept = map[uintptr]*Stream{}, map[uintptr]*Question{}
}

func (s *Session) begin(handle uintptr) error {
	s.leaf = newLeaf(handle, core.Session_free, s.gate)
	if handle == 0 {
		return fail(int(ErrMemory), nil)
	}
	return nil
}

// Pair is two sessions in memory whose wires are each other: what one sends, the other receives.
func Pair(first, second Handlers) (*Session, *Session, error) {
	gate, one, two := core.NewGate(), &Session{}, &Session{}
	handleOne, handleTwo := make([]uintptr, 1), make([]uintptr, 1)
	if err := fail(core.Pair(handleOne, handleTwo), nil); err != nil {
		return nil, nil, err
	}
	one.join(gate, first)
	two.join(gate, second)
	_, _ = one.begin(handleOne[0]), two.begin(handleTwo[0])
	return one, two, nil
}

// ---- Calls ----

// call runs what needs the session, and turns its result into an error.
func (s *Session) call(run func(handle uintptr) int) (int, error) {
	frame, ok := s.gate.Enter()
	if !ok {
		return 0, fail(int(ErrBusy), nil)
	}
	result := int(ErrGone)
	if !s.freed.Load() {
		result = run(s.leaf.handle)
	}
	var err error
	if result < 0 {
		err = s.explain(result)
	}
	parked := frame.Leave()
	runtime.KeepAlive(s.leaf)
	if parked != nil {
		err = parked
	}
	return result, err
}

func (s *Session) do(run func(handle uintptr) int) error {
	_, err := s.call(run)
	return err
}

func (s *Session) number64(run func(handle uintptr) uint64) uint64 {
	var number uint64
	s.call(func(h uintptr) int { number = run(h); return 0 })
	return number
}

func (s *Session) text(run func(handle uintptr) []byte) string {
	var text []byte
	s.call(func(h uintptr) int { text = run(h); return 0 })
	return string(text)
}

// explain is what a code is about: where the session has failed by this call, what ended it.
func (s *Session) explain(code int) error {
	if code == int(ErrFailed) || code == core.Session_error(s.leaf.handle) {
		if err := s.failure(); err != nil {
			return err
		}
	}
	return fail(code, nil)
}

func (s *Session) failure() error {
	if s.freed.Load() {
		return fail(int(ErrGone), nil)
	}
	code := core.Session_error(s.leaf.handle)
	if code >= 0 {
		return nil
	}
	return &Error{Code: Code(code), Text: string(core.Session_error_text(s.leaf.handle)), Err: s.cause}
}

// ---- The wire ----

// Receive processes bytes that arrived: all that were not taken yet, in order. They are read during the call only. It
// returns how many were taken, whole units from the start; the rest is to be offered again with more behind it. The
// error is what made the session fail, or what a callback returned. There is no need to call it until it takes 0.
func (s *Session) Receive(data []byte) (int, error) {
	frame, ok := s.gate.Enter()
	if !ok {
		return 0, fail(int(ErrBusy), nil)
	}
	taken, err := int(ErrGone), error(nil)
	if !s.freed.Load() {
		taken = core.Session_receive(s.leaf.handle, data)
	}
	if taken < 0 {
		taken, err = 0, s.failure()
	}
	parked := frame.Leave()
	runtime.KeepAlive(s.leaf)
	if parked != nil {
		err = parked
	}
	return taken, err
}

// WireClosed says that the wire is gone: the other side closed it, or it broke. Handlers.Closed tells a clean end,
// ErrDropped and ErrTruncated apart.
func (s *Session) WireClosed() error {
	return s.do(func(h uintptr) int { core.Session_close(h); s.settle(h); return 0 })
}

// WireEnded says that nothing more will arrive, but that the wire may still take bytes (TCP's FIN).
func (s *Session) WireEnded() error { return s.do(core.Session_receive_end) }

// Want is how many bytes, from the start of what was not taken, make progress possible; 0: it takes nothing now.
func (s *Session) Want() int {
	want, _ := s.call(core.Session_want)
	return want
}

// WantMax is the largest Want of this session's life. 0 before the protocol is chosen.
func (s *Session) WantMax() int {
	want, _ := s.call(core.Session_want_max)
	return want
}

// Hold says that the queue behind Send is over its mark, or, with false, has drained.
func (s *Session) Hold(on bool) error {
	return s.do(func(h uintptr) int { return core.Session_hold(h, flag(on)) })
}

// Detach ends the session without ever calling Wire.Close: what follows the peer's goodbye is left untaken.
func (s *Session) Detach() error { return s.do(core.Session_detach) }

// ---- Both ends ----

// Batch runs call: what its calls produce is sent at its end, in one piece.
func (s *Session) Batch(call func()) error {
	return s.do(func(h uintptr) int {
		if result := core.Session_enter(h); result < 0 {
			return result
		}
		defer core.Session_leave(h)
		s.gate.Outside(call)
		return 0
	})
}

// Pause stops taking bytes, or, with false, goes on. It needs Wire.Resume.
func (s *Session) Pause(on bool) error {
	return s.do(func(h uintptr) int { return core.Session_pause(h, flag(on)) })
}

// End ends gracefully: it says goodbye, and waits for the peer's as long as the owner of the wire lets it.
func (s *Session) End() error {
	return s.do(func(h uintptr) int { defer s.settle(h); return core.Session_end(h) })
}

// Abort ends at once: nothing more is sent, and the wire is closed.
func (s *Session) Abort() error {
	return s.do(func(h uintptr) int { defer s.settle(h); return core.Session_abort(h) })
}

// settle: the library has nobody to tell of an end before a protocol is chosen.
func (s *Session) settle(h uintptr) {
	if !s.begun && !s.over {
		s.gate.Outside(func() { s.closed(core.Session_error(h)) })
	}
}

// Free lets go of the session now, instead of when it is collected: nothing is sent, Wire.Close is called if neither
// side has closed, and no handler is called after that. Where the session is in the midst of a call, it takes effect
// when that returns.
func (s *Session) Free() {
	s.freed.Store(true)
	s.gate.AtRest(s.release)
}

func (s *Session) release() {
	frame, ok := s.gate.Enter()
	if !ok { // somebody has come in between
		s.gate.AtRest(s.release)
		return
	}
	s.leaf.release()
	s.gate.Remove(s.number)
	frame.Leave()
}

// Over is whether Handlers.Closed has been called, or would have been.
func (s *Session) Over() bool { return s.over }

// Err is the first fatal error, which never changes; nil while there is none.
func (s *Session) Err() error {
	var err error
	if _, busy := s.call(func(uintptr) int { err = s.failure(); return 0 }); busy != nil {
		return busy
	}
	return err
}

// Stream is the one stream of a TLS session, while it is open; nil else.
func (s *Session) Stream() *Stream {
	var found *Stream
	s.call(func(h uintptr) int { found = s.streamOf(core.Session_stream(h)); return 0 })
	return found
}

// SetTime tells the time that certificates are judged by. Without it, that is the time of connecting or accepting.
func (s *Session) SetTime(now time.Time) error {
	s.timed = true
	return s.do(func(h uintptr) int { return core.Session_set_time(h, now.Unix()) })
}

// SetCounters counts from zero on, or stops counting.
func (s *Session) SetCounters(on bool) error {
	return s.do(func(h uintptr) int { return core.Session_set_counters(h, flag(on)) })
}

// Count is a counter's value; 0 while nothing is counted.
func (s *Session) Count(counter Counter) uint64 {
	return s.number64(func(h uintptr) uint64 { return core.Session_counter(h, int(counter)) })
}

// SetTrace has Handlers.Trace called for each protocol message, or, with false, no more.
func (s *Session) SetTrace(on bool) error {
	return s.do(func(h uintptr) int { return core.Session_set_trace(h, on && s.handlers.Trace != nil, s.number) })
}

// Version is the library's version, such as "0.1.0".
func Version() string { return string(core.Version()) }

// ABIVersion is the number that changes when the library's ABI breaks.
func ABIVersion() int { return core.Abi_version() }
