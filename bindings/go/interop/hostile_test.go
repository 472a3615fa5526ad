// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"sessile.dev/go"
	"sessile.dev/go/ssh"
	"sessile.dev/go/tls"
)

// What goes wrong around a connection: wires without deadlines or that break, callbacks that panic or do not return,
// answers that cannot be given.

// timeless is a wire that knows no deadlines, as a channel of x/crypto/ssh's.
type timeless struct{ net.Conn }

var errTimeless = errors.New("no deadlines")

func (timeless) SetDeadline(time.Time) error      { return errTimeless }
func (timeless) SetReadDeadline(time.Time) error  { return errTimeless }
func (timeless) SetWriteDeadline(time.Time) error { return errTimeless }

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestContextsCountOnWiresWithoutDeadlines(t *testing.T) {
	s := newServer(t)
	for what, begin := range map[string]func(net.Conn) error{
		"SSH client": func(conn net.Conn) error {
			_, err := ssh.NewClient(soon(t), conn, "host", &ssh.ClientConfig{User: "alice"})
			return err
		},
		"SSH server": func(conn net.Conn) error {
			_, _, _, err := ssh.NewServerConn(soon(t), conn, s.config)
			return err
		},
		"TLS": func(conn net.Conn) error { return tls.Client(conn, newConfigs(t).client).HandshakeContext(soon(t)) },
	} {
		t.Run(what, func(t *testing.T) {
			near, far := sockets(t)
			defer far.Close()
			if err := begin(timeless{near}); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		})
	}
}

// loggedIn is a client at an x/crypto/ssh server, over a wire that may be wrapped.
func loggedIn(t *testing.T, server *xServer, wrap func(net.Conn) net.Conn,
	config ssh.ClientConfig) (*ssh.Client, error) {
	near, far := sockets(t)
	server.serve(far)
	t.Cleanup(server.work.Wait)
	t.Cleanup(func() { far.Close() })
	config.User = "alice"
	if config.Auth == nil {
		config.Auth = []ssh.AuthMethod{ssh.Password("secret")}
	}
	if config.HostKeyCallback == nil {
		config.HostKeyCallback = ssh.FixedHostKey(server.key)
	}
	return ssh.NewClient(context.Background(), wrap(near), "host", &config)
}

func plain(conn net.Conn) net.Conn { return conn }

func TestAWireWithoutDeadlinesIsClosedAfterTheLastWords(t *testing.T) {
	client, err := loggedIn(t, newXServer(t), func(conn net.Conn) net.Conn { return timeless{conn} }, ssh.ClientConfig{})
	must(t, err)
	if out, err := session(t, client).Output("both"); err != nil || string(out) != "out" {
		t.Fatal(string(out), err)
	}
	must(t, client.Close())
}

// breaking is a wire whose reads fail by an error of its own once it is closed.
type breaking struct{ net.Conn }

var errBroken = errors.New("the cable was cut")

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if err != nil {
		err = errBroken
	}
	return n, err
}

func TestWhatAWireBreaksWithIsFound(t *testing.T) {
	var below net.Conn
	client, err := loggedIn(t, newXServer(t), func(conn net.Conn) net.Conn { below = conn; return breaking{conn} },
		ssh.ClientConfig{})
	must(t, err)
	below.Close()
	if err := client.Wait(); !errors.Is(err, errBroken) || !errors.Is(err, sessile.ErrDropped) {
		t.Fatal(err)
	}
}

