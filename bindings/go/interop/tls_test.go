// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	stdtls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/nettest"
	"sessile.dev/go"
	"sessile.dev/go/tls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const name = "localhost"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// identity is a certificate for a host and its key, both in PEM.
func identity(t testing.TB, host string) (certificate, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	inner, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: inner})
}

// configs are those of a server and of a client that trusts it, of both libraries.
type configs struct {
	server, client       *tls.Config
	stdServer, stdClient *stdtls.Config
	certificate          []byte // in PEM
}

func newConfigs(t testing.TB, alpn ...string) configs {
	certificate, key := identity(t, name)
	server, err := sessile.NewTLSConfig(sessile.Server)
	must(t, err)
	must(t, server.SetCertificate(certificate))
	must(t, server.SetKey(key))
	client, err := sessile.NewTLSConfig(sessile.Client)
	must(t, err)
	must(t, client.Trust(certificate))
	if len(alpn) > 0 {
		must(t, server.SetALPN(alpn...))
		must(t, client.SetALPN(alpn...))
	}
	pair, err := stdtls.X509KeyPair(certificate, key)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return configs{
		certificate: certificate, server: &tls.Config{TLS: server}, client: &tls.Config{TLS: client, ServerName: name},
		stdServer: &stdtls.Config{Certificates: []stdtls.Certificate{pair}, NextProtos: alpn},
		stdClient: &stdtls.Config{RootCAs: pool, ServerName: name, NextProtos: alpn},
	}
}

// sockets are two ends of a connection over loopback.
func sockets(t testing.TB) (net.Conn, net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	far, err := listener.Accept()
	must(t, err)
	return near, far
}

func pipes(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }

var wires = map[string]func(testing.TB) (net.Conn, net.Conn){"tcp": sockets, "pipe": pipes}

type way func(c configs, near, far net.Conn) (net.Conn, net.Conn)

// ways are the pairs of client and server that there are.
var ways = map[string]way{
	"both": func(c configs, near, far net.Conn) (net.Conn, net.Conn) {
		return tls.Client(near, c.client), tls.Server(far, c.server)
	},
	"client": func(c configs, near, far net.Conn) (net.Conn, net.Conn) {
		return tls.Client(near, c.client), stdtls.Server(far, c.stdServer)
	},
	"server": func(c configs, near, far net.Conn) (net.Conn, net.Conn) {
		return stdtls.Client(near, c.stdClient), tls.Server(far, c.server)
	},
}

// everywhere runs a test on each pair over each wire.
func everywhere(t *testing.T, test func(t *testing.T, client, server net.Conn)) {
	with(t, ways, test)
}

func with(t *testing.T, ways map[string]way, test func(t *testing.T, client, server net.Conn)) {
	for way, join := range ways {
		for wire, open := range wires {
			t.Run(way+"/"+wire, func(t *testing.T) {
				near, far := open(t)
				client, server := join(newConfigs(t), near, far)
				test(t, client, server)
				client.Close()
				server.Close()
			})
		}
	}
}

type closeWriter interface{ CloseWrite() error }

func TestBytesGoBothWaysAndBothEndsEndCleanly(t *testing.T) {
	everywhere(t, func(t *testing.T, client, server net.Conn) {
		data := make([]byte, 3<<20)
		_, err := rand.Read(data)
		must(t, err)
		go func() {
			if _, err := io.Copy(server, server); err != nil {
				t.Error(err)
			}
			server.(closeWriter).CloseWrite()
		}()
		go func() {
			if _, err := client.Write(data); err != nil {
				t.Error(err)
			}
			client.(closeWriter).CloseWrite()
		}()
		back, err := io.ReadAll(client)
		must(t, err)
		if !bytes.Equal(back, data) {
			t.Fatal("other bytes came back")
		}
	})
}

