// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
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

// xServer is a server on x/crypto/ssh: exec runs cat, fail, die, both; direct-tcpip echoes; tcpip-forward listens.
type xServer struct {
	config *xssh.ServerConfig
	key    *sessile.Key
	work   sync.WaitGroup
}

func newXServer(t testing.TB) *xServer {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := xssh.NewSignerFromKey(private)
	must(t, err)
	s := &xServer{config: &xssh.ServerConfig{
		BannerCallback: func(xssh.ConnMetadata) string { return "welcome\n" },
		PasswordCallback: func(c xssh.ConnMetadata, password []byte) (*xssh.Permissions, error) {
			if c.User() == "alice" && string(password) == "secret" {
				return nil, nil
			}
			return nil, errors.New("no")
		},
		KeyboardInteractiveCallback: func(c xssh.ConnMetadata,
			ask xssh.KeyboardInteractiveChallenge) (*xssh.Permissions, error) {
			answers, err := ask("name", "instruction", []string{"a? ", "b? "}, []bool{false, true})
			if err == nil && strings.Join(answers, ",") == "one,two" {
				return nil, nil
			}
			return nil, errors.New("no")
		},
	}}
	s.config.AddHostKey(signer)
	s.key, err = sessile.ParseKeyBlob(signer.PublicKey().Marshal())
	must(t, err)
	return s
}

// serve is one connection, until it ends.
func (s *xServer) serve(conn net.Conn) {
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		server, channels, requests, err := xssh.NewServerConn(conn, s.config)
		if err != nil {
			conn.Close()
			return
		}
		s.work.Add(1)
		go func() { defer s.work.Done(); s.global(server, requests) }()
		for channel := range channels {
			s.work.Add(1)
			go func() { defer s.work.Done(); s.channel(channel) }()
		}
		server.Close()
	}()
}

func (s *xServer) global(server *xssh.ServerConn, requests <-chan *xssh.Request) {
	listeners := map[string]net.Listener{}
	for request := range requests {
		var asked struct {
			Host string
			Port uint32
		}
		_ = xssh.Unmarshal(request.Payload, &asked)
		switch request.Type {
		case "tcpip-forward":
			listener, err := net.Listen("tcp", net.JoinHostPort(asked.Host, fmt.Sprint(asked.Port)))
			if err != nil {
				_ = request.Reply(false, nil)
				continue
			}
			port := uint32(listener.Addr().(*net.TCPAddr).Port)
			listeners[fmt.Sprint(asked.Host, port)] = listener
			_ = request.Reply(true, binary.BigEndian.AppendUint32(nil, port))
			s.work.Add(1)
			go func() { defer s.work.Done(); s.accept(server, listener, asked.Host, port) }()
		case "cancel-tcpip-forward":
			listeners[fmt.Sprint(asked.Host, asked.Port)].Close()
			_ = request.Reply(true, nil)
		default:
			_ = request.Reply(false, nil)
		}
	}
	for _, listener := range listeners {
		listener.Close()
	}
}

func (s *xServer) accept(server *xssh.ServerConn, listener net.Listener, host string, port uint32) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		from := conn.RemoteAddr().(*net.TCPAddr)
		channel, requests, err := server.OpenChannel("forwarded-tcpip", xssh.Marshal(struct {
			Host   string
			Port   uint32
			Origin string
			From   uint32
		}{host, port, from.IP.String(), uint32(from.Port)}))
		if err != nil {
			conn.Close()
			continue
		}
		go xssh.DiscardRequests(requests)
		s.work.Add(2)
		go func() { defer s.work.Done(); _, _ = io.Copy(channel, conn); channel.CloseWrite() }()
		go func() { defer s.work.Done(); _, _ = io.Copy(conn, channel); conn.Close(); channel.Close() }()
	}
}

func (s *xServer) channel(asked xssh.NewChannel) {
	switch asked.ChannelType() {
	case "direct-tcpip":
		if bytes.Contains(asked.ExtraData(), []byte("closed.example")) {
			_ = asked.Reject(xssh.ConnectionFailed, "nobody there")
			return
		}
		channel, requests, err := asked.Accept()
		if err != nil {
			return
		}
		go xssh.DiscardRequests(requests)
		_, _ = io.Copy(channel, channel)
		channel.Close()
	case "session":
		channel, requests, err := asked.Accept()
		if err != nil {
			return
		}
		s.session(channel, requests)
	default:
		_ = asked.Reject(xssh.UnknownChannelType, "")
	}
}

func (s *xServer) session(channel xssh.Channel, requests <-chan *xssh.Request) {
	env := ""
	for request := range requests {
		var text struct{ Text string }
		switch request.Type {
		case "env":
			var pair struct{ Name, Value string }
			_ = xssh.Unmarshal(request.Payload, &pair)
			env += pair.Name + "=" + pair.Value
			_ = request.Reply(pair.Name != "REFUSED", nil)
		case "pty-req":
			_ = request.Reply(true, nil)
		case "exec", "subsystem":
			_ = xssh.Unmarshal(request.Payload, &text)
			_ = request.Reply(text.Text != "refused", nil)
			s.work.Add(1)
			go func() { defer s.work.Done(); run(channel, text.Text, env) }()
		default:
			_ = request.Reply(false, nil)
		}
	}
	channel.Close()
}