func TestAConnectionTellsItsFactsAfterItsEnd(t *testing.T) {
	server := newXServer(t)
	client, err := loggedIn(t, server, plain, ssh.ClientConfig{})
	must(t, err)
	id, kex := client.SessionID(), client.Info(sessile.InfoKEX)
	must(t, client.Close())
	if client.User() != "alice" || !bytes.Equal(client.SessionID(), id) || len(id) == 0 ||
		client.Info(sessile.InfoKEX) != kex || kex == "" || !client.HostKey().Equal(server.key) {
		t.Fatal(client.User(), client.SessionID(), client.Info(sessile.InfoKEX))
	}
	if _, err := client.NewSession(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := client.Dial("tcp", "echo.example:80"); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	must(t, client.Wait())
}

func TestALoginEndsWithItsContextThoughACallbackDoesNotReturn(t *testing.T) {
	server := newXServer(t)
	near, far := sockets(t)
	server.serve(far)
	defer server.work.Wait()
	asked, leave := make(chan struct{}), make(chan struct{})
	defer close(leave)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	_, err := ssh.NewClient(ctx, near, "host", &ssh.ClientConfig{
		User: "alice", HostKeyCallback: func(string, net.Addr, *sessile.Key) error { close(asked); <-leave; return nil },
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestAnAnswerThatCannotBeGivenFailsTheLogin(t *testing.T) {
	_, err := loggedIn(t, newXServer(t), plain, ssh.ClientConfig{
		Auth: []ssh.AuthMethod{ssh.Password(strings.Repeat("x", 1<<20))},
	})
	if !errors.Is(err, sessile.ErrArgument) && !errors.Is(err, sessile.ErrLimit) {
		t.Fatal(err)
	}
}

func TestEachWayToLogInIsTriedOnce(t *testing.T) {
	client, err := loggedIn(t, newXServer(t), plain, ssh.ClientConfig{Auth: []ssh.AuthMethod{
		ssh.Password("wrong"), ssh.KeyboardInteractive(answers("one", "wrong")), ssh.Password("secret"),
	}})
	must(t, err)
	must(t, client.Close())
	_, err = loggedIn(t, newXServer(t), plain, ssh.ClientConfig{Auth: []ssh.AuthMethod{
		ssh.Password("wrong"), ssh.Password("also wrong"),
	}})
	if !errors.Is(err, sessile.ErrRefused) {
		t.Fatal(err)
	}
}

func TestAPanicOfABannerSurfacesInTheCaller(t *testing.T) {
	defer func() {
		if value := recover(); value != "in the banner" {
			t.Fatal(value)
		}
	}()
	_, err := loggedIn(t, newXServer(t), plain, ssh.ClientConfig{BannerCallback: func(string) { panic("in the banner") }})
	t.Fatal("no panic, but ", err)
}

func TestAHandshakeThatPanickedIsNotBegunAnew(t *testing.T) {
	made := newConfigs(t)
	must(t, made.client.TLS.SetAskPeer(sessile.AskPeerAlways))
	made.client.Question = func(*sessile.Question) error { panic("in the question") }
	near, far := sockets(t)
	client, server := tls.Client(near, made.client), tls.Server(far, made.server)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Handshake(); server.Close() }()
	func() {
		defer func() {
			if value := recover(); value != "in the question" {
				t.Error(value)
			}
		}()
		_ = client.Handshake()
	}()
	if err := client.Handshake(); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Fatal(err)
	}
	client.Close()
	<-done
}

// ---- Sessions ----

type failing struct{}

var errFull = errors.New("no space left")

func (failing) Write([]byte) (int, error) { return 0, errFull }
func (failing) Read([]byte) (int, error)  { return 0, errFull }

func TestWhatCopyingFailsWithIsToldAndStopsNobody(t *testing.T) {
	everyWire(t, func(t *testing.T, client *ssh.Client) {
		one := session(t, client)
		one.Stdin, one.Stdout = bytes.NewReader(make([]byte, 8<<20)), failing{}
		if err := one.Run("cat"); !errors.Is(err, errFull) {
			t.Fatal(err)
		}
		two := session(t, client)
		two.Stdin = failing{}
		if err := two.Run("cat"); !errors.Is(err, errFull) {
			t.Fatal(err)
		}
		three := session(t, client)
		three.Stdin = failing{}
		var exit *ssh.ExitError
		if err := three.Run("fail"); !errors.As(err, &exit) || exit.ExitStatus() != 7 {
			t.Fatal(err)
		}
	})
}

func TestAListenThatIsGivenUpLeavesTheConnection(t *testing.T) {
	server := newXServer(t)
	near, far := sockets(t)
	asked, leave, cancelled := make(chan struct{}), make(chan struct{}), make(chan string, 8)
	var work sync.WaitGroup
	defer work.Wait()
	work.Add(1)
	go func() {
		defer work.Done()
		_, channels, requests, err := xssh.NewServerConn(far, server.config)
		if err != nil {
			return
		}
		go func() {
			for range channels {
			}
		}()
		for request := range requests {
			if request.Type == "tcpip-forward" && asked != nil {
				close(asked)
				asked = nil
				<-leave
			}
			cancelled <- request.Type
			_ = request.Reply(true, []byte{0, 0, 0, 99})
		}
	}()
	client, err := ssh.NewClient(context.Background(), near, "host", &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.FixedHostKey(server.key),
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	waiting := asked
	go func() { <-waiting; cancel() }()
	if _, err := client.ListenContext(ctx, "tcp", "127.0.0.1:0"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(leave)
	if first, second := <-cancelled, <-cancelled; first != "tcpip-forward" || second != "cancel-tcpip-forward" {
		t.Fatal(first, second)
	}
	listener, err := client.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	if !strings.HasSuffix(listener.Addr().String(), ":99") {
		t.Fatal(listener.Addr())
	}
	must(t, client.Close())
}