func TestAnEndWithoutAGoodbyeIsUnexpected(t *testing.T) {
	with(t, map[string]way{"both": ways["both"], "client": ways["client"]}, func(t *testing.T, client, server net.Conn) {
		below := server.(interface{ NetConn() net.Conn }).NetConn()
		go func() {
			if _, err := server.Write([]byte("half a")); err != nil {
				t.Error(err)
			}
			below.Close()
		}()
		got, err := io.ReadAll(client)
		if !errors.Is(err, io.ErrUnexpectedEOF) || string(got) != "half a" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

// netConns makes pairs for nettest: every wire and pair where this side is whole.
func netConns(t *testing.T, open func(testing.TB) (net.Conn, net.Conn)) nettest.MakePipe {
	configs := newConfigs(t)
	return func() (net.Conn, net.Conn, func(), error) {
		near, far := open(t)
		client, server := tls.Client(near, configs.client), tls.Server(far, configs.server)
		failed := make(chan error, 1)
		go func() { failed <- server.Handshake() }()
		if err := client.Handshake(); err != nil {
			return nil, nil, nil, err
		}
		if err := <-failed; err != nil {
			return nil, nil, nil, err
		}
		return client, server, func() { client.Close(); server.Close() }, nil
	}
}

func TestItIsANetConn(t *testing.T) {
	for wire, open := range wires {
		t.Run(wire, func(t *testing.T) { nettest.TestConn(t, netConns(t, open)) })
	}
}

func TestWhatAWriteCountedIsSentAfterItsDeadline(t *testing.T) {
	client, server, stop, err := netConns(t, sockets)()
	must(t, err)
	defer stop()
	data := make([]byte, 64<<20)
	_, err = rand.Read(data)
	must(t, err)
	must(t, client.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
	written, err := client.Write(data)
	if !errors.Is(err, os.ErrDeadlineExceeded) || written == len(data) {
		t.Fatal(written, err)
	}
	must(t, client.SetWriteDeadline(time.Time{}))
	go func() {
		if _, err := client.Write(data[written:]); err != nil {
			t.Error(err)
		}
		client.(closeWriter).CloseWrite()
	}()
	back, err := io.ReadAll(server)
	must(t, err)
	if !bytes.Equal(back, data) {
		t.Fatal("bytes were lost")
	}
}

func TestManyWritersAreEachWhole(t *testing.T) {
	client, server, stop, err := netConns(t, sockets)()
	must(t, err)
	defer stop()
	const writers, messages, size = 8, 50, 20_000
	var all sync.WaitGroup
	for i := 0; i < writers; i++ {
		all.Add(1)
		go func(letter byte) {
			defer all.Done()
			for j := 0; j < messages; j++ {
				if _, err := client.Write(bytes.Repeat([]byte{letter}, size)); err != nil {
					t.Error(err)
				}
			}
		}(byte('a' + i))
	}
	go func() { all.Wait(); client.(closeWriter).CloseWrite() }()
	message, count := make([]byte, size), 0
	for ; ; count++ {
		if _, err := io.ReadFull(server, message); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(message, bytes.Repeat(message[:1], size)) {
			t.Fatal("messages are mixed")
		}
	}
	if count != writers*messages {
		t.Fatal(count)
	}
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	for wire, open := range wires {
		t.Run(wire, func(t *testing.T) {
			near, far := open(t)
			defer far.Close()
			client := tls.Client(near, newConfigs(t).client)
			defer client.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := client.HandshakeContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("the failure does not stay:", err)
			}
		})
	}
}

func TestWhoIsNotTrustedIsRefusedWithTheReason(t *testing.T) {
	for way, join := range map[string]way{
		"both": ways["both"], "client": ways["client"],
	} {
		t.Run(way, func(t *testing.T) {
			near, far := sockets(t)
			made, other := newConfigs(t), newConfigs(t)
			made.client.TLS = other.client.TLS
			client, server := join(made, near, far)
			defer client.Close()
			defer server.Close()
			told := make(chan error, 1)
			go func() { _, err := server.Read(make([]byte, 1)); told <- err }()
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, sessile.ErrVerify) {
				t.Fatal(err)
			}
			if err := <-told; err == nil || err == io.EOF {
				t.Fatal("the server was not told:", err)
			}
		})
	}
}

func TestStateAndTicketsAndKeys(t *testing.T) {
	near, far := sockets(t)
	made := newConfigs(t, "h2", "http/1.1")
	tickets := make(chan []byte, 8)
	made.client.NewTicket = func(ticket []byte) { tickets <- ticket }
	client, server := tls.Client(near, made.client), stdtls.Server(far, made.stdServer)
	go func() { _, _ = io.Copy(server, server); server.Close() }()
	defer client.Close()
	_, err := client.Write([]byte("x"))
	must(t, err)
	_, err = io.ReadFull(client, make([]byte, 1))
	must(t, err)
	state := client.ConnectionState()
	if state.Version != stdtls.VersionTLS13 || state.NegotiatedProtocol != "h2" || state.CipherSuite == 0 ||
		len(state.PeerCertificates) != 1 || state.PeerCertificates[0].Subject.CommonName != name || !state.HandshakeComplete {
		t.Fatalf("%+v", state)
	}
	ours, err := client.ExportKeyingMaterial("label", []byte("context"), 32)
	must(t, err)
	peer := server.ConnectionState()
	theirs, err := peer.ExportKeyingMaterial("label", []byte("context"), 32)
	must(t, err)
	if !bytes.Equal(ours, theirs) {
		t.Fatal("other keys are exported")
	}
	must(t, client.UpdateKeys(true))
	_, err = client.Write([]byte("y"))
	must(t, err)
	_, err = io.ReadFull(client, make([]byte, 1))
	must(t, err)
	made.client.Ticket = <-tickets
	near, far = sockets(t)
	again, server := tls.Client(near, made.client), stdtls.Server(far, made.stdServer)
	defer again.Close()
	go func() { _ = server.Handshake(); server.Close() }()
	must(t, again.Handshake())
	if !again.ConnectionState().DidResume {
		t.Fatal("the session is not resumed")
	}
}

// ---- HTTP ----

func hello(w http.ResponseWriter, request *http.Request) {
	_, _ = fmt.Fprintf(w, "%s %s", request.Proto, request.URL.Path)
}

func get(t *testing.T, client *http.Client, url, expected string) {
	response, err := client.Get(url)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	if string(body) != expected {
		t.Fatalf("%q", body)
	}
}

// serve runs an HTTP server on a listener, and returns what ends it.
func serve(t *testing.T, listener net.Listener, server *http.Server) func() {
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	return func() {
		must(t, server.Close())
		if err := <-done; err != http.ErrServerClosed {
			t.Error(err)
		}
	}
}

func TestHTTPServersAndClientsRunOverIt(t *testing.T) {
	made := newConfigs(t, "h2", "http/1.1")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", made.server)
	must(t, err)
	listener = tls.NewHTTPListener(listener)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	defer serve(t, listener, &http.Server{Handler: http.HandlerFunc(hello), Protocols: protocols})()
	url := "https://" + listener.Addr().String()

	dial := &tls.Dialer{Config: made.client}
	one := &http.Transport{DialTLSContext: dial.DialContext}
	defer one.CloseIdleConnections()
	//lint:ignore SA1019 net/http's own Transport looks for HTTP/2 on crypto/tls's connections only
	two := &http2.Transport{DialTLSContext: func(ctx context.Context, network, addr string,
		_ *stdtls.Config) (net.Conn, error) {
		return dial.DialContext(ctx, network, addr)
	}}
	defer (&http.Client{Transport: two}).CloseIdleConnections()
	standard := &http.Transport{TLSClientConfig: made.stdClient, ForceAttemptHTTP2: true}
	defer standard.CloseIdleConnections()

	get(t, &http.Client{Transport: two}, url+"/ours", "HTTP/2.0 /ours")
	get(t, &http.Client{Transport: standard}, url+"/theirs", "HTTP/2.0 /theirs")

	plain := newConfigs(t)
	second, err := tls.Listen("tcp", "127.0.0.1:0", plain.server)
	must(t, err)
	defer serve(t, second, &http.Server{Handler: http.HandlerFunc(hello)})()
	dial.Config = plain.client
	get(t, &http.Client{Transport: one}, "https://"+second.Addr().String()+"/one", "HTTP/1.1 /one")
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	made := newConfigs(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", made.server)
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			conn.Close()
		}
	}()
	client := *made.client
	client.ServerName = ""
	conn, err := tls.Dial("tcp", listener.Addr().String(), &client)
	must(t, err)
	conn.Close()
	client.ServerName = "elsewhere.example"
	if _, err = tls.Dial("tcp", listener.Addr().String(), &client); !errors.Is(err, sessile.ErrVerify) {
		t.Fatal(err)
	}
	if _, err = tls.Listen("tcp", "127.0.0.1:0", nil); err == nil {
		t.Fatal("a server without a certificate")
	}
	listener.Close()
	<-done
}
