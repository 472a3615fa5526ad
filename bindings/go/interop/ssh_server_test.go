// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/net/nettest"
	"sessile.dev/go"
	"sessile.dev/go/ssh"
)

// server is one of ours: exec runs cat, fail, die, both, env; direct-tcpip echoes; tcpip-forward listens.
type server struct {
	config *ssh.ServerConfig
	key    *sessile.Key
	work   sync.WaitGroup
	mutex  sync.Mutex
	log    []string
}

func newServer(t testing.TB) *server {
	key, err := sessile.GenerateKey("ssh-ed25519", 0, "")
	must(t, err)
	s := &server{key: key}
	s.config = &ssh.ServerConfig{
		HostKeys: []*sessile.Key{key}, Banner: "welcome\n",
		PasswordCallback: func(conn ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if conn.User() == "alice" && string(password) == "secret" && len(conn.SessionID()) > 0 {
				return &ssh.Permissions{Extensions: map[string]string{"by": "password"}}, nil
			}
			return nil, errors.New("no")
		},
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata,
			ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			first, err := ask("name", "instruction", []string{"a? ", "b? "}, []bool{false, true})
			if err != nil {
				return nil, err
			}
			second, err := ask("", "", []string{"c? "}, []bool{true})
			if err != nil || strings.Join(append(first, second...), ",") != "one,two,three" {
				return nil, errors.New("no")
			}
			return nil, nil
		},
		AuthLogCallback: func(conn ssh.ConnMetadata, method string, err error) {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.log = append(s.log, fmt.Sprint(conn.User(), " ", method, " ", err == nil))
		},
	}
	return s
}

// allow has it let in a key.
func (s *server) allow(mine *sessile.Key) {
	s.config.PublicKeyCallback = func(_ ssh.ConnMetadata, key *sessile.Key) (*ssh.Permissions, error) {
		if key.Equal(mine) {
			return &ssh.Permissions{Extensions: map[string]string{"by": "key"}}, nil
		}
		return nil, errors.New("no")
	}
}

// serve is one connection, until it ends.
func (s *server) serve(conn net.Conn) {
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		client, channels, requests, err := ssh.NewServerConn(context.Background(), conn, s.config)
		if err != nil {
			return
		}
		s.work.Add(1)
		go func() { defer s.work.Done(); s.global(client, requests) }()
		for channel := range channels {
			s.work.Add(1)
			go func() { defer s.work.Done(); s.channel(channel) }()
		}
		_ = client.Close()
	}()
}

func (s *server) global(client *ssh.ServerConn, requests <-chan *ssh.Request) {
	listeners := map[string]net.Listener{}
	for request := range requests {
		name := fmt.Sprint(request.Host, " ", request.Port)
		switch request.Type {
		case "tcpip-forward":
			listener, err := net.Listen("tcp", net.JoinHostPort(request.Host, fmt.Sprint(request.Port)))
			if err != nil {
				_ = request.Reply(false)
				continue
			}
			port := listener.Addr().(*net.TCPAddr).Port
			listeners[fmt.Sprint(request.Host, " ", port)] = listener
			_ = request.ReplyPort(port)
			s.work.Add(1)
			go func() { defer s.work.Done(); s.forward(client, listener, request.Host, port) }()
		case "cancel-tcpip-forward":
			listeners[name].Close()
			_ = request.Reply(true)
		default:
			_ = request.Reply(false)
		}
	}
	for _, listener := range listeners {
		listener.Close()
	}
}

func (s *server) forward(client *ssh.ServerConn, listener net.Listener, host string, port int) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := client.OpenForwardedTCP(context.Background(), host, port, conn.RemoteAddr())
		if err != nil {
			conn.Close()
			continue
		}
		s.work.Add(2)
		go func() {
			defer s.work.Done()
			_, _ = io.Copy(far, conn)
			_ = far.(*ssh.Conn).CloseWrite()
		}()
		go func() { defer s.work.Done(); _, _ = io.Copy(conn, far); conn.Close(); far.Close() }()
	}
}

