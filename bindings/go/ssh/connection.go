// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"sessile.dev/go"
	"sessile.dev/go/internal/queue"
	"sessile.dev/go/internal/room"
)

const mostQueued = 256 << 10 // of answers, before reading waits for them to go out

var goodbyeTime = 5 * time.Second // for the last words; the tests have less

// connection is what clients and servers share: a session that is driven by one goroutine, which reads the wire.
// Others call into it under the mutex, and send what that produced.
type connection struct {
	conn net.Conn
	out  *queue.Queue
	gone chan struct{} // closed when the wire is
	done chan struct{} // closed when all is over
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup // answers that are being found

	mutex   sync.Mutex // the session; its handlers run under it
	change  *sync.Cond // something that is waited for may have happened
	session *sessile.Session
	ready   bool
	resumed bool
	asked   uint64 // keepalives, and how many of them were answered
	alive   uint64
	over    bool
	closing bool  // this side has said so
	broken  error // what reading the wire has failed with
	reason  error // why it is over; nil for a clean end
	cause   error // the same, where this side has decided
	left    bool  // nobody waits for the login any more
	atEnd   func()
	last    facts
}

// facts are what can be asked for when the session is gone.
type facts struct {
	id      []byte
	info    map[sessile.Info]string
	hostKey *sessile.Key
}

func newConnection(conn net.Conn, handlers sessile.Handlers) (*connection, error) {
	c := &connection{conn: conn, out: queue.New(conn), gone: make(chan struct{}), done: make(chan struct{})}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.change = sync.NewCond(&c.mutex)
	wire := sessile.Wire{
		Send:   func(data []byte) error { c.out.Add(data); return nil },
		Resume: func() { c.resumed = true; c.change.Broadcast() },
	}
	handlers.Ready = func() error { c.ready = true; c.change.Broadcast(); return nil }
	handlers.Closed = func(err error) {
		c.over, c.reason = true, c.because(err)
		c.change.Broadcast()
		c.unblock()
	}
	session, err := sessile.New(wire, handlers)
	c.session = session
	return c, err
}

// because is an end's error, with what reading has failed with.
func (c *connection) because(err error) error {
	var dropped *sessile.Error
	if c.broken == nil || !errors.As(err, &dropped) || dropped.Err != nil {
		return err
	}
	why := *dropped
	why.Err = c.broken
	return &why
}

// unblock has the goroutine that reads come back: a read that waits is of no use any more, and a write has little time
// left. Not every wire knows deadlines: then it is closed as soon as the last words have gone out.
func (c *connection) unblock() {
	failed := c.conn.SetReadDeadline(time.Unix(1, 0))
	if c.conn.SetWriteDeadline(time.Now().Add(goodbyeTime)) == nil && failed == nil {
		return
	}
	closing := time.AfterFunc(goodbyeTime, func() { _ = c.conn.Close() })
	go func() {
		_ = c.out.Flush()
		closing.Stop()
		_ = c.conn.Close()
	}()
}

// do calls into the session, and has what that produced sent soon.
func (c *connection) do(call func() error) error {
	c.mutex.Lock()
	err := call()
	c.mutex.Unlock()
	c.out.FlushSoon()
	return err
}

// answer finds an answer in a goroutine of its own, and gives it.
func (c *connection) answer(q *sessile.Question, find func(context.Context) (give func() error, err error)) error {
	if err := q.Keep(); err != nil {
		return err
	}
	c.work.Add(1)
	go func() {
		defer c.work.Done()
		returned := false
		defer func() {
			if !returned { // it has called runtime.Goexit
				_ = c.do(func() error { c.fail(errLeft); return nil })
			}
		}()
		give, err := c.found(find)
		returned = true
		_ = c.do(func() error {
			c.given(give, err)
			return nil
		})
	}()
	return nil
}

// given gives the answer that was found. One that cannot be given ends the connection, which would wait for it. Under
// the mutex.
func (c *connection) given(give func() error, err error) {
	if p, ok := err.(*panicked); ok && c.left {
		panic(p.value) // in whose goroutine else?
	}
	if err == nil && !c.over {
		err = give()
		c.change.Broadcast() // the session may take bytes again
	}
	if err != nil && !errors.Is(err, sessile.ErrGone) { // the peer may have withdrawn the question
		c.fail(err)
	}
}

// guard runs a callback that is the application's in the midst of a call: what it panics with is NewClient's.
func (c *connection) guard(call func()) {
	left := true
	defer func() {
		if left {
			c.fail(&panicked{recover()})
		}
	}()
	call()
	left = false
}

// panicked is what a callback has panicked with: NewClient, or NewServerConn, goes on panicking, or, where that has
// returned by its context, the callback's own goroutine.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprint("ssh: a callback panicked: ", p.value) }

var errLeft = errors.New("ssh: a callback did not return")

func (c *connection) found(find func(context.Context) (func() error, error)) (give func() error, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value}
		}
	}()
	return find(c.ctx)
}

// fail ends it at once, for a reason of this side's. Under the mutex.
func (c *connection) fail(err error) {
	if c.cause == nil && !c.over {
		c.cause = err
	}
	_ = c.session.Abort()
}

// err is why it is over. Under the mutex.
func (c *connection) err() error {
	if c.cause != nil {
		return c.cause
	}
	return c.reason
}

