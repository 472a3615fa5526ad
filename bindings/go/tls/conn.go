// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sessile.dev/go"
	"sessile.dev/go/internal/queue"
	"sessile.dev/go/internal/room"
)

const (
	chunk       = 64 << 10 // what one call encrypts
	goodbyeTime = 5 * time.Second
)

// Conn is a TLS connection over a net.Conn. Its methods may be called by any number of goroutines at once.
//
// It has no goroutine of its own while nothing waits to be sent: whoever reads drives the session. Locks are taken in
// the order that they are listed in.
type Conn struct {
	conn   net.Conn
	config *Config
	client bool

	writing int32 // Writes that are running
	limit   int64 // when Writes fail, in nanoseconds since 1970; 0: never
	closing int32

	shaking sync.Mutex
	shaken  int32
	failed  error // why the handshake did; under shaking

	reading sync.Mutex // who reads the wire
	raw     []byte     // what arrived and was not taken; under reading

	turn sync.Mutex // whose Write it is
	out  *queue.Queue

	mutex   sync.Mutex // the session, and what its handlers touch:
	session *sessile.Session
	stream  *sessile.Stream
	target  []byte // where Read wants what arrives
	in      []byte // what did not fit
	ready   bool
	ended   bool // the peer has said goodbye
	over    bool
	reason  error // why it is over; nil for a clean end
}

// Client is the client's side of TLS on a connection. The config must have a ServerName, or not check it. The
// handshake is that of the first Read, Write or Handshake.
func Client(conn net.Conn, config *Config) *Conn {
	return &Conn{conn: conn, out: queue.New(conn), config: config.orEmpty(), client: true}
}

// Server is the server's side. The config must have TLS with a certificate.
func Server(conn net.Conn, config *Config) *Conn {
	return &Conn{conn: conn, out: queue.New(conn), config: config.orEmpty()}
}

// ---- The session ----

// begin makes the session. Its handlers run under the mutex.
func (c *Conn) begin() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	session, err := sessile.New(sessile.Wire{Send: c.send}, sessile.Handlers{
		Ready:    func() error { c.ready = true; return nil },
		Question: c.config.Question,
		Notice:   c.notice,
		Closed:   func(err error) { c.over, c.reason = true, err },
	})
	if err != nil {
		return err
	}
	c.session = session
	handlers := sessile.StreamHandlers{Data: c.data, End: func() error { c.ended = true; return nil }}
	options := &sessile.TLSOptions{Ticket: c.config.Ticket, InsecureKeyLog: c.config.InsecureKeyLog != nil}
	if c.client {
		c.stream, err = session.ConnectTLS(c.config.client(), c.config.ServerName, options, handlers)
	} else {
		c.stream, err = session.AcceptTLS(c.config.TLS, options, handlers)
	}
	return err
}

func (c *Conn) send(data []byte) error {
	c.out.Add(data)
	return nil
}

func (c *Conn) data(data []byte) error {
	n := copy(c.target, data)
	c.target = c.target[n:]
	c.in = append(c.in, data[n:]...)
	return nil
}

func (c *Conn) notice(kind sessile.Notice, data []byte) error {
	switch {
	case kind == sessile.NoticeTLSTicket && c.config.NewTicket != nil:
		c.config.NewTicket(append([]byte(nil), data...))
	case kind == sessile.NoticeTLSKeylog && c.config.InsecureKeyLog != nil:
		_, err := c.config.InsecureKeyLog.Write(append(append([]byte(nil), data...), '\n'))
		return err
	}
	return nil
}

// ---- The handshake ----

// Handshake shakes hands, if that has not been done.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

// HandshakeContext is Handshake until the context is done, which leaves the connection unusable.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if atomic.LoadInt32(&c.shaken) != 0 {
		return nil
	}
	c.shaking.Lock()
	defer c.shaking.Unlock()
	if c.failed != nil || atomic.LoadInt32(&c.shaken) != 0 {
		return c.failed
	}
	interrupted := interruptOn(ctx, c.conn)
	c.failed = errLeft // unless it comes to its end
	defer interrupted()
	err := c.shake()
	if cause := interrupted(); cause != nil {
		err = cause
	}
	if c.failed = err; err == nil {
		atomic.StoreInt32(&c.shaken, 1)
	}
	return err
}

