// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"

	"sessile.dev/go/internal/core"
)

// ConnectSSH begins as an SSH client; Handlers.Ready follows when the user is authenticated. host, port: what the
// host
// key is looked up by.
func (s *Session) ConnectSSH(config *SSHConfig, host string, port int, user string) error {
	leaf := config.leaf
	defer runtime.KeepAlive(leaf)
	err := s.beginning(func(h uintptr) int {
		return core.Ssh_connect(h, leaf.handle, core.Text(host), port, core.Text(user), sessionCallbacks.handle, s.number)
	})
	return config.explained(err)
}

// AcceptSSH begins as an SSH server; Handlers.Ready follows when a user is authenticated.
func (s *Session) AcceptSSH(config *SSHConfig) error {
	leaf := config.leaf
	defer runtime.KeepAlive(leaf)
	err := s.beginning(func(h uintptr) int {
		return core.Ssh_accept(h, leaf.handle, sessionCallbacks.handle, s.number)
	})
	return config.explained(err)
}

// explained adds what the config finds wrong with itself.
func (c *SSHConfig) explained(err error) error {
	if failed, ok := err.(*Error); ok && failed.Text == "" && failed.Code == ErrArgument {
		failed.Text = c.text(core.Ssh_config_error_text)
	}
	return err
}

// SSHInfo is something that was negotiated or said; "" while there is none. What the peer said is as it said it:
// escape
// it before it reaches a terminal.
func (s *Session) SSHInfo(info Info) string {
	return s.text(func(h uintptr) []byte { return core.Ssh_info(h, int(info)) })
}

// SessionID is the first exchange hash.
func (s *Session) SessionID() ([]byte, error) { return s.filled(core.Ssh_session_id) }

// HostSignature is the server's signature over the session id, as Session.BindAgent takes it (client).
func (s *Session) HostSignature() ([]byte, error) { return s.filled(core.Ssh_host_signature) }

// HostKey is the server's host key, once it is proven; nil before.
func (s *Session) HostKey() *Key { return s.key(core.Ssh_host_key) }

// UserKey is the key that authenticated the user, on a server; nil for none.
func (s *Session) UserKey() *Key { return s.key(core.Ssh_user_key) }

func (s *Session) key(call func(uintptr) uintptr) *Key {
	var found *Key
	s.call(func(h uintptr) int { found = keyOf(call(h)); return 0 })
	return found
}

func (s *Session) filled(call func(handle uintptr, room []byte) int) ([]byte, error) {
	var data []byte
	var err error
	if busy := s.do(func(h uintptr) int {
		data, err = filled(func(room []byte) int { return call(h, room) })
		return 0
	}); busy != nil {
		err = busy
	}
	return data, err
}

// Rekey starts a key exchange now (SSH).
func (s *Session) Rekey() error {
	return s.do(core.Ssh_rekey)
}

// KeepAlive asks for a sign of life: NoticeSSHAlive follows.
func (s *Session) KeepAlive() error {
	return s.do(core.Ssh_keepalive)
}

// SendIgnore sends IGNORE with so many bytes, at most 32768.
func (s *Session) SendIgnore(size int) error {
	return s.do(func(h uintptr) int { return core.Ssh_send_ignore(h, size) })
}

// SendDebug sends DEBUG.
func (s *Session) SendDebug(text string, alwaysDisplay bool) error {
	return s.do(func(h uintptr) int { return core.Ssh_send_debug(h, core.Text(text), flag(alwaysDisplay)) })
}

// Disconnect ends with a reason (RFC 4253, section 11.1).
func (s *Session) Disconnect(reason int, description string) error {
	return s.do(func(h uintptr) int { return core.Ssh_disconnect(h, reason, core.Text(description)) })
}

// NoMoreSessions has the server refuse any further session channel.
func (s *Session) NoMoreSessions() error {
	return s.do(core.Ssh_no_more_sessions)
}

// ForwardTCP asks the server to listen: NoticeSSHForwarded or NoticeSSHForwardRefused follows. host: "" for all
// addresses.
func (s *Session) ForwardTCP(host string, port int) error {
	return s.do(func(h uintptr) int { return core.Ssh_forward_tcp(h, core.Text(host), port) })
}

// ForwardUnix asks it to listen on a Unix socket.
func (s *Session) ForwardUnix(path string) error {
	return s.do(func(h uintptr) int { return core.Ssh_forward_unix(h, core.Text(path)) })
}

