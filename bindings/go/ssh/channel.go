// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"sessile.dev/go"
)

// Channel is a flow of bytes both ways inside a connection, with a second flow beside it. Its methods may be called by
// any number of goroutines at once. What is not read makes the peer wait.
type Channel struct {
	c      *connection
	stream *sessile.Stream

	// Under the connection's mutex:
	change   *sync.Cond
	in, err  flow
	open     bool
	ended    bool
	over     bool
	closed   bool // by this side
	reason   error
	stuck    bool // a short write waits
	asked    int  // requests, and what was answered to them
	answered int
	accepted map[int]bool
	event    func(sessile.ChannelEvent)
	requests *feed[*Request] // on servers
	gone     func()

	turn  sync.Mutex // whose Write it is
	read  limit
	write limit
}

// newChannel has its handlers to be given to a stream.
func (c *connection) newChannel() (*Channel, sessile.StreamHandlers) {
	ch := &Channel{c: c, change: sync.NewCond(&c.mutex), accepted: map[int]bool{}}
	return ch, sessile.StreamHandlers{
		Data:     func(data []byte) error { ch.in.put(data); return ch.changed() },
		Stderr:   func(data []byte) error { ch.err.put(data); return ch.changed() },
		End:      func() error { ch.ended = true; return ch.changed() },
		Writable: func() error { ch.stuck = false; return ch.changed() },
		Open:     func() error { ch.open = true; return ch.changed() },
		Reply: func(accepted bool) error {
			ch.answered++
			ch.accepted[ch.answered] = accepted
			return ch.changed()
		},
		Event: func(event sessile.ChannelEvent) error {
			if ch.event != nil {
				ch.event(event)
			}
			return ch.changed()
		},
		Closed: func(err error) {
			ch.over, ch.reason = true, err
			_ = ch.changed()
			if ch.gone != nil {
				ch.gone()
				ch.requests.end()
			}
		},
	}
}

func (ch *Channel) changed() error {
	ch.change.Broadcast()
	return nil
}

// openChannel opens one, and waits for the peer's consent.
func (c *connection) openChannel(ctx context.Context,
	open func(sessile.StreamHandlers) (*sessile.Stream, error)) (*Channel, error) {
	ch, handlers := c.newChannel()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.over {
		return nil, c.lost()
	}
	stream, err := open(handlers)
	if err != nil {
		return nil, err
	}
	ch.stream = stream
	_ = stream.SetManual(true)
	c.out.FlushSoon()
	if err := ch.await(ctx, func() bool { return ch.open }); err != nil {
		_ = stream.Abort()
		c.out.FlushSoon()
		return nil, err
	}
	return ch, nil
}

// acceptChannel is a stream that the peer has opened. Under the mutex.
func (c *connection) acceptChannel(stream *sessile.Stream) (*Channel, error) {
	ch, handlers := c.newChannel()
	ch.stream, ch.open = stream, true
	if err := stream.Handle(handlers); err != nil {
		return nil, err
	}
	return ch, stream.SetManual(true)
}

// await waits for what has to do with the channel. Under the mutex.
func (ch *Channel) await(ctx context.Context, reached func() bool) error {
	err := ch.c.await(ctx, ch.change, func() bool { return reached() || ch.over })
	if err != nil || reached() {
		return err
	}
	if ch.reason != nil {
		return ch.reason
	}
	return io.EOF
}

// ask makes a request, and waits for the answer; false where the peer refuses.
func (ch *Channel) ask(ctx context.Context, request func() error) (bool, error) {
	ch.c.mutex.Lock()
	defer ch.c.mutex.Unlock()
	if err := request(); err != nil {
		return false, err
	}
	ch.c.out.FlushSoon()
	ch.asked++
	mine := ch.asked
	err := ch.await(ctx, func() bool { return ch.answered >= mine })
	accepted := ch.accepted[mine]
	delete(ch.accepted, mine)
	return accepted, err
}

// tell does what needs no answer.
func (ch *Channel) tell(call func() error) error { return ch.c.do(call) }

// ---- Reading ----

// Read reads what the peer has sent; io.EOF when it will send no more.
func (ch *Channel) Read(p []byte) (int, error) { return ch.take(p, &ch.in) }

// stderr is the reader of the second flow.
type stderr struct{ ch *Channel }

func (s stderr) Read(p []byte) (int, error)  { return s.ch.take(p, &s.ch.err) }
func (s stderr) Write(p []byte) (int, error) { return s.ch.put(p, s.ch.stream.WriteStderr) }

// Stderr is the second flow (RFC 4254, section 5.2).
func (ch *Channel) Stderr() io.ReadWriter { return stderr{ch} }

