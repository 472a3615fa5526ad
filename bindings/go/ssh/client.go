// SPDX-License-Identifier: Apache-2.0

// Package ssh has SSH connections over a net.Conn, in the shape of golang.org/x/crypto/ssh, on libsessile.
//
// A connection has one goroutine, which reads the wire. Callbacks run in goroutines of their own, and may take their
// time.
package ssh

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"sessile.dev/go"
)

// ClientConfig is how a client connects. Any number of connections may use one, which must not change meanwhile.
type ClientConfig struct {
	// User is who wants to log in.
	User string
	// Auth are the ways to log in. Keys are tried first, then the others in this order, each once.
	Auth []AuthMethod
	// KnownHosts are the host keys that are known; nil: none.
	KnownHosts *sessile.KnownHosts
	// HostKeyCallback decides about a host that KnownHosts does not know; nil: it is refused. One that shows another
	// key than the known one is refused without being asked about.
	HostKeyCallback HostKeyCallback
	// BannerCallback is called with what the server says before the login, which has to be escaped before it reaches a
	// terminal. It must not call the connection.
	BannerCallback func(message string)
	// Timeout is for connecting and logging in, where Dial does both; 0: none.
	Timeout time.Duration
	// Prepare sets what else is to be set of the library's config, such as algorithms and limits; nil: nothing.
	Prepare func(*sessile.SSHConfig) error
}

func (c *ClientConfig) make() (*sessile.SSHConfig, error) {
	config, err := sessile.NewSSHConfig(sessile.Client)
	if err != nil {
		return nil, err
	}
	if c.KnownHosts != nil {
		if err := config.SetKnownHosts(c.KnownHosts); err != nil {
			return nil, err
		}
	}
	for _, method := range c.Auth {
		if err := method.apply(config); err != nil {
			return nil, err
		}
	}
	if c.Prepare == nil {
		return config, nil
	}
	return config, c.Prepare(config)
}

// Client is a connection to a server.
type Client struct {
	*connection
	listening chan struct{}        // whose turn it is to ask for a listener
	listeners map[string]*Listener // by what they listen on; under the mutex
	arriving  map[*sessile.Stream]arrival
	forwarded chan bool // what the server says to a request to listen
	bound     string
}

// Dial connects to an address and logs in.
func Dial(network, address string, config *ClientConfig) (*Client, error) {
	return DialContext(context.Background(), network, address, config)
}

