// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"
	"sync"

	"sessile.dev/go/internal/core"
)

// StreamHandlers are what the application hears of a stream. Those from Stderr on are for SSH channels.
type StreamHandlers struct {
	// Data: bytes arrived. Without it, arriving bytes end the session: nothing may be lost. The slice is lent.
	Data func(data []byte) error
	// End: the peer will send no more. Without it, this side is ended too, when no short write waits.
	End func() error
	// Writable: after a short write, more can be taken.
	Writable func() error
	// Closed: the stream is over; nil for a clean end.
	Closed func(error)
	// Stderr: bytes of the second flow arrived. Without it, they are dropped. The slice is lent.
	Stderr func(data []byte) error
	// Open: the channel that this side opened is open; until then it takes no data and no request.
	Open func() error
	// Reply: the answer to the oldest request without one.
	Reply func(accepted bool) error
	// Event: something else came: an exit status, a signal, a new terminal size. The stream's methods have it.
	Event func(ChannelEvent) error
}

// Stream is an ordered flow of bytes both ways. A TLS session has one, an SSH session one per channel.
type Stream struct {
	session  *Session
	leaf     *leaf
	number   uint64
	handlers StreamHandlers
	exit     Exit
	over     bool
}

// What streams have beside the usual: end, stderr.
var streamCallbacks struct {
	once [2][2]sync.Once
	made [2][2]*leaf
}

func callbacksWith(end, stderr bool) *leaf {
	made := &streamCallbacks.made[flag(end)][flag(stderr)]
	streamCallbacks.once[flag(end)][flag(stderr)].Do(func() {
		callbacks := newLeaf(core.Callbacks_new(), core.Callbacks_free, nil)
		for _, set := range []func(uintptr, bool) int{
			core.Callbacks_set_data, core.Callbacks_set_writable, core.Callbacks_set_request,
			core.Callbacks_set_stream_closed,
		} {
			set(callbacks.handle, true)
		}
		core.Callbacks_set_end(callbacks.handle, end)
		core.Callbacks_set_stderr(callbacks.handle, stderr)
		*made = callbacks
	})
	return *made
}

// Handle gives the stream its handlers, in place of those before.
func (t *Stream) Handle(handlers StreamHandlers) error {
	callbacks := callbacksWith(handlers.End != nil, handlers.Stderr != nil)
	return t.do(func(h uintptr) int {
		result := core.Stream_set_callbacks(h, callbacks.handle, t.number)
		if result >= 0 {
			t.handlers = handlers
		}
		return result
	})
}

func (t *Stream) call(run func(handle uintptr) int) (int, error) {
	result, err := t.session.call(func(uintptr) int { return run(t.leaf.handle) })
	runtime.KeepAlive(t.leaf)
	return result, err
}

func (t *Stream) do(run func(handle uintptr) int) error {
	_, err := t.call(run)
	return err
}

func (t *Stream) text(run func(handle uintptr) []byte) string {
	var text []byte
	t.call(func(h uintptr) int { text = run(h); return 0 })
	return string(text)
}

// Session is the one that it is a stream of.
func (t *Stream) Session() *Session { return t.session }

// Over is whether it is closed.
func (t *Stream) Over() bool { return t.over }

// Write sends bytes. It returns how many were taken: fewer than all, with no error, where the session is not ready,
// is held, or has reached the bound of one call. The caller keeps the rest, and StreamHandlers.Writable says when to
// go on. What was taken has been handed to Wire.Send when the outermost call returns.
func (t *Stream) Write(data []byte) (int, error) { return t.write(data, core.Stream_write) }

// WriteStderr is Write on the second flow.
func (t *Stream) WriteStderr(data []byte) (int, error) { return t.write(data, core.Ssh_write_stderr) }

func (t *Stream) write(data []byte, write func(uintptr, []byte) int) (int, error) {
	taken, err := t.call(func(h uintptr) int { return write(h, data) })
	if taken < 0 {
		taken = 0
	}
	return taken, err
}