// begin reads until the session is ready; then, and where it is not to be, returns.
func (c *connection) begin(ctx context.Context) error {
	go c.read()
	c.out.FlushSoon()
	c.mutex.Lock()
	err := c.await(ctx, c.change, func() bool { return c.ready })
	if err == nil {
		c.mutex.Unlock()
		return nil
	}
	c.fail(err)
	c.left = true
	c.mutex.Unlock()
	<-c.gone
	var p *panicked
	if errors.As(err, &p) {
		panic(p.value)
	}
	return err
}

// await waits for what is announced by a condition. Errors: the context's, and why the connection is over. Under the
// mutex.
func (c *connection) await(ctx context.Context, change *sync.Cond, reached func() bool) error {
	defer context.AfterFunc(ctx, func() {
		c.mutex.Lock()
		change.Broadcast()
		c.mutex.Unlock()
	})()
	for !reached() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.over {
			return c.lost()
		}
		change.Wait()
	}
	return nil
}

// lost is why nothing more can be had. Under the mutex.
func (c *connection) lost() error {
	if err := c.err(); err != nil {
		return err
	}
	if c.closing {
		return net.ErrClosed
	}
	return io.ErrUnexpectedEOF
}

// ---- The wire ----

// read is the goroutine that reads the wire. It ends with the session.
func (c *connection) read() {
	in := room.Get(room.Small)
	for c.mayRead(&in) {
		in = room.Grow(in, len(in)+1)
		n, err := c.conn.Read(in[len(in):cap(in)])
		filled := n == cap(in)-len(in)
		in = in[:len(in)+n]
		c.mutex.Lock()
		in = c.receive(in, n, filled)
		if err == io.EOF && !c.over {
			_ = c.session.WireEnded()
		}
		if err != nil && !c.over {
			if err != io.EOF {
				c.broken = err
			}
			_ = c.session.WireClosed()
		}
		c.mutex.Unlock()
		c.send()
	}
	room.Put(in)
	c.finish()
}

// mayRead waits until the session takes bytes, and offers what it has not taken before; false once it is over.
func (c *connection) mayRead(in *[]byte) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for !c.over && (c.resumed || c.session.Want() == 0) {
		if c.resumed {
			c.resumed = false
			*in = c.receive(*in, len(*in), false)
			c.out.FlushSoon()
			continue
		}
		c.change.Wait()
	}
	return !c.over
}

// receive offers bytes, n of which have come now, and returns those that were not taken.
func (c *connection) receive(in []byte, n int, filled bool) []byte {
	if len(in) > 0 && !c.over {
		taken, _ := c.session.Receive(in)
		in = in[:copy(in, in[taken:])]
	}
	return room.Fit(in, n, filled, c.session.Want())
}

// send has answers go out without waiting, unless the peer takes too few of them.
func (c *connection) send() {
	if c.out.Len() > mostQueued {
		_ = c.out.Flush()
	} else {
		c.out.FlushSoon()
	}
}

// finish sends the last words, and closes the wire.
func (c *connection) finish() {
	c.stop()
	_ = c.out.Flush()
	_ = c.conn.Close()
	c.mutex.Lock()
	c.remember()
	c.session.Free()
	if c.atEnd != nil {
		c.atEnd()
	}
	c.mutex.Unlock()
	close(c.gone)
	c.work.Wait()
	close(c.done)
}

// remember keeps what may be asked for when the session is gone.
func (c *connection) remember() {
	c.last.id, _ = c.session.SessionID()
	c.last.hostKey = c.session.HostKey()
	c.last.info = map[sessile.Info]string{}
	for info := sessile.InfoKEX; info <= sessile.InfoStrict; info++ {
		if text := c.session.SSHInfo(info); text != "" {
			c.last.info[info] = text
		}
	}
}

// ---- What both ends offer ----

// Close ends the connection, and waits until that is done.
func (c *connection) Close() error {
	_ = c.do(func() error {
		c.closing = true
		if !c.over {
			_ = c.session.End()
		}
		return nil
	})
	timer := time.AfterFunc(goodbyeTime, func() {
		_ = c.do(func() error {
			if !c.over {
				_ = c.session.Abort()
			}
			return nil
		})
	})
	defer timer.Stop()
	<-c.done
	return nil
}

// Wait waits until the connection is over, and returns why: nil for a clean end.
func (c *connection) Wait() error {
	<-c.done
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.err()
}

// LocalAddr is that of the connection below.
func (c *connection) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr is that of the connection below.
func (c *connection) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SessionID is the session's identifier (RFC 4253, section 7.2).
func (c *connection) SessionID() []byte {
	var id []byte
	_ = c.do(func() error {
		if id = c.last.id; id == nil {
			id, _ = c.session.SessionID()
		}
		return nil
	})
	return append([]byte(nil), id...)
}

// Info is what was negotiated.
func (c *connection) Info(info sessile.Info) string {
	var text string
	_ = c.do(func() error {
		if text = c.last.info[info]; text == "" {
			text = c.session.SSHInfo(info)
		}
		return nil
	})
	return text
}

// User is who has logged in.
func (c *connection) User() string { return c.Info(sessile.InfoUser) }

// KeepAlive asks the peer for a sign of life, and waits for it.
func (c *connection) KeepAlive(ctx context.Context) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.over {
		return c.lost()
	}
	if err := c.session.KeepAlive(); err != nil {
		return err
	}
	c.out.FlushSoon()
	c.asked++
	mine := c.asked
	return c.await(ctx, c.change, func() bool { return c.alive >= mine })
}

// notice is what both ends hear of.
func (c *connection) notice(kind sessile.Notice) {
	if kind == sessile.NoticeSSHAlive {
		c.alive++
		c.change.Broadcast()
	}
}