// interruptOn has what waits on the connection fail once the context is done. The function that is returned ends that,
// and tells the context's error where it has happened.
func interruptOn(ctx context.Context, conn net.Conn) func() error {
	stop := context.AfterFunc(ctx, func() {
		if conn.SetDeadline(time.Unix(1, 0)) != nil { // not every wire knows deadlines
			_ = conn.Close()
		}
	})
	return func() error {
		if stop() {
			return nil
		}
		return ctx.Err()
	}
}

var errLeft = errors.New("tls: a callback panicked during the handshake")

func (c *Conn) shake() error {
	c.reading.Lock()
	defer c.reading.Unlock()
	if err := c.begin(); err != nil {
		return err
	}
	for {
		c.mutex.Lock()
		ready, over, reason := c.ready, c.over, c.reason
		c.mutex.Unlock()
		if over {
			c.out.FlushSoon() // the alert that says why
			return c.end(reason, io.ErrUnexpectedEOF)
		}
		if ready && !c.client {
			// Tickets may follow, which nobody may be reading for: a pipe would block.
			c.out.FlushSoon()
			return nil
		}
		if err := c.out.Flush(); err != nil || ready {
			return err
		}
		if err := c.fill(nil); err != nil {
			return err
		}
	}
}

// ---- Reading ----

// Read reads what the peer has sent: io.EOF after its goodbye, io.ErrUnexpectedEOF where the connection ends without.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	n, err := c.take(p)
	for n == 0 && err == nil {
		c.out.FlushSoon()
		if err = c.fill(p); err == nil {
			n, err = c.taken(p)
		}
	}
	c.out.FlushSoon() // an alert, or what was asked for by the way
	return n, err
}

// take is what was kept.
func (c *Conn) take(p []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if atomic.LoadInt32(&c.closing) != 0 {
		return 0, net.ErrClosed
	}
	if n := copy(p, c.in); n > 0 {
		if c.in = c.in[n:]; len(c.in) == 0 {
			c.in = nil
		}
		return n, nil
	}
	return 0, c.atEnd()
}

// taken is what has come into p by itself.
func (c *Conn) taken(p []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	n := len(p) - len(c.target)
	c.target = nil
	if n == 0 {
		return 0, c.atEnd()
	}
	return n, nil
}

func (c *Conn) atEnd() error {
	if c.ended {
		return io.EOF
	}
	if c.over {
		return c.end(c.reason, io.EOF)
	}
	return nil
}

// end is an error to return where the session is over.
func (c *Conn) end(reason, clean error) error {
	if reason == nil {
		return clean
	}
	if errors.Is(reason, sessile.ErrTruncated) || errors.Is(reason, sessile.ErrDropped) {
		return &truncated{reason}
	}
	return reason
}

// truncated is an end without a goodbye, which is also an io.ErrUnexpectedEOF.
type truncated struct{ error }

func (t *truncated) Is(target error) bool { return target == io.ErrUnexpectedEOF }
func (t *truncated) Unwrap() error        { return t.error }

// fill reads once from the wire, and has the session take it. target: where what arrives goes, first of all.
func (c *Conn) fill(target []byte) error {
	c.raw = room.Grow(c.raw, len(c.raw)+1)
	full := cap(c.raw)
	n, err := c.conn.Read(c.raw[len(c.raw):full])
	c.raw = c.raw[:len(c.raw)+n]
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.target = target
	if n > 0 {
		if failed := c.receive(n, len(c.raw) == full); failed != nil {
			return failed
		}
	}
	if err == nil || len(c.target) < len(target) || c.ended {
		return nil
	}
	if err == io.EOF {
		_ = c.session.WireEnded()
		if c.over {
			return c.end(c.reason, io.EOF)
		}
		return io.ErrUnexpectedEOF
	}
	if failed, ok := err.(net.Error); !ok || !failed.Timeout() {
		_ = c.session.WireClosed()
	}
	return err
}