// CancelTCP asks it to stop; channels that are open stay.
func (s *Session) CancelTCP(host string, port int) error {
	return s.do(func(h uintptr) int { return core.Ssh_cancel_tcp(h, core.Text(host), port) })
}

// CancelUnix asks it to stop.
func (s *Session) CancelUnix(path string) error {
	return s.do(func(h uintptr) int { return core.Ssh_cancel_unix(h, core.Text(path)) })
}

// SetPeerAddress tells a server the client's address, for certificates that are bound to one.
func (s *Session) SetPeerAddress(address string) error {
	return s.do(func(h uintptr) int { return core.Ssh_set_peer_address(h, core.Text(address)) })
}

// ---- Channels ----

func (s *Session) open(handlers StreamHandlers, open func(handle uintptr) uintptr) (*Stream, error) {
	var stream *Stream
	err := s.do(func(h uintptr) int {
		if result := core.Session_enter(h); result < 0 {
			return result
		}
		defer core.Session_leave(h)
		if stream = s.streamOf(open(h)); stream == nil {
			return int(ErrMisuse)
		}
		stream.handlers = handlers
		callbacks := callbacksWith(handlers.End != nil, handlers.Stderr != nil)
		return core.Stream_set_callbacks(stream.leaf.handle, callbacks.handle, stream.number)
	})
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// OpenSession opens a channel for a shell, a command or a subsystem. It is open when handlers.Open is called; where
// the peer refuses,
// handlers.Closed follows with ErrRefused.
func (s *Session) OpenSession(handlers StreamHandlers) (*Stream, error) {
	return s.open(handlers, func(h uintptr) uintptr { return core.Ssh_open_session(h, 0, 0) })
}

// OpenTCP opens a connection from the server to host and port; origin is for the server's logs. It is open when
// handlers.Open is called; where the peer refuses,
// handlers.Closed follows with ErrRefused.
func (s *Session) OpenTCP(host string, port int, origin string, originPort int,
	handlers StreamHandlers) (*Stream, error) {
	return s.open(handlers, func(h uintptr) uintptr {
		return core.Ssh_open_tcp(h, core.Text(host), port, core.Text(origin), originPort, 0, 0)
	})
}

// OpenUnix opens a connection from the server to a Unix socket of its own. It is open when handlers.Open is called;
// where the peer refuses,
// handlers.Closed follows with ErrRefused.
func (s *Session) OpenUnix(path string, handlers StreamHandlers) (*Stream, error) {
	return s.open(handlers, func(h uintptr) uintptr { return core.Ssh_open_unix(h, core.Text(path), 0, 0) })
}

// OpenForwardedTCP tells a client of a connection where it asked to be forwarded from. It is open when handlers.Open
// is called; where the peer refuses,
// handlers.Closed follows with ErrRefused.
func (s *Session) OpenForwardedTCP(boundHost string, boundPort int, origin string, originPort int,
	handlers StreamHandlers) (*Stream, error) {
	return s.open(handlers, func(h uintptr) uintptr {
		return core.Ssh_open_forwarded_tcp(h, core.Text(boundHost), boundPort, core.Text(origin), originPort, 0, 0)
	})
}

// OpenForwardedUnix is the same, from a Unix socket. It is open when handlers.Open is called; where the peer refuses,
// handlers.Closed follows with ErrRefused.
func (s *Session) OpenForwardedUnix(path string, handlers StreamHandlers) (*Stream, error) {
	return s.open(handlers, func(h uintptr) uintptr { return core.Ssh_open_forwarded_unix(h, core.Text(path), 0, 0) })
}

// OpenX11 opens an X11 channel to a client that asked for it. It is open when handlers.Open is called; where the
// peer refuses,
// handlers.Closed follows with ErrRefused.
func (s *Session) OpenX11(origin string, originPort int, handlers StreamHandlers) (*Stream, error) {
	return s.open(handlers, func(h uintptr) uintptr { return core.Ssh_open_x11(h, core.Text(origin), originPort, 0, 0) })
}

// OpenAgent opens a channel to the agent of a client that asked for it. It is open when handlers.Open is called;
// where the peer refuses,
// handlers.Closed follows with ErrRefused.
func (s *Session) OpenAgent(handlers StreamHandlers) (*Stream, error) {
	return s.open(handlers, func(h uintptr) uintptr { return core.Ssh_open_agent(h, 0, 0) })
}