func run(channel xssh.Channel, command, env string) {
	status := uint32(0)
	switch command {
	case "cat":
		_, _ = io.Copy(channel, channel)
	case "both":
		_, _ = io.WriteString(channel, "out")
		_, _ = io.WriteString(channel.Stderr(), "err")
	case "env":
		_, _ = io.WriteString(channel, env)
	case "fail":
		status = 7
	case "die":
		_, _ = channel.SendRequest("exit-signal", false, xssh.Marshal(struct {
			Name            string
			Core            bool
			Message, Locale string
		}{"KILL", false, "oops", ""}))
		channel.Close()
		return
	case "vanish":
		channel.Close()
		return
	case "wait":
		_, _ = io.Copy(io.Discard, channel)
		return
	}
	_, _ = channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, status))
	channel.Close()
}

// connected is a client of ours at such a server, and what ends both.
func connected(t testing.TB, open func(testing.TB) (net.Conn, net.Conn)) (*ssh.Client, func()) {
	server := newXServer(t)
	near, far := open(t)
	server.serve(far)
	client, err := ssh.NewClient(context.Background(), near, "host.example", &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.FixedHostKey(server.key),
	})
	must(t, err)
	return client, func() { must(t, client.Close()); server.work.Wait() }
}

func everyWire(t *testing.T, test func(t *testing.T, client *ssh.Client)) {
	for wire, open := range wires {
		t.Run(wire, func(t *testing.T) {
			client, stop := connected(t, open)
			defer stop()
			test(t, client)
		})
	}
}

func session(t *testing.T, client *ssh.Client) *ssh.Session {
	made, err := client.NewSession()
	must(t, err)
	return made
}

func TestCommandsRunAndSayHowTheyEnded(t *testing.T) {
	everyWire(t, func(t *testing.T, client *ssh.Client) {
		data := make([]byte, 5<<20)
		_, _ = rand.Read(data)
		cat := session(t, client)
		cat.Stdin = bytes.NewReader(data)
		back, err := cat.Output("cat")
		must(t, err)
		if !bytes.Equal(back, data) {
			t.Fatal("other bytes came back")
		}
		both, err := session(t, client).CombinedOutput("both")
		must(t, err)
		if len(both) != 6 {
			t.Fatalf("%q", both)
		}
		env := session(t, client)
		must(t, env.Setenv("A", "b"))
		if err := env.Setenv("REFUSED", "b"); !errors.Is(err, sessile.ErrRefused) {
			t.Fatal(err)
		}
		must(t, env.RequestPty("xterm", 24, 80, nil))
		out, err := env.Output("env")
		must(t, err)
		if string(out) != "A=bREFUSED=b" {
			t.Fatalf("%q", out)
		}
		var exit *ssh.ExitError
		if err := session(t, client).Run("fail"); !errors.As(err, &exit) || exit.ExitStatus() != 7 {
			t.Fatal(err)
		}
		if err := session(t, client).Run("die"); !errors.As(err, &exit) || exit.Signal != "KILL" || exit.Message != "oops" {
			t.Fatal(err)
		}
		var missing *ssh.ExitMissingError
		if err := session(t, client).Run("vanish"); !errors.As(err, &missing) {
			t.Fatal(err)
		}
		if err := session(t, client).Run("refused"); !errors.Is(err, sessile.ErrRefused) {
			t.Fatal(err)
		}
	})
}