func (s *server) channel(wanted *ssh.NewChannel) {
	switch {
	case wanted.Type == "direct-tcpip" && wanted.Host == "closed.example":
		_ = wanted.Reject(ssh.ConnectionFailed)
	case wanted.Type == "direct-tcpip":
		conn, err := wanted.AcceptConn()
		if err != nil {
			return
		}
		_, _ = io.Copy(conn, conn)
		conn.Close()
	case wanted.Type == "session":
		channel, requests, err := wanted.Accept()
		if err != nil {
			return
		}
		s.session(channel, requests)
	default:
		_ = wanted.Reject(ssh.UnknownChannelType)
	}
}

func (s *server) session(channel *ssh.Channel, requests <-chan *ssh.Request) {
	said := ""
	for request := range requests {
		switch request.Type {
		case "env":
			said += request.Name + "=" + request.Value + ";"
			_ = request.Reply(request.Name != "REFUSED")
		case "pty-req", "window-change":
			said += fmt.Sprint(request.Type, request.Term, request.Columns, "x", request.Rows, ";")
			_ = request.Reply(true)
		case "signal":
			_ = channel.ExitSignal(request.Name, "asked for", false)
		case "exec":
			_ = request.Reply(request.Command != "refused")
			s.work.Add(1)
			go func() { defer s.work.Done(); execute(channel, request.Command, said) }()
		default:
			_ = request.Reply(false)
		}
	}
}

func execute(channel *ssh.Channel, command, said string) {
	switch command {
	case "cat":
		_, _ = io.Copy(channel, channel)
		_ = channel.Exit(0)
	case "both":
		_, _ = io.WriteString(channel, "out")
		_, _ = io.WriteString(channel.Stderr(), "err")
		_ = channel.Exit(0)
	case "env":
		_, _ = io.WriteString(channel, said)
		_ = channel.Exit(0)
	case "fail":
		_ = channel.Exit(3)
	case "vanish":
		_ = channel.Close()
	}
}

// xConnected is a client of x/crypto/ssh at such a server.
func xConnected(t testing.TB, open func(testing.TB) (net.Conn, net.Conn)) (*xssh.Client, func()) {
	s := newServer(t)
	near, far := open(t)
	s.serve(far)
	client, err := xClient(s, near, xssh.Password("secret"))
	must(t, err)
	return client, func() { client.Close(); s.work.Wait() }
}

func xClient(s *server, near net.Conn, auth ...xssh.AuthMethod) (*xssh.Client, error) {
	blob, err := s.key.Blob(false)
	if err != nil {
		return nil, err
	}
	key, err := xssh.ParsePublicKey(blob)
	if err != nil {
		return nil, err
	}
	conn, channels, requests, err := xssh.NewClientConn(near, "host.example:22", &xssh.ClientConfig{
		User: "alice", Auth: auth, HostKeyCallback: xssh.FixedHostKey(key),
	})
	if err != nil {
		return nil, err
	}
	return xssh.NewClient(conn, channels, requests), nil
}

func everyXWire(t *testing.T, test func(t *testing.T, client *xssh.Client)) {
	for wire, open := range wires {
		t.Run(wire, func(t *testing.T) {
			client, stop := xConnected(t, open)
			defer stop()
			test(t, client)
		})
	}
}

func TestAServerRunsWhatClientsAskFor(t *testing.T) {
	everyXWire(t, func(t *testing.T, client *xssh.Client) {
		run := func(command string, prepare func(*xssh.Session)) (string, string, error) {
			session, err := client.NewSession()
			must(t, err)
			defer session.Close()
			var out, errors bytes.Buffer
			session.Stdout, session.Stderr = &out, &errors
			if prepare != nil {
				prepare(session)
			}
			err = session.Run(command)
			return out.String(), errors.String(), err
		}
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
		out, _, err := run("cat", func(s *xssh.Session) { s.Stdin = bytes.NewReader(data) })
		must(t, err)
		if out != string(data) {
			t.Fatal("other bytes came back:", len(out))
		}
		out, errs, err := run("both", nil)
		if err != nil || out != "out" || errs != "err" {
			t.Fatal(out, errs, err)
		}
		out, _, err = run("env", func(s *xssh.Session) {
			must(t, s.Setenv("A", "b"))
			if s.Setenv("REFUSED", "") == nil {
				t.Fatal("a variable that is refused")
			}
			must(t, s.RequestPty("xterm", 24, 80, nil))
			must(t, s.WindowChange(30, 90))
		})
		if err != nil || out != "A=b;REFUSED=;pty-reqxterm80x24;window-change90x30;" {
			t.Fatal(out, err)
		}
		var exit *xssh.ExitError
		if _, _, err = run("fail", nil); !errors.As(err, &exit) || exit.ExitStatus() != 3 {
			t.Fatal(err)
		}
		var missing *xssh.ExitMissingError
		if _, _, err = run("vanish", nil); !errors.As(err, &missing) {
			t.Fatal(err)
		}
		if _, _, err = run("refused", nil); err == nil {
			t.Fatal("a command that is refused")
		}
	})
}

