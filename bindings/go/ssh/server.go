// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"

	"sessile.dev/go"
)

// RejectionReason says why a channel is not opened (RFC 4254, section 5.1).
type RejectionReason int

// The reasons.
const (
	Prohibited         RejectionReason = 1
	ConnectionFailed   RejectionReason = 2
	UnknownChannelType RejectionReason = 3
	ResourceShortage   RejectionReason = 4
)

// ServerConfig is how a server takes clients. Any number of connections may use one, which must not change after the
// first.
type ServerConfig struct {
	// HostKeys are the server's, one of each type.
	HostKeys []*sessile.Key
	// NoClientAuth lets in whoever asks.
	NoClientAuth bool
	// PasswordCallback, PublicKeyCallback and KeyboardInteractiveCallback decide who gets in: nil for yes. Any one of
	// those that are set will do, unless Prepare says otherwise (SSHConfig.SetAuthMethods). They run in goroutines of
	// their own, and may take their time.
	PasswordCallback func(conn ConnMetadata, password []byte) (*Permissions, error)
	// PublicKeyCallback is asked whether a key would do, and again when the client has proven to have it: the last
	// answer counts. A certificate is in force and not revoked; whether its authority is trusted for the user is to be
	// decided (AuthorizedKeys.Match, AuthorizedKeys.MatchAuthority).
	PublicKeyCallback func(conn ConnMetadata, key *sessile.Key) (*Permissions, error)
	// KeyboardInteractiveCallback may ask the client as often as it likes; with no questions nothing is asked.
	KeyboardInteractiveCallback func(conn ConnMetadata, client KeyboardInteractiveChallenge) (*Permissions, error)
	// AuthLogCallback hears of each attempt; err is nil for one that succeeded: with a key, once the client has proven
	// to have it.
	AuthLogCallback func(conn ConnMetadata, method string, err error)
	// MaxAuthTries may fail: 1 to 100; 0: 6.
	MaxAuthTries int
	// Banner is for users to read before they log in.
	Banner string
	// Prepare sets what else is to be set of the library's config, such as algorithms and limits; nil: nothing.
	Prepare func(*sessile.SSHConfig) error

	once sync.Once
	made *sessile.SSHConfig
	err  error
}

// config is the library's, which all connections share.
func (s *ServerConfig) config() (*sessile.SSHConfig, error) {
	s.once.Do(func() { s.made, s.err = s.make() })
	return s.made, s.err
}

func (s *ServerConfig) make() (*sessile.SSHConfig, error) {
	config, err := sessile.NewSSHConfig(sessile.Server)
	if err != nil {
		return nil, err
	}
	for _, key := range s.HostKeys {
		if err := config.AddHostKey(key); err != nil {
			return nil, err
		}
	}
	if err := config.SetAuthMethods(s.methods()); err != nil {
		return nil, err
	}
	if s.MaxAuthTries != 0 {
		if err := config.SetAuthTries(s.MaxAuthTries); err != nil {
			return nil, err
		}
	}
	if s.Banner != "" {
		if err := config.SetBanner([]byte(s.Banner)); err != nil {
			return nil, err
		}
	}
	if s.Prepare != nil {
		if err := s.Prepare(config); err != nil {
			return nil, err
		}
	}
	return config, config.Check()
}

func (s *ServerConfig) methods() string {
	methods := ""
	for _, method := range []struct {
		name string
		set  bool
	}{
		{"none", s.NoClientAuth}, {"publickey", s.PublicKeyCallback != nil}, {"password", s.PasswordCallback != nil},
		{"keyboard-interactive", s.KeyboardInteractiveCallback != nil},
	} {
		if method.set {
			methods += " " + method.name
		}
	}
	if methods == "" {
		return ""
	}
	return methods[1:]
}

// ServerConn is a client's connection, as a server has it.
type ServerConn struct {
	*connection
	// Permissions are what the callback returned that let the client in; nil for none.
	Permissions *Permissions

	config   *ServerConfig
	channels map[*sessile.Stream]*Channel // those of the client's that are open; under the mutex, as the rest
	accepted map[*sessile.Stream]*NewChannel
	asked    *feed[*NewChannel]
	requests *feed[*Request]
	login    attempt
}

// NewServerConn has a client log in over a connection, which is the server's from here on, also where this fails. What
// comes of the two Go channels is the client's wish for channels, and its other requests: both are to be read from
// until they are closed, which they are at the connection's end. ctx bounds the login only.
func NewServerConn(ctx context.Context, conn net.Conn, config *ServerConfig) (*ServerConn, <-chan *NewChannel,
	<-chan *Request, error) {
	s, err := newServer(conn, config)
	if err != nil {
		_ = conn.Close()
		return nil, nil, nil, err
	}
	if err := s.begin(ctx); err != nil {
		return nil, nil, nil, err
	}
	return s, s.asked.out, s.requests.out, nil
}

func newServer(conn net.Conn, config *ServerConfig) (*ServerConn, error) {
	made, err := config.config()
	if err != nil {
		return nil, err
	}
	s := &ServerConn{config: config, channels: map[*sessile.Stream]*Channel{},
		accepted: map[*sessile.Stream]*NewChannel{}}
	s.connection, err = newConnection(conn, sessile.Handlers{
		Question: s.question,
		Stream:   s.opened,
		Notice:   func(kind sessile.Notice, _ []byte) error { s.notice(kind); return nil },
	})
	if err != nil {
		return nil, err
	}
	s.asked, s.requests = newFeed[*NewChannel](s.connection), newFeed[*Request](s.connection)
	s.atEnd = func() { s.login.end(); s.asked.end(); s.requests.end() }
	return s, s.do(func() error {
		if err := s.session.AcceptSSH(made); err != nil {
			return err
		}
		if host, _, err := net.SplitHostPort(conn.RemoteAddr().String()); err == nil {
			return s.session.SetPeerAddress(host)
		}
		return nil
	})
}

