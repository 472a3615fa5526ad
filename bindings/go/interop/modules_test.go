// SPDX-License-Identifier: Apache-2.0

//go:build modules

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"sessile.dev/go"
	"sessile.dev/go/ssh"
	"sessile.dev/go/tls"
)

// The Python and the Lua modules at the other end of a socketpair, both protocols in both roles. They are what
// tests/lua/interop.py and interop.lua are made of: a client sends a megabyte, which the server sends back (SSH: the
// command "cat", with status 5). SESSILE_PYTHON and SESSILE_LUA: the folders with the modules; SESSILE_PYTHON_PROGRAM:
// the Python that they are for.

var megabyte = bytes.Repeat([]byte("0123456789abcdef"), 65536)

// setting is a variable that has to be there.
func setting(t *testing.T, name string) string {
	value := os.Getenv(name)
	if value == "" {
		t.Fatal(name, " is not set: the modules must have been built")
	}
	return value
}

// party is who can be an end: the folder has server.crt, server.key, host, host.pub, user and user.pub.
type party struct {
	host, user  *sessile.Key
	certificate []byte
	key         []byte
	folder      string
}

func newParty(t *testing.T) *party {
	p := &party{folder: t.TempDir()}
	p.certificate, p.key = identity(t, "server.test")
	p.write(t, "server.crt", p.certificate)
	p.write(t, "server.key", p.key)
	p.host, p.user = p.newKey(t, "host"), p.newKey(t, "user")
	return p
}

func (p *party) write(t *testing.T, name string, data []byte) {
	must(t, os.WriteFile(filepath.Join(p.folder, name), data, 0o600))
}

func (p *party) newKey(t *testing.T, name string) *sessile.Key {
	key, err := sessile.GenerateKey("ssh-ed25519", 0, name)
	must(t, err)
	private, err := key.Marshal(sessile.FormatOpenSSH, nil, "", 0)
	must(t, err)
	public, err := key.MarshalPublic(sessile.FormatLine)
	must(t, err)
	p.write(t, name, private)
	p.write(t, name+".pub", public)
	return key
}

// others are the commands that run the other modules, before the protocol and the role, and what they need around them.
func (p *party) others(t *testing.T) map[string]*exec.Cmd {
	tree, err := filepath.Abs("../../..")
	must(t, err)
	tests, lua := tree+"/tests/lua/", setting(t, "SESSILE_LUA")
	python := exec.Command(setting(t, "SESSILE_PYTHON_PROGRAM"), "-B", tests+"interop.py", "--end")
	python.Env = append(os.Environ(), "SESSILE_PYTHON="+setting(t, "SESSILE_PYTHON"))
	made := map[string]*exec.Cmd{"Python": python}
	sources := tests + "?.lua;" + tree + "/bindings/lua/?.lua;" + tree + "/bindings/lua/?/init.lua;;"
	for program, version := range map[string]string{"lua5.4": "5.4", "luajit": "5.1"} {
		command := exec.Command(program, tests+"interop.lua")
		command.Env = append(os.Environ(), "LUA_PATH="+sources, "LUA_PATH_5_4="+sources,
			"LUA_CPATH="+lua+"/"+version+"/?.so;;")
		made[program] = command
	}
	for _, command := range made {
		command.Env = append(command.Env, "SESSILE_TEST_IDENTITY="+p.folder)
		command.Stderr = os.Stderr
	}
	return made
}

// socketpair is an end for this process and one for another.
func socketpair(t *testing.T) (net.Conn, *os.File) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	mine, theirs := os.NewFile(uintptr(pair[0]), "near"), os.NewFile(uintptr(pair[1]), "far")
	defer mine.Close()
	conn, err := net.FileConn(mine)
	must(t, err)
	return conn, theirs
}

func TestOtherModulesAreAtTheOtherEndOfASocketpair(t *testing.T) {
	for _, way := range []struct {
		protocol, theirs string
		ours             func(*party, net.Conn) error
	}{
		{"tls", "server", (*party).tlsClient}, {"tls", "client", (*party).tlsServer},
		{"ssh", "server", (*party).sshClient}, {"ssh", "client", (*party).sshServer},
	} {
		p := newParty(t)
		for name, other := range p.others(t) {
			t.Run(fmt.Sprintf("%s/%s is the %s", way.protocol, name, way.theirs), func(t *testing.T) {
				conn, far := socketpair(t)
				other.Args = append(other.Args, way.protocol, way.theirs)
				other.Stdin, other.Stdout = far, far
				must(t, other.Start())
				far.Close()
				mine, theirs := way.ours(p, conn), other.Wait()
				if mine != nil || theirs != nil {
					t.Fatal("here: ", mine, "; there: ", theirs)
				}
			})
		}
	}
}

// ---- This module's ends ----

var errOther = errors.New("other bytes came back")

func (p *party) tlsClient(wire net.Conn) error {
	config, err := sessile.NewTLSConfig(sessile.Client)
	if err == nil {
		err = config.Trust(p.certificate)
	}
	if err != nil {
		return err
	}
	conn := tls.Client(wire, &tls.Config{TLS: config, ServerName: "server.test"})
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(megabyte)
		sent <- errors.Join(err, conn.CloseWrite())
	}()
	back, err := io.ReadAll(conn)
	if err == nil && !bytes.Equal(back, megabyte) {
		err = errOther
	}
	return errors.Join(err, <-sent)
}

func (p *party) tlsServer(wire net.Conn) error {
	config, err := sessile.NewTLSConfig(sessile.Server)
	if err == nil {
		err = errors.Join(config.SetCertificate(p.certificate), config.SetKey(p.key))
	}
	if err != nil {
		return err
	}
	conn := tls.Server(wire, &tls.Config{TLS: config})
	_, err = io.Copy(conn, conn)
	return errors.Join(err, conn.Close())
}

func (p *party) sshClient(wire net.Conn) error {
	client, err := ssh.NewClient(context.Background(), wire, "server.test", &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(p.user)}, HostKeyCallback: ssh.FixedHostKey(p.host),
	})
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	session.Stdin = bytes.NewReader(megabyte)
	back, err := session.Output("cat")
	var exit *ssh.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != 5 {
		return fmt.Errorf("not status 5: %w", err)
	}
	if !bytes.Equal(back, megabyte) {
		return errOther
	}
	return nil
}

func (p *party) sshServer(wire net.Conn) error {
	conn, channels, requests, err := ssh.NewServerConn(context.Background(), wire, &ssh.ServerConfig{
		HostKeys: []*sessile.Key{p.host},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key *sessile.Key) (*ssh.Permissions, error) {
			if !key.Equal(p.user) {
				return nil, errors.New("another key")
			}
			return nil, nil
		},
	})
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	var work sync.WaitGroup
	for wanted := range channels {
		channel, requests, err := wanted.Accept()
		if err != nil {
			return err
		}
		work.Add(1)
		go func() { defer work.Done(); cat(channel, requests) }()
	}
	work.Wait()
	return conn.Wait()
}

// cat sends back what a client's "cat" is given, and ends with status 5.
func cat(channel *ssh.Channel, requests <-chan *ssh.Request) {
	for request := range requests {
		mine := request.Type == "exec" && request.Command == "cat"
		_ = request.Reply(mine)
		if mine {
			_, _ = io.Copy(channel, channel)
			_ = channel.Exit(5)
		}
	}
}