func (ch *Channel) take(p []byte, from *flow) (int, error) {
	ch.c.mutex.Lock()
	defer ch.c.mutex.Unlock()
	n := 0
	for len(p) > 0 && n == 0 {
		switch {
		case ch.read.passed():
			return 0, os.ErrDeadlineExceeded
		case !from.empty():
			n = from.get(p)
		case ch.ended && !ch.over, ch.over && ch.reason == nil:
			return 0, io.EOF
		case ch.over:
			return 0, ch.reason
		default:
			n = ch.wait(p, from)
		}
	}
	if !ch.over && n > 0 {
		_ = ch.stream.Consumed(n)
		ch.c.out.FlushSoon()
	}
	return n, nil
}

// wait waits for a change, and has what comes put into p, unless another reader waits for that.
func (ch *Channel) wait(p []byte, from *flow) int {
	if from.target != nil {
		ch.change.Wait()
		return 0
	}
	from.target = p
	ch.change.Wait()
	n := from.filled
	from.target, from.filled = nil, 0
	return n
}

// ---- Writing ----

// Write sends bytes, and waits until the peer lets it.
func (ch *Channel) Write(p []byte) (int, error) { return ch.put(p, ch.stream.Write) }

func (ch *Channel) put(p []byte, write func([]byte) (int, error)) (int, error) {
	ch.turn.Lock()
	defer ch.turn.Unlock()
	written := 0
	for {
		n, err := ch.putSome(p[written:], write)
		written += n
		if sent := ch.c.out.Flush(); err == nil {
			err = sent
		}
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

func (ch *Channel) putSome(p []byte, write func([]byte) (int, error)) (int, error) {
	ch.c.mutex.Lock()
	defer ch.c.mutex.Unlock()
	for ch.stuck && !ch.over && !ch.write.passed() {
		ch.change.Wait()
	}
	switch {
	case ch.over && ch.reason != nil:
		return 0, ch.reason
	case ch.over:
		return 0, io.ErrClosedPipe
	case ch.write.passed():
		return 0, os.ErrDeadlineExceeded
	}
	ch.stuck = true
	n, err := write(p)
	if err != nil || n == len(p) {
		ch.stuck = false
	}
	return n, err
}

// CloseWrite says that nothing more will be written; reading goes on.
func (ch *Channel) CloseWrite() error {
	ch.turn.Lock()
	defer ch.turn.Unlock()
	return ch.tell(ch.stream.End)
}

// Close closes both directions.
func (ch *Channel) Close() error {
	return ch.tell(func() error {
		if ch.closed {
			return net.ErrClosed
		}
		ch.closed = true
		if ch.requests != nil {
			ch.requests.stop()
		}
		if ch.over {
			return nil
		}
		ch.over = true
		_ = ch.changed()
		return ch.stream.Abort()
	})
}

// Exit tells how a server's command ended, behind all that was written, and ends the channel.
func (ch *Channel) Exit(status uint32) error {
	return ch.end(func() error { return ch.stream.SendExitStatus(status) })
}

// ExitSignal tells the signal, without SIG, that has ended it.
func (ch *Channel) ExitSignal(signal, message string, coreDumped bool) error {
	return ch.end(func() error { return ch.stream.SendExitSignal(signal, coreDumped, message) })
}

func (ch *Channel) end(say func() error) error {
	ch.turn.Lock()
	defer ch.turn.Unlock()
	return ch.tell(func() error {
		if err := say(); err != nil {
			return err
		}
		if err := ch.stream.End(); !errors.Is(err, sessile.ErrClosed) {
			return err
		}
		return nil
	})
}

// ---- As a net.Conn ----

// limit is a deadline whose passing is announced.
type limit struct {
	at    time.Time
	timer *time.Timer
}

func (l *limit) passed() bool { return !l.at.IsZero() && !time.Now().Before(l.at) }

func (ch *Channel) set(l *limit, at time.Time) {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if l.at = at; !at.IsZero() && !l.passed() {
		l.timer = time.AfterFunc(time.Until(at), func() {
			ch.c.mutex.Lock()
			_ = ch.changed()
			ch.c.mutex.Unlock()
		})
	}
	_ = ch.changed()
}

// Conn is a channel that leads to somebody else, as a net.Conn.
type Conn struct {
	*Channel
	local, remote net.Addr
}

// LocalAddr is where it begins, as far as that is known.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is where it leads.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline is when a Read fails that waits; zero: never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setLimit(&c.read, t) }

// SetWriteDeadline is when a Write fails that waits for the peer's window; zero: never. A wire below that takes nothing
// is waited for.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setLimit(&c.write, t) }

func (c *Conn) setLimit(l *limit, t time.Time) error {
	c.c.mutex.Lock()
	defer c.c.mutex.Unlock()
	if c.over {
		return net.ErrClosed
	}
	c.set(l, t)
	return nil
}