// End half closes: nothing more will be written; data still arrives.
func (t *Stream) End() error { return t.do(core.Stream_end) }

// Abort ends it at once. With TLS that is the session.
func (t *Stream) Abort() error { return t.do(core.Stream_abort) }

// SetManual turns credit by hand on or off: what was delivered counts as unread until Consumed, and with too much
// unread the peer has to wait. It needs Wire.Resume.
func (t *Stream) SetManual(on bool) error {
	return t.do(func(h uintptr) int { return core.Stream_set_manual(h, flag(on)) })
}

// Consumed says that the application is done with so many bytes.
func (t *Stream) Consumed(size int) error {
	return t.do(func(h uintptr) int { return core.Stream_consumed(h, size) })
}

// Over this stream, OverStream makes a new session, whose wire it is. The stream's own handlers are not called any
// more. The outer session needs Wire.Resume. Both are driven by one goroutine at a time.
func OverStream(t *Stream, handlers Handlers) (*Session, error) {
	inner := &Session{}
	_, err := t.call(func(h uintptr) int {
		handle := core.Over_stream(h)
		if handle == 0 {
			return int(ErrMisuse)
		}
		inner.join(t.session.gate, handlers)
		return int(flag(inner.begin(handle) != nil))
	})
	if err != nil {
		return nil, err
	}
	return inner, nil
}

// ---- From the library ----

// Bytes implements core.Owner.
func (t *Stream) Bytes(event core.Event, _ int, data []byte) error {
	switch {
	case t.session.freed.Load():
		return ErrGone
	case event == core.Stderr && t.handlers.Stderr != nil:
		return t.session.ended(t.handlers.Stderr(data))
	case event == core.Data && t.handlers.Data != nil:
		return t.session.ended(t.handlers.Data(data))
	case event == core.Data:
		return t.session.ended(&Error{Code: ErrMisuse, Text: "bytes arrived on a stream without a Data handler"})
	}
	return nil
}

// Event implements core.Owner.
func (t *Stream) Event(event core.Event, value int, _ uintptr) error {
	if t.session.freed.Load() {
		return ErrGone
	}
	return t.session.ended(t.hear(event, value))
}

func (t *Stream) hear(event core.Event, value int) error {
	switch event {
	case core.End:
		return heard(t.handlers.End)
	case core.Writable:
		return heard(t.handlers.Writable)
	case core.Request:
		return t.request(ChannelEvent(value))
	case core.StreamClosed:
		t.closed(value)
	}
	return nil
}

func heard(handler func() error) error {
	if handler == nil {
		return nil
	}
	return handler()
}

func (t *Stream) request(event ChannelEvent) error {
	switch event {
	case eventOpened:
		return heard(t.handlers.Open)
	case eventAccepted, eventRefused:
		if t.handlers.Reply != nil {
			return t.handlers.Reply(event == eventAccepted)
		}
		return nil
	case EventExitStatus, EventExitSignal:
		t.exit.read(t.leaf.handle)
	}
	if t.handlers.Event != nil {
		return t.handlers.Event(event)
	}
	return nil
}

func (t *Stream) closed(code int) {
	t.over = true
	err := t.explain(code)
	t.session.forget(t)
	if t.handlers.Closed != nil {
		t.handlers.Closed(err)
	}
}

func (t *Stream) explain(code int) error {
	if code == int(ErrRefused) {
		if reason := core.Ssh_open_reason(t.leaf.handle); reason > 0 {
			return &Error{Code: ErrRefused, Reason: reason, Text: "the peer did not open the channel: " +
				string(core.Ssh_open_text(t.leaf.handle))}
		}
	}
	if failed, ok := t.session.failure().(*Error); ok && int(failed.Code) == code {
		return failed
	}
	return fail(code, nil)
}
