// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"
	"time"

	"sessile.dev/go/internal/core"
)

// TLSOptions are what a session may be told before it begins.
type TLSOptions struct {
	// Ticket is what NoticeTLSTicket brought, to resume that session (client).
	Ticket []byte
	// InsecureKeyLog has NoticeTLSKeylog bring key log lines, where the config lets it.
	InsecureKeyLog bool
}

func (o *TLSOptions) apply(h uintptr) int {
	result := 0
	if o != nil && o.Ticket != nil {
		result = core.Tls_resume(h, o.Ticket)
	}
	if o != nil && o.InsecureKeyLog && result >= 0 {
		result = core.Tls_insecure_keylog(h, 1)
	}
	return result
}

// ConnectTLS begins as a TLS client, and returns the session's stream; Handlers.Ready follows. host: the name or
// address
// that the certificate must be for; "" only with a config that does not check it. options: may be nil.
func (s *Session) ConnectTLS(config *TLSConfig, host string, options *TLSOptions,
	handlers StreamHandlers) (*Stream, error) {
	leaf := config.leaf
	defer runtime.KeepAlive(leaf)
	return s.beginTLS(config, options, handlers, func(h uintptr) int {
		return core.Tls_connect(h, leaf.handle, core.TextOrNone(host), sessionCallbacks.handle, s.number)
	})
}

// AcceptTLS begins as a TLS server, and returns the session's stream; Handlers.Ready follows. options: may be nil.
func (s *Session) AcceptTLS(config *TLSConfig, options *TLSOptions, handlers StreamHandlers) (*Stream, error) {
	leaf := config.leaf
	defer runtime.KeepAlive(leaf)
	return s.beginTLS(config, options, handlers, func(h uintptr) int {
		return core.Tls_accept(h, leaf.handle, sessionCallbacks.handle, s.number)
	})
}

func (s *Session) beginTLS(config *TLSConfig, options *TLSOptions, handlers StreamHandlers,
	begin func(handle uintptr) int) (*Stream, error) {
	var stream *Stream
	err := s.beginning(func(h uintptr) int {
		if result := options.apply(h); result < 0 {
			return result
		}
		if result := begin(h); result < 0 {
			return result
		}
		if stream = s.streamOf(core.Session_stream(h)); stream == nil {
			return int(ErrMemory)
		}
		stream.handlers = handlers
		callbacks := callbacksWith(handlers.End != nil, handlers.Stderr != nil)
		return core.Stream_set_callbacks(stream.leaf.handle, callbacks.handle, stream.number)
	})
	if failed, ok := err.(*Error); ok && failed.Text == "" && failed.Code == ErrArgument {
		failed.Text = config.text(core.Tls_config_error_text)
	}
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// beginning tells the time and runs what begins a protocol, as a batch.
func (s *Session) beginning(begin func(handle uintptr) int) error {
	return s.do(func(h uintptr) int {
		if !s.timed {
			core.Session_set_time(h, time.Now().Unix())
		}
		if result := core.Session_enter(h); result < 0 {
			return result
		}
		defer core.Session_leave(h)
		result := begin(h)
		s.begun = s.begun || result >= 0
		return result
	})
}

// TLSState is what was negotiated.
type TLSState struct {
	Version    string // "TLSv1.3"
	Cipher     string // the standard name
	Group      string // "x25519"
	ALPN       string // the application protocol; "" for none
	ServerName string // what the client asked for
	Resumed    bool
	// VerifyCode is the outcome of verifying the peer's certificate (X509_V_*, 0 for success), and VerifyText is that in
	// words.
	VerifyCode int
	VerifyText string
	// PeerCertificates are in DER, the peer's own first.
	PeerCertificates [][]byte
}

// TLSState is what was negotiated, from Handlers.Ready on.
func (s *Session) TLSState() (TLSState, error) {
	var state TLSState
	err := s.do(func(h uintptr) int {
		state = TLSState{
			Version: string(core.Tls_version(h)), Cipher: string(core.Tls_cipher(h)), Group: string(core.Tls_group(h)),
			ALPN: string(core.Tls_alpn(h)), ServerName: string(core.Tls_sni(h)), Resumed: core.Tls_resumed(h) > 0,
			VerifyCode: core.Tls_verify_code(h), VerifyText: string(core.Tls_verify_text(h)),
		}
		for i, count := 0, core.Tls_peer_count(h); i < count; i++ {
			certificate := make([]byte, max(core.Tls_peer_certificate(h, i, nil), 0))
			core.Tls_peer_certificate(h, i, certificate)
			state.PeerCertificates = append(state.PeerCertificates, certificate)
		}
		return min(state.VerifyCode, 0)
	})
	return state, err
}

// ExportKeyingMaterial is for a protocol above (RFC 5705). context: nil for none.
func (s *Session) ExportKeyingMaterial(label string, context []byte, length int) ([]byte, error) {
	if length < 0 || length > 8160 {
		return nil, fail(int(ErrArgument), nil)
	}
	data := make([]byte, length)
	return data, s.do(func(h uintptr) int { return core.Tls_export(h, core.Text(label), context, data) })
}

// ChannelBinding is what binds a protocol above to this session.
func (s *Session) ChannelBinding(kind Binding) ([]byte, error) {
	return s.filled(func(h uintptr, room []byte) int { return core.Tls_channel_binding(h, int(kind), room) })
}

// UpdateKeys changes this side's keys, and has the peer change its own where request is true (TLS 1.3).
func (s *Session) UpdateKeys(request bool) error {
	return s.do(func(h uintptr) int { return core.Tls_key_update(h, flag(request)) })
}