func TestASignalReachesTheServer(t *testing.T) {
	everyXWire(t, func(t *testing.T, client *xssh.Client) {
		session, err := client.NewSession()
		must(t, err)
		_, err = session.StdinPipe()
		must(t, err)
		must(t, session.Start("sleep"))
		must(t, session.Signal(xssh.SIGTERM))
		var exit *xssh.ExitError
		if err := session.Wait(); !errors.As(err, &exit) || exit.Signal() != "TERM" {
			t.Fatal(err)
		}
	})
}

func TestAServerConnectsAndListens(t *testing.T) {
	everyXWire(t, func(t *testing.T, client *xssh.Client) {
		conn, err := client.Dial("tcp", "echo.example:80")
		must(t, err)
		_, err = io.WriteString(conn, "hello")
		must(t, err)
		must(t, conn.(interface{ CloseWrite() error }).CloseWrite())
		back, err := io.ReadAll(conn)
		if err != nil || string(back) != "hello" {
			t.Fatal(string(back), err)
		}
		var refused *xssh.OpenChannelError
		_, err = client.Dial("tcp", "closed.example:80")
		if !errors.As(err, &refused) || refused.Reason != xssh.ConnectionFailed {
			t.Fatal(err)
		}
		listener, err := client.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		served := make(chan struct{})
		go func() {
			defer close(served)
			conn, err := listener.Accept()
			if err == nil {
				_, _ = io.Copy(conn, conn)
				conn.Close()
			}
		}()
		near, err := net.Dial("tcp", listener.Addr().String())
		must(t, err)
		defer near.Close()
		_, err = io.WriteString(near, "hello")
		must(t, err)
		must(t, near.(*net.TCPConn).CloseWrite())
		back, err = io.ReadAll(near)
		if err != nil || string(back) != "hello" {
			t.Fatal(string(back), err)
		}
		<-served
		must(t, listener.Close())
	})
}

func TestAServerLetsInWhomItsCallbacksLetIn(t *testing.T) {
	mine, err := sessile.GenerateKey("ssh-ed25519", 0, "")
	must(t, err)
	other, err := sessile.GenerateKey("ssh-ed25519", 0, "")
	must(t, err)
	for what, way := range map[string]struct {
		auth []ssh.AuthMethod
		in   bool
		by   string // what the permissions are from
		log  string
	}{
		"password": {auth: []ssh.AuthMethod{ssh.Password("secret")}, in: true, by: "password",
			log: "alice password true"},
		"wrong password": {auth: []ssh.AuthMethod{ssh.Password("wrong")}, log: "alice password false"},
		"questions": {in: true, log: "alice keyboard-interactive true",
			auth: []ssh.AuthMethod{ssh.KeyboardInteractive(answers("one", "two", "three"))}},
		"wrong answers": {log: "alice keyboard-interactive false",
			auth: []ssh.AuthMethod{ssh.KeyboardInteractive(answers("one", "two", "four"))}},
		"key": {auth: []ssh.AuthMethod{ssh.PublicKeys(mine)}, in: true, by: "key",
			log: "alice publickey true"},
		"another key, then the password": {auth: []ssh.AuthMethod{ssh.PublicKeys(other), ssh.Password("secret")},
			in: true, by: "password", log: "alice publickey false,alice password true"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newServer(t)
			s.allow(mine)
			near, far := net.Pipe()
			accepted := make(chan *ssh.ServerConn, 1)
			go func() {
				conn, channels, _, err := ssh.NewServerConn(context.Background(), far, s.config)
				accepted <- conn
				if err == nil {
					for range channels {
					}
				}
			}()
			client, err := ssh.NewClient(context.Background(), near, "host", &ssh.ClientConfig{User: "alice",
				Auth: way.auth, HostKeyCallback: ssh.FixedHostKey(s.key)})
			conn := <-accepted
			if (err == nil) != way.in || (conn != nil) != way.in {
				t.Fatal(err, conn)
			}
			if way.in {
				must(t, client.Close())
				must(t, conn.Wait())
			}
			if way.by != "" && conn.Permissions.Extensions["by"] != way.by {
				t.Fatal(conn.Permissions)
			}
			// tried before any other: whether the user gets in without anything
			log := strings.TrimPrefix(strings.Join(s.log, ","), "alice none false,")
			if log != way.log {
				t.Fatal(log)
			}
		})
	}
}

