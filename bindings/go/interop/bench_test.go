// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"testing"

	xssh "golang.org/x/crypto/ssh"
	"sessile.dev/go"
	"sessile.dev/go/ssh"
)

// Each benchmark measures this module and what Go has, over the same wires, in one run: go test -bench . -run '^$'.

const bulk = 1 << 20

func benchWires(b *testing.B, names []string, run func(b *testing.B, open func(testing.TB) (net.Conn, net.Conn))) {
	for _, wire := range names {
		b.Run("wire="+wire, func(b *testing.B) { run(b, wires[wire]) })
	}
}

// Two of x/crypto/ssh's ends wait for each other on a pipe, which has no room: both say who they are first.
var tlsWires, sshWires = []string{"pipe", "tcp"}, []string{"tcp"}

// carry measures how fast bytes go one way, an op being 1 MiB.
func carry(b *testing.B, from io.Writer, to io.Reader) {
	data, done := make([]byte, 32<<10), make(chan error, 1)
	b.SetBytes(bulk)
	b.ResetTimer()
	go func() {
		room, left := make([]byte, 64<<10), b.N*bulk
		for left > 0 {
			n, err := to.Read(room)
			if left -= n; err != nil && left > 0 {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for left := b.N * bulk; left > 0; left -= len(data) {
		if _, err := from.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	must(b, <-done)
	b.StopTimer()
}

// echo measures 64 bytes there and back.
func echo(b *testing.B, near, far net.Conn) {
	go func() { _, _ = io.Copy(far, far) }()
	data := make([]byte, 64)
	b.SetBytes(64)
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if _, err := near.Write(data); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(near, data); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
}

func theirs(c configs, near, far net.Conn) (net.Conn, net.Conn) {
	return stdtls.Client(near, c.stdClient), stdtls.Server(far, c.stdServer)
}

func benchTLS(b *testing.B, run func(b *testing.B, near, far net.Conn)) {
	benchWires(b, tlsWires, func(b *testing.B, open func(testing.TB) (net.Conn, net.Conn)) {
		for by, join := range map[string]way{"sessile": ways["both"], "crypto": theirs} {
			b.Run("by="+by, func(b *testing.B) {
				near, far := open(b)
				configs := newConfigs(b)
				must(b, configs.client.TLS.SetCipherSuites("TLS_AES_128_GCM_SHA256")) // crypto/tls's own choice
				one, other := join(configs, near, far)
				shaken := make(chan error, 1)
				go func() { shaken <- other.(interface{ Handshake() error }).Handshake() }()
				must(b, one.(interface{ Handshake() error }).Handshake())
				must(b, <-shaken)
				run(b, one, other)
				closed := make(chan struct{})
				go func() { defer close(closed); other.Close() }()
				one.Close()
				<-closed
			})
		}
	})
}

func BenchmarkTLSBulk(b *testing.B) {
	benchTLS(b, func(b *testing.B, near, far net.Conn) { carry(b, near, far) })
}

func BenchmarkTLSEcho(b *testing.B) { benchTLS(b, echo) }

// theirCipher is x/crypto/ssh's own choice.
func theirCipher(config *sessile.SSHConfig) error {
	return config.SetAlgorithms(sessile.AlgorithmsCiphers, "aes128-gcm@openssh.com")
}

// The servers of all pairs have one key and config, as a server's connections do.
var (
	ours     *server
	oursOnce sync.Once
	xOnly    *xServer
	xOnce    sync.Once
)

func oneServer(b *testing.B) *server {
	oursOnce.Do(func() {
		ours = newServer(b)
		ours.config.Prepare = theirCipher
	})
	return ours
}

func oneXServer(b *testing.B) *xServer {
	xOnce.Do(func() { xOnly = newXServer(b) })
	return xOnly
}

// sshPair is a client and a server, and a channel between them.
type sshPair func(b *testing.B, near, far net.Conn) (mine, theirs net.Conn, stop func())

func ourPair(b *testing.B, near, far net.Conn) (net.Conn, net.Conn, func()) {
	s := oneServer(b)
	arrived, over := make(chan net.Conn, 1), make(chan struct{})
	go func() {
		defer close(over)
		_, channels, _, err := ssh.NewServerConn(context.Background(), far, s.config)
		if err != nil {
			return
		}
		for wanted := range channels {
			conn, _ := wanted.AcceptConn()
			arrived <- conn
		}
	}()
	client, err := ssh.NewClient(context.Background(), near, "host", &ssh.ClientConfig{User: "alice",
		Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.FixedHostKey(s.key)})
	must(b, err)
	mine, err := client.Dial("tcp", "there.example:80")
	must(b, err)
	return mine, <-arrived, func() { client.Close(); <-over }
}

func theirPair(b *testing.B, near, far net.Conn) (net.Conn, net.Conn, func()) {
	s := oneXServer(b)
	arrived, over := make(chan xssh.Channel, 1), make(chan struct{})
	go func() {
		defer close(over)
		_, channels, requests, err := xssh.NewServerConn(far, s.config)
		if err != nil {
			return
		}
		go xssh.DiscardRequests(requests)
		for wanted := range channels {
			channel, requests, _ := wanted.Accept()
			go xssh.DiscardRequests(requests)
			arrived <- channel
		}
	}()
	conn, channels, requests, err := xssh.NewClientConn(near, "host:22", &xssh.ClientConfig{User: "alice",
		Auth: []xssh.AuthMethod{xssh.Password("secret")}, HostKeyCallback: xssh.InsecureIgnoreHostKey()})
	must(b, err)
	client := xssh.NewClient(conn, channels, requests)
	mine, err := client.Dial("tcp", "there.example:80")
	must(b, err)
	return mine, &channelConn{Channel: <-arrived}, func() { client.Close(); <-over }
}

// channelConn has of a net.Conn what is needed here.
type channelConn struct {
	xssh.Channel
	net.Conn
}

func (c *channelConn) Read(p []byte) (int, error)  { return c.Channel.Read(p) }
func (c *channelConn) Write(p []byte) (int, error) { return c.Channel.Write(p) }
func (c *channelConn) Close() error                { return c.Channel.Close() }

func benchSSH(b *testing.B, run func(b *testing.B, near, far net.Conn)) {
	benchWires(b, sshWires, func(b *testing.B, open func(testing.TB) (net.Conn, net.Conn)) {
		for by, pair := range map[string]sshPair{"sessile": ourPair, "crypto": theirPair} {
			b.Run("by="+by, func(b *testing.B) {
				near, far := open(b)
				one, other, stop := pair(b, near, far)
				run(b, one, other)
				stop()
			})
		}
	})
}

func BenchmarkSSHBulk(b *testing.B) {
	benchSSH(b, func(b *testing.B, near, far net.Conn) { carry(b, near, far) })
}

func BenchmarkSSHEcho(b *testing.B) { benchSSH(b, echo) }

func BenchmarkSSHHandshake(b *testing.B) {
	benchWires(b, sshWires, func(b *testing.B, open func(testing.TB) (net.Conn, net.Conn)) {
		for by, pair := range map[string]sshPair{"sessile": ourPair, "crypto": theirPair} {
			b.Run("by="+by, func(b *testing.B) {
				for i := 0; i < b.N; i++ {
					near, far := open(b)
					_, _, stop := pair(b, near, far)
					stop()
				}
			})
		}
	})
}

// BenchmarkSSHIdle measures what a pair of idle connections keeps resident. What was freed before counts for less: each
// is to be run in a process of its own.
func BenchmarkSSHIdle(b *testing.B) {
	for by, pair := range map[string]sshPair{"sessile": ourPair, "crypto": theirPair} {
		b.Run("by="+by, func(b *testing.B) {
			const pairs = 500
			for i := 0; i < b.N; i++ {
				near, far := sockets(b)
				_, _, stop := pair(b, near, far) // what is made once
				stops := []func(){stop}
				before := resident(b)
				for j := 0; j < pairs; j++ {
					near, far := sockets(b)
					_, _, stop := pair(b, near, far)
					stops = append(stops, stop)
				}
				b.ReportMetric(float64(resident(b)-before)/pairs, "B/pair")
				for _, stop := range stops {
					stop()
				}
			}
		})
	}
}

func resident(b *testing.B) int {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	must(b, err)
	var size, pages int
	_, err = fmt.Sscan(string(text), &size, &pages)
	must(b, err)
	return pages * os.Getpagesize()
}
