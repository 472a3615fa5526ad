// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"
	"strings"

	"sessile.dev/go/internal/core"
)

// TLSConfig is what a TLS session may do. It is filled once, by one goroutine, cannot be changed once it is used
// (ErrMisuse), and is then shared by any number of sessions and goroutines. What is given is copied.
type TLSConfig struct {
	object
	gate       *core.Gate
	passphrase *asker
}

// asker is whom a config asks for passphrases.
type asker struct{ ask func() ([]byte, error) }

func (a *asker) Bytes(core.Event, int, []byte) error  { return nil }
func (a *asker) Event(core.Event, int, uintptr) error { return nil }
func (a *asker) Passphrase() ([]byte, error)          { return a.ask() }

// NewTLSConfig is an empty config. A client verifies the server against the system's trust unless told otherwise.
func NewTLSConfig(role Role) (*TLSConfig, error) {
	handle := core.Tls_config_new(int(role))
	if handle == 0 {
		return nil, fail(int(ErrArgument), nil)
	}
	gate := core.NewGate()
	return &TLSConfig{object: object{newLeaf(handle, core.Tls_config_free, gate)}, gate: gate}, nil
}

func (c *TLSConfig) set(call func(handle uintptr) int) error {
	frame, ok := c.gate.Enter()
	if !ok {
		return fail(int(ErrBusy), nil)
	}
	err := fail(call(c.leaf.handle), nil)
	if failed, ok := err.(*Error); ok {
		failed.Text = string(core.Tls_config_error_text(c.leaf.handle))
	}
	parked := frame.Leave()
	runtime.KeepAlive(c.leaf)
	if parked != nil {
		return &Error{Code: ErrPassphrase, Err: parked}
	}
	return err
}

// SetPassphraseFunc asks for the passphrase when an encrypted key needs one and none is set: once per load.
func (c *TLSConfig) SetPassphraseFunc(ask func() ([]byte, error)) error {
	if c.passphrase == nil {
		c.passphrase = &asker{}
		number := c.gate.Add(c.passphrase)
		if err := c.set(func(h uintptr) int {
			return core.Tls_config_set_passphrase_callback(h, true, number)
		}); err != nil {
			return err
		}
	}
	c.passphrase.ask = ask
	return nil
}

// SetALPN sets the application protocols by preference, such as "h2", "http/1.1".
func (c *TLSConfig) SetALPN(protocols ...string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_alpn(h, core.Text(strings.Join(protocols, ","))) })
}

// AddHost has a server use another config where the client asks for this name; "*." and a name stands for one label.
func (c *TLSConfig) AddHost(name string, other *TLSConfig) error {
	defer runtime.KeepAlive(other)
	return c.set(func(h uintptr) int { return core.Tls_config_add_host(h, core.Text(name), other.leaf.handle) })
}

// SetTickets has a server use ticket keys that it shares.
func (c *TLSConfig) SetTickets(tickets *Tickets) error {
	defer runtime.KeepAlive(tickets)
	return c.set(func(h uintptr) int { return core.Tls_config_set_tickets(h, tickets.leaf.handle) })
}

// Check says what is missing, and makes the config immutable. Connecting and accepting do this too.
func (c *TLSConfig) Check() error {
	return c.set(core.Tls_config_check)
}

// SetCertificate sets a certificate: PEM with its chain in order, own first, or DER. A server may have one of each
// key type: set
// each, then its key.
func (c *TLSConfig) SetCertificate(data []byte) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_certificate(h, data) })
}

// SetCertificateFile is SetCertificate from a file.
func (c *TLSConfig) SetCertificateFile(path string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_certificate_file(h, core.Text(path)) })
}

// SetKey sets the key of the certificate that was set last: PEM or DER.
func (c *TLSConfig) SetKey(data []byte) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_key(h, data) })
}

// SetKeyFile is SetKey from a file.
func (c *TLSConfig) SetKeyFile(path string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_key_file(h, core.Text(path)) })
}

// SetPKCS12 sets key, certificate and chain from a PKCS#12 bundle.
func (c *TLSConfig) SetPKCS12(data []byte) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_pkcs12(h, data) })
}

// SetURI sets key and certificates from an OSSL_STORE URI, such as pkcs11: where a provider for it is loaded.
func (c *TLSConfig) SetURI(uri string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_uri(h, core.Text(uri)) })
}

// SetPassphrase is for what is loaded next; an empty one takes it away.
func (c *TLSConfig) SetPassphrase(data []byte) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_passphrase(h, data) })
}

// TrustSystem trusts the system's authorities, as a client without any trust does.
func (c *TLSConfig) TrustSystem() error {
	return c.set(core.Tls_config_trust_system)
}

// Trust trusts authorities: PEM, or one in DER. Calls add up.
func (c *TLSConfig) Trust(data []byte) error {
	return c.set(func(h uintptr) int { return core.Tls_config_trust(h, data) })
}