func TestPipesAndContexts(t *testing.T) {
	everyWire(t, func(t *testing.T, client *ssh.Client) {
		cat := session(t, client)
		in, err := cat.StdinPipe()
		must(t, err)
		out, err := cat.StdoutPipe()
		must(t, err)
		must(t, cat.Start("cat"))
		if err := cat.Start("cat"); err == nil {
			t.Fatal("it was started twice")
		}
		for _, line := range []string{"one\n", "two\n"} {
			_, err = io.WriteString(in, line)
			must(t, err)
			back := make([]byte, len(line))
			_, err = io.ReadFull(out, back)
			must(t, err)
			if string(back) != line {
				t.Fatalf("%q", back)
			}
		}
		must(t, in.Close())
		must(t, cat.Wait())
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		waiting := session(t, client)
		if _, err := waiting.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := waiting.RunContext(ctx, "wait"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := client.KeepAlive(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConnectionsThroughTheServer(t *testing.T) {
	everyWire(t, func(t *testing.T, client *ssh.Client) {
		conn, err := client.Dial("tcp", "echo.example:80")
		must(t, err)
		data := make([]byte, 3<<20)
		_, _ = rand.Read(data)
		go func() {
			if _, err := conn.Write(data); err != nil {
				t.Error(err)
			}
			_ = conn.(closeWriter).CloseWrite()
		}()
		back, err := io.ReadAll(conn)
		must(t, err)
		if !bytes.Equal(back, data) || conn.RemoteAddr().String() != "echo.example:80" {
			t.Fatal("other bytes came back")
		}
		must(t, conn.Close())
		_, err = client.Dial("tcp", "closed.example:80")
		var failed *sessile.Error
		if !errors.As(err, &failed) || failed.Reason != 2 {
			t.Fatal(err)
		}
	})
}

func TestTheServerListens(t *testing.T) {
	everyWire(t, func(t *testing.T, client *ssh.Client) {
		listener, err := client.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
			}
		}()
		for i := 0; i < 3; i++ {
			near, err := net.Dial("tcp", listener.Addr().String())
			must(t, err)
			_, err = near.Write([]byte("hello"))
			must(t, err)
			must(t, near.(*net.TCPConn).CloseWrite())
			back, err := io.ReadAll(near)
			must(t, err)
			if string(back) != "hello" {
				t.Fatalf("%q", back)
			}
			near.Close()
		}
		must(t, listener.Close())
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		if _, err := client.Listen("tcp", "192.0.2.1:1"); !errors.Is(err, sessile.ErrRefused) {
			t.Fatal(err)
		}
	})
}

func TestUsersGetInOrAreToldWhyNot(t *testing.T) {
	server := newXServer(t)
	defer server.work.Wait()
	challenge := func(name, instruction string, questions []string, echos []bool) ([]string, error) {
		if name != "name" || instruction != "instruction" || len(questions) != 2 || echos[0] || !echos[1] {
			return nil, errors.New("other questions")
		}
		return []string{"one", "two"}, nil
	}
	mistake := errors.New("the application's mistake")
	for what, way := range map[string]struct {
		auth     ssh.AuthMethod
		expected error
		host     ssh.HostKeyCallback
	}{
		"password":  {auth: ssh.Password("secret")},
		"questions": {auth: ssh.KeyboardInteractive(challenge)},
		"wrong":     {auth: ssh.Password("wrong"), expected: sessile.ErrRefused},
		"mistake": {expected: mistake,
			auth: ssh.PasswordCallback(func(context.Context) (string, error) { return "", mistake })},
		"unknown host": {auth: ssh.Password("secret"), expected: sessile.ErrVerify,
			host: func(string, net.Addr, *sessile.Key) error { return sessile.ErrVerify }},
	} {
		t.Run(what, func(t *testing.T) {
			near, far := sockets(t)
			server.serve(far)
			banner := ""
			config := &ssh.ClientConfig{User: "alice", Auth: []ssh.AuthMethod{way.auth}, HostKeyCallback: way.host,
				BannerCallback: func(text string) { banner = text }}
			if config.HostKeyCallback == nil {
				config.HostKeyCallback = ssh.FixedHostKey(server.key)
			}
			client, err := ssh.NewClient(context.Background(), near, "host.example:22", config)
			if way.expected != nil {
				if !errors.Is(err, way.expected) {
					t.Fatal(err)
				}
				return
			}
			must(t, err)
			if banner != "welcome\n" || client.User() != "alice" || !client.HostKey().Equal(server.key) {
				t.Fatal(banner, client.User())
			}
			must(t, client.Close())
			must(t, client.Wait())
		})
	}
}

func TestALoginEndsWithItsContext(t *testing.T) {
	near, far := sockets(t)
	defer far.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := ssh.NewClient(ctx, near, "host", &ssh.ClientConfig{User: "alice"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestAConnectionThatBreaksEndsEverything(t *testing.T) {
	near, far := sockets(t)
	server := newXServer(t)
	server.serve(far)
	client, err := ssh.NewClient(context.Background(), near, "host", &ssh.ClientConfig{User: "alice",
		Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	must(t, err)
	waiting := session(t, client)
	if _, err := waiting.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	must(t, waiting.Start("wait"))
	conn, err := client.Dial("tcp", "echo.example:80")
	must(t, err)
	ended := make(chan error, 2)
	go func() { ended <- waiting.Wait() }()
	go func() { _, err := conn.Read(make([]byte, 1)); ended <- err }()
	far.Close()
	for i := 0; i < 2; i++ {
		if err := <-ended; err == nil || err == io.EOF {
			t.Fatal(err)
		}
	}
	if err := client.Wait(); err == nil {
		t.Fatal("a clean end")
	}
	if _, err := client.NewSession(); err == nil {
		t.Fatal("a session on a connection that is over")
	}
	server.work.Wait()
}

func TestAChannelIsANetConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		client, stop := connected(t, sockets)
		listener, err := client.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, nil, err
		}
		far, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return nil, nil, nil, err
		}
		near, err := listener.Accept()
		return near, far, func() { near.Close(); far.Close(); listener.Close(); stop() }, err
	})
}
