// SPDX-License-Identifier: Apache-2.0

// Package tls has TLS connections over a net.Conn, in the shape of crypto/tls, on libsessile.
//
// A Conn is a net.Conn: net/http's servers and clients take it, and HTTP/2 goes by ALPN.
package tls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"

	"sessile.dev/go"
)

// Config is what connections are made with. Any number of them may share one, which must not change meanwhile.
type Config struct {
	// TLS is what the library may do: certificates, trust, versions, application protocols. Clients without it trust
	// the system's authorities.
	TLS *sessile.TLSConfig
	// ServerName is whom a client wants to reach: the name or address that the certificate must be for. Dial takes it
	// from the address where it is "".
	ServerName string
	// Ticket is what NewTicket was called with, to resume that session (client).
	Ticket []byte
	// NewTicket is called when a server has sent a ticket. It is secret: it contains keys. Like Question, it must not
	// call the connection.
	NewTicket func(ticket []byte)
	// Question decides what TLS has been set to ask for (TLSConfig.SetAskPeer and the like), at once: a question that
	// is kept is refused.
	Question func(*sessile.Question) error
	// InsecureKeyLog gets the lines of a key log file, where TLS lets it (TLSConfig.InsecureKeyLog).
	InsecureKeyLog io.Writer
}

func (c *Config) orEmpty() *Config {
	if c == nil {
		return &Config{}
	}
	return c
}

var systemTrust = func() *sessile.TLSConfig {
	config, err := sessile.NewTLSConfig(sessile.Client)
	if err != nil {
		panic(err)
	}
	return config
}()

func (c *Config) client() *sessile.TLSConfig {
	if c.TLS == nil {
		return systemTrust
	}
	return c.TLS
}

// ---- Connecting ----

// Dialer connects, and shakes hands.
type Dialer struct {
	// NetDialer makes the connections below; nil: a net.Dialer as it comes.
	NetDialer *net.Dialer
	// Config may be nil.
	Config *Config
}

// Dial is DialContext without a context.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext connects and shakes hands. The context is for both, and of no meaning after that.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err // and no *Conn in a net.Conn
	}
	return conn, nil
}

func (d *Dialer) dial(ctx context.Context, network, address string) (*Conn, error) {
	config := *d.Config.orEmpty()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		config.ServerName = host
	}
	below := d.NetDialer
	if below == nil {
		below = &net.Dialer{}
	}
	if below.Timeout != 0 {
		timed, cancel := context.WithTimeout(ctx, below.Timeout)
		defer cancel()
		ctx = timed
	}
	conn, err := below.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := Client(conn, &config)
	if err := made.HandshakeContext(ctx); err != nil {
		_ = made.Close()
		return nil, err
	}
	return made, nil
}

// Dial connects to an address, and shakes hands.
func Dial(network, address string, config *Config) (*Conn, error) {
	return DialWithDialer(&net.Dialer{}, network, address, config)
}

// DialWithDialer is Dial with a dialer, whose timeout is for both.
func DialWithDialer(dialer *net.Dialer, network, address string, config *Config) (*Conn, error) {
	return (&Dialer{NetDialer: dialer, Config: config}).dial(context.Background(), network, address)
}

// ---- Listening ----

type listener struct {
	net.Listener
	config *Config
}

// Accept is the next connection, whose handshake is that of its first Read or Write.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Server(conn, l.config), nil
}

// NewListener makes connections that another listener accepts into TLS ones.
func NewListener(inner net.Listener, config *Config) net.Listener {
	return &listener{inner, config}
}

// hidden is a connection that shows nothing but a net.Conn.
type hidden struct{ net.Conn }

type httpListener struct{ net.Listener }

func (l httpListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return hidden{conn}, nil
}

// NewHTTPListener is for servers of net/http with HTTP/2: it makes the connections of a TLS listener look like plain
// ones. net/http knows TLS with HTTP/2 by crypto/tls's own type only; on plain connections it takes what the client
// begins with, where Server.Protocols has both HTTP1 and UnencryptedHTTP2. Request.TLS is nil then.
func NewHTTPListener(inner net.Listener) net.Listener { return httpListener{inner} }

// Listen listens for TLS connections. The config must have TLS with a certificate.
func Listen(network, address string, config *Config) (net.Listener, error) {
	if config == nil || config.TLS == nil {
		return nil, errors.New("tls: a server needs a Config with TLS, for its certificate")
	}
	if err := config.TLS.Check(); err != nil {
		return nil, err
	}
	inner, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return NewListener(inner, config), nil
}

// ---- What was negotiated ----

var versions = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// ConnectionState is what was negotiated, in crypto/tls's terms, so that net/http and others understand it. What this
// package cannot know is left out: verified chains, and what exports keys (ExportKeyingMaterial does).
func (c *Conn) ConnectionState() tls.ConnectionState {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var result tls.ConnectionState
	if c.session == nil || !c.ready {
		return result
	}
	state, err := c.session.TLSState()
	if err != nil {
		return result
	}
	result.HandshakeComplete, result.DidResume = true, state.Resumed
	result.Version, result.CipherSuite = versions[state.Version], suite(state.Cipher)
	result.NegotiatedProtocol, result.ServerName = state.ALPN, state.ServerName
	for _, der := range state.PeerCertificates {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			break
		}
		result.PeerCertificates = append(result.PeerCertificates, certificate)
	}
	return result
}

func suite(name string) uint16 {
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, known := range list {
			if known.Name == name {
				return known.ID
			}
		}
	}
	return 0
}

// State is what was negotiated, in the library's terms, certificates in DER.
func (c *Conn) State() (sessile.TLSState, error) {
	if err := c.Handshake(); err != nil {
		return sessile.TLSState{}, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.session.TLSState()
}

// ExportKeyingMaterial is for a protocol above (RFC 5705). context: nil for none.
func (c *Conn) ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.session.ExportKeyingMaterial(label, context, length)
}

// UpdateKeys changes this side's keys, and has the peer change its own where request is true (TLS 1.3).
func (c *Conn) UpdateKeys(request bool) error {
	if err := c.Handshake(); err != nil {
		return err
	}
	c.mutex.Lock()
	err := c.session.UpdateKeys(request)
	c.mutex.Unlock()
	if err != nil {
		return err
	}
	return c.out.Flush()
}