// DialContext is Dial until the context is done.
func DialContext(ctx context.Context, network, address string, config *ClientConfig) (*Client, error) {
	if config.Timeout > 0 {
		timed, cancel := context.WithTimeout(ctx, config.Timeout)
		defer cancel()
		ctx = timed
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return NewClient(ctx, conn, address, config)
}

// NewClient logs in over a connection, which is the client's from here on, also where this fails. address: what the
// server is known by, HOST:PORT; without a port, 22.
func NewClient(ctx context.Context, conn net.Conn, address string, config *ClientConfig) (*Client, error) {
	client, err := newClient(conn, address, config)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := client.begin(ctx); err != nil {
		return nil, err
	}
	return client, nil
}

func newClient(conn net.Conn, address string, config *ClientConfig) (*Client, error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	made, err := config.make()
	if err != nil {
		return nil, err
	}
	client := &Client{listening: make(chan struct{}, 1), listeners: map[string]*Listener{},
		arriving: map[*sessile.Stream]arrival{}}
	login := &login{config: config, hostname: address, tried: make([]bool, len(config.Auth))}
	client.connection, err = newConnection(conn, sessile.Handlers{
		Question: func(q *sessile.Question) error {
			if q.Kind() == sessile.QuestionSSHChannel {
				return client.channel(q)
			}
			return login.question(client.connection, q)
		},
		Stream: client.stream,
		Notice: func(kind sessile.Notice, data []byte) error {
			client.hear(config, kind, string(data))
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return client, client.do(func() error { return client.session.ConnectSSH(made, host, port, config.User) })
}

func splitAddress(address string) (string, int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil && !strings.Contains(address, ":") {
		return address, 22, nil
	}
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return host, int(port), err
}

func (client *Client) hear(config *ClientConfig, kind sessile.Notice, text string) {
	switch kind {
	case sessile.NoticeSSHBanner:
		if config.BannerCallback != nil {
			client.guard(func() { config.BannerCallback(text) })
		}
	case sessile.NoticeSSHForwarded, sessile.NoticeSSHForwardRefused:
		if client.forwarded != nil {
			client.bound = text
			client.forwarded <- kind == sessile.NoticeSSHForwarded
			client.forwarded = nil
		}
	default:
		client.notice(kind)
	}
}

// HostKey is the one that the server has proven to have.
func (client *Client) HostKey() *sessile.Key {
	var key *sessile.Key
	_ = client.do(func() error {
		if key = client.last.hostKey; key == nil {
			key = client.session.HostKey()
		}
		return nil
	})
	return key
}

// ---- Through the server ----

// Dial has the server connect: "tcp" to host and port, "unix" to a path on it.
func (client *Client) Dial(network, address string) (net.Conn, error) {
	return client.DialContext(context.Background(), network, address)
}

// DialContext is Dial until the context is done.
func (client *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	open, remote, err := client.opener(network, address)
	if err != nil {
		return nil, err
	}
	ch, err := client.openChannel(ctx, open)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: remote, Err: err}
	}
	return &Conn{ch, client.LocalAddr(), remote}, nil
}

func (client *Client) opener(network, address string) (func(sessile.StreamHandlers) (*sessile.Stream, error), net.Addr,
	error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
		host, port, err := splitAddress(address)
		if err != nil {
			return nil, nil, err
		}
		return func(handlers sessile.StreamHandlers) (*sessile.Stream, error) {
			return client.session.OpenTCP(host, port, "127.0.0.1", 0, handlers)
		}, farAddr{network, address}, nil
	case "unix":
		return func(handlers sessile.StreamHandlers) (*sessile.Stream, error) {
			return client.session.OpenUnix(address, handlers)
		}, farAddr{network, address}, nil
	}
	return nil, nil, net.UnknownNetworkError(network)
}

// farAddr is where a server connects to: names are resolved there.
type farAddr struct{ network, address string }

func (a farAddr) Network() string { return a.network }
func (a farAddr) String() string  { return a.address }

// ---- Listening on the server ----

// Listener accepts what somebody connects to on the server.
type Listener struct {
	client  *Client
	address farAddr
	key     string
	cancel  func() error
	once    sync.Once
	arrived chan *Conn
	closed  chan struct{}
}

// Listen has the server listen: "tcp" on host and port, where 0 is one of its choice, or "unix" on a path.
func (client *Client) Listen(network, address string) (net.Listener, error) {
	return client.ListenContext(context.Background(), network, address)
}

// ListenContext is Listen until the context is done.
func (client *Client) ListenContext(ctx context.Context, network, address string) (net.Listener, error) {
	select {
	case client.listening <- struct{}{}: // one at a time: answers have no number
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release := func() { <-client.listening }
	defer func() { release() }()
	l := &Listener{client: client, address: farAddr{network, address}, arrived: make(chan *Conn),
		closed: make(chan struct{})}
	ask, err := l.asker(network, address)
	if err != nil {
		return nil, err
	}
	told := make(chan bool, 1)
	err = client.do(func() error {
		if client.over {
			return client.lost()
		}
		client.forwarded = told
		return ask()
	})
	if err != nil {
		return nil, err
	}
	select {
	case accepted := <-told:
		return l.begin(accepted)
	case <-client.done:
		return nil, client.lost()
	case <-ctx.Done():
		// The answer is still to come, and would be taken for the next one's.
		free := release
		release = func() {}
		go func() { defer free(); l.unwanted(told) }()
		return nil, ctx.Err()
	}
}

// unwanted waits for an answer that nobody waits for any more, and takes back what it was about.
func (l *Listener) unwanted(told <-chan bool) {
	select {
	case accepted := <-told:
		if made, err := l.begin(accepted); err == nil {
			_ = made.Close()
		}
	case <-l.client.done:
	}
}

func (l *Listener) asker(network, address string) (func() error, error) {
	session := l.client.session
	switch network {
	case "tcp", "tcp4", "tcp6":
		host, port, err := splitAddress(address)
		if err != nil {
			return nil, err
		}
		l.cancel = func() error { return session.CancelTCP(host, l.port()) }
		l.key = host + " "
		return func() error { return session.ForwardTCP(host, port) }, nil
	case "unix":
		l.cancel = func() error { return session.CancelUnix(address) }
		l.key = address
		return func() error { return session.ForwardUnix(address) }, nil
	}
	return nil, net.UnknownNetworkError(network)
}

// begin is the server's answer.
func (l *Listener) begin(accepted bool) (net.Listener, error) {
	client := l.client
	client.mutex.Lock()
	defer client.mutex.Unlock()
	if !accepted {
		return nil, &net.OpError{Op: "listen", Net: l.address.network, Addr: l.address, Err: sessile.ErrRefused}
	}
	if l.address.network != "unix" {
		host, _, _ := splitAddress(l.address.address)
		port := client.bound[strings.LastIndexByte(client.bound, ' ')+1:]
		l.address.address = net.JoinHostPort(host, port)
		l.key += port
	}
	client.listeners[l.key] = l
	return l, nil
}

func (l *Listener) port() int {
	_, port, _ := splitAddress(l.address.address)
	return port
}

// Accept is the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.arrived:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-l.client.done:
		return nil, net.ErrClosed
	}
}

// Addr is where the server listens.
func (l *Listener) Addr() net.Addr { return l.address }

// Close has the server listen no more. What was accepted stays.
func (l *Listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.closed)
		err = l.client.do(func() error {
			delete(l.client.listeners, l.key)
			if l.client.over {
				return nil
			}
			return l.cancel()
		})
	})
	return err
}

// channel is one that the server opens: for a listener, or for nobody.
func (client *Client) channel(q *sessile.Question) error {
	key := q.Text(sessile.ItemPath)
	if key == "" {
		key = q.Text(sessile.ItemHost) + " " + q.Text(sessile.ItemPort)
	}
	listener, stream := client.listeners[key], q.Stream()
	if listener == nil || stream == nil {
		return q.Refuse(0)
	}
	origin := farAddr{listener.address.network, q.Text(sessile.ItemPath)}
	if host := q.Text(sessile.ItemOrigin); host != "" {
		origin.address = net.JoinHostPort(host, q.Text(sessile.ItemOriginPort))
	}
	client.arriving[stream] = arrival{listener, origin}
	if err := q.Accept(); err != nil {
		delete(client.arriving, stream)
		return err
	}
	return nil
}

// arrival is a connection that the server is about to bring.
type arrival struct {
	listener *Listener
	origin   farAddr
}

// stream is a channel of the server's that is open now.
func (client *Client) stream(stream *sessile.Stream) error {
	from, ok := client.arriving[stream]
	delete(client.arriving, stream)
	ch, err := client.acceptChannel(stream)
	if err != nil || !ok {
		return err
	}
	conn := &Conn{ch, from.listener.address, from.origin}
	client.work.Add(1)
	go func() {
		defer client.work.Done()
		select {
		case from.listener.arrived <- conn:
		case <-from.listener.closed:
			_ = conn.Close()
		case <-client.ctx.Done():
		}
	}()
	return nil
}