// question is under the mutex.
func (s *ServerConn) question(q *sessile.Question) error {
	switch q.Kind() {
	case sessile.QuestionSSHUser:
		return s.user(q)
	case sessile.QuestionSSHResponses:
		return s.login.responses(q)
	case sessile.QuestionSSHChannel:
		return s.wish(q)
	case sessile.QuestionSSHRequest:
		return s.request(q, s.channels[q.Stream()])
	case sessile.QuestionSSHForward:
		return s.request(q, nil)
	}
	return q.Refuse(0)
}

var errTooMuch = errors.New("ssh: the client asks for more than anybody looks at")

func (s *ServerConn) request(q *sessile.Question, ch *Channel) error {
	to := s.requests
	if q.Kind() == sessile.QuestionSSHRequest {
		if ch == nil || ch.closed {
			return q.Refuse(0)
		}
		to = ch.requests
	}
	request, err := newRequest(s.connection, q)
	if err == nil && !to.add(request) {
		return errTooMuch
	}
	return err
}

// ---- Channels ----

// NewChannel is the client's wish for one. What the client says is as it came.
type NewChannel struct {
	// Type is "session", "direct-tcpip" or "direct-streamlocal@openssh.com".
	Type string
	// Host and Port, or Path, are where the client wants to be connected to; Origin is from where, as it says.
	Host       string
	Port       int
	Path       string
	Origin     string
	OriginPort int

	s        *ServerConn
	question *sessile.Question
	ch       *Channel
}

func (s *ServerConn) wish(q *sessile.Question) error {
	if err := q.Keep(); err != nil {
		return err
	}
	if !s.asked.add(&NewChannel{
		Type: q.Text(sessile.ItemType), Host: q.Text(sessile.ItemHost), Port: q.Number(sessile.ItemPort),
		Path: q.Text(sessile.ItemPath), Origin: q.Text(sessile.ItemOrigin),
		OriginPort: q.Number(sessile.ItemOriginPort), s: s, question: q,
	}) {
		return q.Refuse(int(ResourceShortage))
	}
	return nil
}

// Accept opens it. Its requests are to be read from until they are closed, which they are with the channel.
func (n *NewChannel) Accept() (*Channel, <-chan *Request, error) {
	err := n.s.do(func() error {
		stream := n.question.Stream()
		if stream == nil {
			return sessile.ErrGone
		}
		n.s.accepted[stream] = n
		defer delete(n.s.accepted, stream)
		return n.question.Accept()
	})
	if err == nil && n.ch == nil {
		err = sessile.ErrGone
	}
	if err != nil {
		return nil, nil, err
	}
	return n.ch, n.ch.requests.out, nil
}

// AcceptConn is Accept for what leads to somewhere: the address where the client wants to be connected to is the local
// one.
func (n *NewChannel) AcceptConn() (net.Conn, error) {
	ch, _, err := n.Accept()
	if err != nil {
		return nil, err
	}
	if n.Path != "" {
		return &Conn{ch, farAddr{"unix", n.Path}, n.s.RemoteAddr()}, nil
	}
	return &Conn{ch, address(n.Host, n.Port), address(n.Origin, n.OriginPort)}, nil
}

func address(host string, port int) net.Addr {
	return farAddr{"tcp", net.JoinHostPort(host, strconv.Itoa(port))}
}

// Reject does not open it.
func (n *NewChannel) Reject(reason RejectionReason) error {
	return n.s.do(func() error { return n.question.Refuse(int(reason)) })
}

// opened is a channel that was accepted. Under the mutex.
func (s *ServerConn) opened(stream *sessile.Stream) error {
	ch, err := s.acceptChannel(stream)
	if err != nil {
		return err
	}
	ch.requests = newFeed[*Request](s.connection)
	ch.event = func(event sessile.ChannelEvent) {
		if request := told(stream, event); request != nil && !ch.closed {
			ch.requests.add(request)
		}
	}
	ch.gone = func() { delete(s.channels, stream) }
	s.channels[stream] = ch
	if n := s.accepted[stream]; n != nil {
		n.ch = ch
	}
	return nil
}

// OpenForwardedTCP brings the client a connection to where it has asked the server to listen.
func (s *ServerConn) OpenForwardedTCP(ctx context.Context, host string, port int, origin net.Addr) (net.Conn, error) {
	from, fromPort, err := splitAddress(origin.String())
	if err != nil {
		return nil, err
	}
	return s.bring(ctx, origin, func(handlers sessile.StreamHandlers) (*sessile.Stream, error) {
		return s.session.OpenForwardedTCP(host, port, from, fromPort, handlers)
	})
}

// OpenForwardedUnix is the same for a path.
func (s *ServerConn) OpenForwardedUnix(ctx context.Context, path string) (net.Conn, error) {
	return s.bring(ctx, farAddr{"unix", path}, func(handlers sessile.StreamHandlers) (*sessile.Stream, error) {
		return s.session.OpenForwardedUnix(path, handlers)
	})
}

// OpenAgent leads to the client's agent, where a session of the client's has asked for that and was let.
func (s *ServerConn) OpenAgent(ctx context.Context) (net.Conn, error) {
	return s.bring(ctx, farAddr{"unix", "agent"}, s.session.OpenAgent)
}

func (s *ServerConn) bring(ctx context.Context, local net.Addr,
	open func(sessile.StreamHandlers) (*sessile.Stream, error)) (net.Conn, error) {
	ch, err := s.openChannel(ctx, open)
	if err != nil {
		return nil, err
	}
	return &Conn{ch, local, s.RemoteAddr()}, nil
}
