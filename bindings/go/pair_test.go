// SPDX-License-Identifier: Apache-2.0

package sessile_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"sessile.dev/go"
)

// end is one end of a wire in memory: what it sends goes to the other's queue, and is carried by hand.
type end struct {
	*sessile.Session
	queue   []byte
	peer    *end
	ready   bool
	closed  bool
	resumed int
	over    []error
	onReady func() error
	ask     func(*sessile.Question) error
	streams []*sessile.Stream
	lost    []*sessile.Question
	notices map[sessile.Notice][]byte
	got     []byte
}

func newEnd(t testing.TB) *end {
	e := &end{notices: map[sessile.Notice][]byte{}}
	e.onReady = func() error { e.ready = true; return nil }
	wire := sessile.Wire{
		Send:   func(data []byte) error { e.peer.queue = append(e.peer.queue, data...); return nil },
		Close:  func() { e.closed = true },
		Resume: func() { e.resumed++ },
	}
	session, err := sessile.New(wire, e.handlers())
	must(t, err)
	e.Session = session
	return e
}

func (e *end) handlers() sessile.Handlers {
	return sessile.Handlers{
		Ready: func() error { return e.onReady() },
		Question: func(q *sessile.Question) error {
			if e.ask != nil {
				return e.ask(q)
			}
			return q.Accept()
		},
		Withdrawn: func(q *sessile.Question) error { e.lost = append(e.lost, q); return nil },
		Stream: func(s *sessile.Stream) error {
			e.streams = append(e.streams, s)
			return s.Handle(e.collect())
		},
		Notice: func(kind sessile.Notice, data []byte) error {
			e.notices[kind] = append([]byte(nil), data...)
			return nil
		},
		Closed: func(err error) { e.over = append(e.over, err) },
	}
}

func (e *end) collect() sessile.StreamHandlers {
	return sessile.StreamHandlers{Data: func(data []byte) error { e.got = append(e.got, data...); return nil }}
}

func (e *end) take() bool {
	if len(e.queue) == 0 {
		return false
	}
	taken, err := e.Receive(e.queue)
	if err != nil {
		e.queue = nil
		return false
	}
	e.queue = e.queue[taken:]
	return taken > 0
}

func pump(one, other *end) {
	for moving := true; moving; {
		moving = one.take()
		moving = other.take() || moving
	}
}

func link(t testing.TB) (*end, *end) {
	one, other := newEnd(t), newEnd(t)
	one.peer, other.peer = other, one
	return one, other
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// identity is a certificate that is its own authority, and its key, in PEM.
func identity(t testing.TB, host string) (certificate, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func tlsConfigs(t testing.TB) (client, server *sessile.TLSConfig) {
	certificate, key := identity(t, "server.test")
	client, err := sessile.NewTLSConfig(sessile.Client)
	must(t, err)
	must(t, client.Trust(certificate))
	server, err = sessile.NewTLSConfig(sessile.Server)
	must(t, err)
	must(t, server.SetCertificate(certificate))
	must(t, server.SetKey(key))
	return client, server
}

// tlsBegun is a pair whose handshake has not been carried yet.
func tlsBegun(t testing.TB, client, server *sessile.TLSConfig) (*end, *end, *sessile.Stream, *sessile.Stream) {
	one, other := link(t)
	theirs, err := other.AcceptTLS(server, nil, other.collect())
	must(t, err)
	mine, err := one.ConnectTLS(client, "server.test", nil, one.collect())
	must(t, err)
	return one, other, mine, theirs
}

func generate(t testing.TB) *sessile.Key {
	key, err := sessile.GenerateKey("ssh-ed25519", 0, "test")
	must(t, err)
	return key
}

// sshPair is a client and a server, carried until nothing moves.
func sshPair(t testing.TB, ask func(*sessile.Question) error) (*end, *end) {
	host, user := generate(t), generate(t)
	line, err := sessile.KnownHostsLine("server.test", 22, host, true)
	must(t, err)
	known, err := sessile.ParseKnownHosts(line, nil)
	must(t, err)
	client, err := sessile.NewSSHConfig(sessile.Client)
	must(t, err)
	must(t, client.SetKnownHosts(known))
	must(t, client.AddUserKey(user))
	server, err := sessile.NewSSHConfig(sessile.Server)
	must(t, err)
	must(t, server.AddHostKey(host))
	one, other := link(t)
	other.ask = ask
	must(t, other.AcceptSSH(server))
	must(t, one.ConnectSSH(client, "server.test", 22, "alice"))
	pump(one, other)
	return one, other
}
