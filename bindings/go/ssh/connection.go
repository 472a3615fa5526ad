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
)

const (
	leastRoom   = 4 << 10
	mostRoom    = 128 << 10
	mostQueued  = 256 << 10 // of answers, before reading waits for them to go out
	goodbyeTime = 5 * time.Second
)

// connection is what clients and servers share: a session that is driven by one goroutine, which reads the wire.
// Others call into it under the mutex, and send what that produced.
type connection struct {
	conn net.Conn
	out  *queue.Queue
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
	reason  error // why it is over; nil for a clean end
	cause   error // the same, where this side has decided
	atEnd   func()
}

func newConnection(conn net.Conn, handlers sessile.Handlers) (*connection, error) {
	c := &connection{conn: conn, out: queue.New(conn), done: make(chan struct{})}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.change = sync.NewCond(&c.mutex)
	wire := sessile.Wire{
		Send:   func(data []byte) error { c.out.Add(data); return nil },
		Resume: func() { c.resumed = true; c.change.Broadcast() },
	}
	handlers.Ready = func() error { c.ready = true; c.change.Broadcast(); return nil }
	handlers.Closed = func(err error) {
		c.over, c.reason = true, err
		c.change.Broadcast()
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // a read that waits is of no use any more
	}
	session, err := sessile.New(wire, handlers)
	c.session = session
	return c, err
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
			if err != nil {
				c.fail(err)
				return nil
			}
			if c.over {
				return nil
			}
			defer c.change.Broadcast() // the session may take bytes again
			return give()
		})
	}()
	return nil
}

// panicked is what a callback has panicked with: NewClient, or NewServerConn, goes on panicking.
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
	c.mutex.Unlock()
	<-c.done
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
	return io.ErrUnexpectedEOF
}

// ---- The wire ----

// read is the goroutine that reads the wire. It ends with the session.
func (c *connection) read() {
	room := make([]byte, 0, leastRoom)
	for c.mayRead(&room) {
		if len(room) == cap(room) {
			room = append(make([]byte, 0, 2*cap(room)), room...)
		}
		n, err := c.conn.Read(room[len(room):cap(room)])
		filled := n == cap(room)-len(room)
		room = room[:len(room)+n]
		c.mutex.Lock()
		room = c.receive(room, filled)
		if err == io.EOF && !c.over {
			_ = c.session.WireEnded()
		}
		if err != nil && !c.over {
			_ = c.session.WireClosed()
		}
		c.mutex.Unlock()
		c.send()
	}
	c.finish()
}

// mayRead waits until the session takes bytes, and offers what it has not taken before; false once it is over.
func (c *connection) mayRead(room *[]byte) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for !c.over && (c.resumed || c.session.Want() == 0) {
		if c.resumed {
			c.resumed = false
			*room = c.receive(*room, false)
			c.out.FlushSoon()
			continue
		}
		c.change.Wait()
	}
	return !c.over
}

// receive offers bytes, and returns those that were not taken.
func (c *connection) receive(room []byte, filled bool) []byte {
	if len(room) > 0 && !c.over {
		taken, _ := c.session.Receive(room)
		room = room[:copy(room, room[taken:])]
	}
	size := c.session.Want()
	if filled && 2*cap(room) <= mostRoom {
		size = max(size, 2*cap(room))
	}
	if size > cap(room) {
		room = append(make([]byte, 0, size), room...)
	}
	return room
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
	_ = c.conn.SetWriteDeadline(time.Now().Add(goodbyeTime))
	_ = c.out.Flush()
	_ = c.conn.Close()
	c.mutex.Lock()
	c.session.Free()
	if c.atEnd != nil {
		c.atEnd()
	}
	c.mutex.Unlock()
	c.work.Wait()
	close(c.done)
}

// ---- What both ends offer ----

// Close ends the connection, and waits until that is done.
func (c *connection) Close() error {
	_ = c.do(func() error {
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
	_ = c.do(func() error { id, _ = c.session.SessionID(); return nil })
	return id
}

// Info is what was negotiated.
func (c *connection) Info(info sessile.Info) string {
	var text string
	_ = c.do(func() error { text = c.session.SSHInfo(info); return nil })
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