func answers(all ...string) ssh.KeyboardInteractiveChallenge {
	return func(_, _ string, questions []string, _ []bool) ([]string, error) {
		mine := all[:len(questions)]
		all = all[len(questions):]
		return mine, nil
	}
}

func TestXCryptosLoginsWorkAtAServer(t *testing.T) {
	left := []string{"one", "two", "three"}
	for what, auth := range map[string]xssh.AuthMethod{
		"password": xssh.Password("secret"),
		"questions": xssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			mine := left[:len(questions)]
			left = left[len(questions):]
			return mine, nil
		}),
	} {
		t.Run(what, func(t *testing.T) {
			s := newServer(t)
			near, far := sockets(t)
			s.serve(far)
			client, err := xClient(s, near, auth)
			must(t, err)
			must(t, client.Close())
			s.work.Wait()
		})
	}
	s := newServer(t)
	near, far := sockets(t)
	s.serve(far)
	if _, err := xClient(s, near, xssh.Password("wrong")); err == nil {
		t.Fatal("a wrong password")
	}
	s.work.Wait()
}

func TestAPanicOfACallbackSurfacesInTheCaller(t *testing.T) {
	s := newServer(t)
	s.config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { panic("in the callback") }
	near, far := net.Pipe()
	surfaced := make(chan any, 1)
	go func() {
		defer func() { surfaced <- recover() }()
		_, _, _, _ = ssh.NewServerConn(context.Background(), far, s.config)
	}()
	_, err := ssh.NewClient(context.Background(), near, "host", &ssh.ClientConfig{User: "alice",
		Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.FixedHostKey(s.key)})
	if value := <-surfaced; value != "in the callback" || err == nil {
		t.Fatal(value, err)
	}
}

func TestAServersLoginEndsWithItsContext(t *testing.T) {
	s := newServer(t)
	near, far := sockets(t)
	defer near.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, _, _, err := ssh.NewServerConn(ctx, far, s.config); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestAServerNeedsAWayInAndAKey(t *testing.T) {
	_, far := net.Pipe()
	_, _, _, err := ssh.NewServerConn(context.Background(), far, &ssh.ServerConfig{})
	if !errors.Is(err, sessile.ErrArgument) {
		t.Fatal(err)
	}
}

func TestChannelsNobodyLooksAtEndWithTheConnection(t *testing.T) {
	s := newServer(t)
	near, far := net.Pipe()
	accepted := make(chan *ssh.ServerConn, 1)
	go func() {
		conn, _, _, _ := ssh.NewServerConn(context.Background(), far, s.config)
		accepted <- conn
	}()
	client, err := ssh.NewClient(context.Background(), near, "host", &ssh.ClientConfig{User: "alice",
		Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.FixedHostKey(s.key)})
	must(t, err)
	conn := <-accepted
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := client.NewSessionContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	must(t, client.Close())
	must(t, conn.Wait())
}

func TestAChannelOfBothEndsIsANetConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		s := newServer(t)
		near, far := net.Pipe()
		arrived := make(chan net.Conn, 1)
		s.work.Add(1)
		go func() {
			defer s.work.Done()
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
		if err != nil {
			return nil, nil, nil, err
		}
		mine, err := client.Dial("tcp", "there.example:80")
		if err != nil {
			return nil, nil, nil, err
		}
		theirs := <-arrived
		return mine, theirs, func() { mine.Close(); theirs.Close(); client.Close(); s.work.Wait() }, nil
	})
}