// receive offers what is raw. Errors of the session are in reason, unless it has them from elsewhere.
func (c *Conn) receive(n int, filled bool) error {
	taken, err := c.session.Receive(c.raw)
	rest := copy(c.raw, c.raw[taken:])
	c.raw = c.raw[:rest]
	if err != nil && !c.over {
		return err
	}
	c.raw = room.Fit(c.raw, n, filled, c.session.Want())
	return nil
}

// ---- Writing ----

// Write sends bytes. Where it fails by a deadline, what it counts is sent with the next Write or Close.
func (c *Conn) Write(p []byte) (int, error) {
	atomic.AddInt32(&c.writing, 1)
	defer atomic.AddInt32(&c.writing, -1)
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	// What is encrypted has been written: nothing may be, once it is too late.
	if limit := atomic.LoadInt64(&c.limit); limit != 0 && time.Now().UnixNano() >= limit {
		return 0, os.ErrDeadlineExceeded
	}
	if err := c.out.Flush(); err != nil {
		return 0, err
	}
	written := 0
	for written < len(p) {
		n, err := c.encrypt(p[written:])
		written += n
		if sent := c.out.Flush(); sent != nil {
			return written, sent
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (c *Conn) encrypt(p []byte) (int, error) {
	if len(p) > chunk {
		p = p[:chunk]
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if atomic.LoadInt32(&c.closing) != 0 {
		return 0, net.ErrClosed
	}
	n, err := c.stream.Write(p)
	switch {
	case c.over && c.reason != nil:
		err = c.reason
	case err == nil && n == 0:
		err = io.ErrShortWrite
	}
	return n, err
}

// ---- Ending ----

// CloseWrite says goodbye: nothing more will be written, and the peer's Read returns io.EOF. Reading goes on.
func (c *Conn) CloseWrite() error {
	if err := c.Handshake(); err != nil {
		return err
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mutex.Lock()
	err := c.stream.End()
	c.mutex.Unlock()
	if errors.Is(err, sessile.ErrClosed) {
		err = nil
	}
	if sent := c.out.Flush(); err == nil {
		err = sent
	}
	return err
}

// Close says goodbye, unless a Write is running, and closes the connection. What waits in Read or Write fails.
func (c *Conn) Close() error {
	if !atomic.CompareAndSwapInt32(&c.closing, 0, 1) {
		return net.ErrClosed
	}
	if atomic.LoadInt32(&c.writing) == 0 && c.part() {
		late := c.conn.SetWriteDeadline(time.Now().Add(goodbyeTime))
		if late != nil { // not every wire knows deadlines
			defer time.AfterFunc(goodbyeTime, func() { _ = c.conn.Close() }).Stop()
		}
		_ = c.out.Flush()
		c.drain()
	}
	err := c.conn.Close()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.session != nil {
		c.session.Free()
	}
	return err
}

// part has the session say goodbye; whether there is that, or an alert, to send.
func (c *Conn) part() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !c.over && c.ready {
		_ = c.session.End()
	}
	return c.over || c.ready
}

// ---- The rest of a net.Conn ----

// NetConn is the connection below. Writing to it, or reading from it, breaks this one.
func (c *Conn) NetConn() net.Conn { return c.conn }

// LocalAddr is that of the connection below.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr is that of the connection below.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	c.remember(t)
	return c.conn.SetDeadline(t)
}

func (c *Conn) remember(t time.Time) {
	limit := int64(0)
	if !t.IsZero() {
		limit = t.UnixNano()
	}
	atomic.StoreInt64(&c.limit, limit)
}

// SetReadDeadline is when a Read fails that waits; zero: never. It also bounds a handshake.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline is when a Write fails that waits; zero: never. Unlike with crypto/tls, writing may go on after
// another deadline is set: nothing of what was encrypted is lost.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.remember(t)
	return c.conn.SetWriteDeadline(t)
}