// TrustFile is Trust from a file.
func (c *TLSConfig) TrustFile(path string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_trust_file(h, core.Text(path)) })
}

// TrustDir trusts a directory in openssl rehash's form.
func (c *TLSConfig) TrustDir(path string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_trust_dir(h, core.Text(path)) })
}

// AddCRL adds a revocation list, and checks the peer's certificate, or the whole chain, against such.
func (c *TLSConfig) AddCRL(data []byte, allLevels bool) error {
	return c.set(func(h uintptr) int { return core.Tls_config_add_crl(h, data, flag(allLevels)) })
}

// SetVerifyDepth bounds the chain between the peer's certificate and the trusted one.
func (c *TLSConfig) SetVerifyDepth(depth int) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_verify_depth(h, depth) })
}

// SetClientCertificate is for servers.
func (c *TLSConfig) SetClientCertificate(mode ClientCertificate) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_client_certificate(h, int(mode)) })
}

// SetAskPeer has QuestionTLSPeer asked.
func (c *TLSConfig) SetAskPeer(when AskPeer) error {
	return c.set(func(h uintptr) int { return core.Tls_config_ask_peer(h, int(when)) })
}

// SetAskHello has QuestionTLSHello asked, on servers.
func (c *TLSConfig) SetAskHello(on bool) error {
	return c.set(func(h uintptr) int { return core.Tls_config_ask_hello(h, flag(on)) })
}

// SetVersions bounds the versions, inclusive.
func (c *TLSConfig) SetVersions(lowest TLSVersion, highest TLSVersion) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_versions(h, int(lowest), int(highest)) })
}

// SetCiphers sets TLS 1.2's ciphers, in openssl's syntax.
func (c *TLSConfig) SetCiphers(list string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_ciphers(h, core.Text(list)) })
}

// SetCipherSuites sets TLS 1.3's.
func (c *TLSConfig) SetCipherSuites(list string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_ciphersuites(h, core.Text(list)) })
}

// SetGroups sets the key exchange groups.
func (c *TLSConfig) SetGroups(list string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_groups(h, core.Text(list)) })
}

// SetSignatureAlgorithms sets the signature algorithms.
func (c *TLSConfig) SetSignatureAlgorithms(list string) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_sigalgs(h, core.Text(list)) })
}

// RequireHost has a server refuse clients that ask for no name, or for one that was not added.
func (c *TLSConfig) RequireHost(on bool) error {
	return c.set(func(h uintptr) int { return core.Tls_config_require_host(h, flag(on)) })
}

// SetTicketCount is how many tickets follow a TLS 1.3 handshake, 0 to 16.
func (c *TLSConfig) SetTicketCount(count int) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_ticket_count(h, count) })
}

// SetOCSPResponse is what a server shows, in DER.
func (c *TLSConfig) SetOCSPResponse(data []byte) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_ocsp_response(h, data) })
}

// SetOCSP has a client ask for one.
func (c *TLSConfig) SetOCSP(mode OCSP) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_ocsp(h, int(mode)) })
}

// AddPSK adds an external pre-shared key of 16 to 256 bytes.
func (c *TLSConfig) AddPSK(identity string, key []byte) error {
	return c.set(func(h uintptr) int { return core.Tls_config_add_psk(h, core.Text(identity), key) })
}

// SetMaxSendFragment bounds the plaintext of a record that is sent, 512 to 16384.
func (c *TLSConfig) SetMaxSendFragment(size int) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_max_send_fragment(h, size) })
}

// SetMaxFragment negotiates smaller records both ways: 512, 1024, 2048 or 4096.
func (c *TLSConfig) SetMaxFragment(size int) error {
	return c.set(func(h uintptr) int { return core.Tls_config_set_max_fragment(h, size) })
}

// InsecureNoVerify has a client believe any certificate at all.
func (c *TLSConfig) InsecureNoVerify() error {
	return c.set(core.Tls_config_insecure_no_verify)
}

// InsecureNoHostCheck verifies the chain but not whom it names.
func (c *TLSConfig) InsecureNoHostCheck() error {
	return c.set(core.Tls_config_insecure_no_host_check)
}

// InsecureKeyLog lets sessions that ask for it give key log lines.
func (c *TLSConfig) InsecureKeyLog() error {
	return c.set(core.Tls_config_insecure_keylog)
}

// Tickets are a server's session ticket keys, shared by configs and goroutines, and rotated while in use.
type Tickets struct{ object }

// NewTickets has one random key.
func NewTickets() *Tickets {
	return &Tickets{object{newLeaf(core.Tls_tickets_new(), core.Tls_tickets_free, nil)}}
}

// Rotate makes a new random key; the last 3 before still open.
func (t *Tickets) Rotate() error { return fail(t.use(core.Tls_tickets_rotate), nil) }

// Add is Rotate with a key of 80 random bytes, to share among processes.
func (t *Tickets) Add(key []byte) error {
	return fail(t.use(func(h uintptr) int { return core.Tls_tickets_add(h, key) }), nil)
}
