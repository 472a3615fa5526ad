// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sessile.dev/go"
	"sessile.dev/go/ssh"
)

// OpenSSH's own server and client, as this user, over loopback.

// keyFile writes a key where OpenSSH finds it, and its public half beside it.
func keyFile(t *testing.T, path string) *sessile.Key {
	key, err := sessile.GenerateKey("ssh-ed25519", 0, "test")
	must(t, err)
	private, err := key.Marshal(sessile.FormatOpenSSH, nil, "", 0)
	must(t, err)
	public, err := key.MarshalPublic(sessile.FormatLine)
	must(t, err)
	must(t, os.WriteFile(path, private, 0o600))
	must(t, os.WriteFile(path+".pub", public, 0o600))
	return key
}

// sshd is one, at an address, with its keys.
type sshd struct {
	user, address string
	host, mine    *sessile.Key
	rekeyed       chan struct{} // closed once it has begun a second key exchange
}

// freePort is one that nobody listens on.
func freePort(t *testing.T) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func startSSHD(t *testing.T, settings ...string) *sshd {
	folder := t.TempDir()
	me, err := user.Current()
	must(t, err)
	s := &sshd{user: me.Username, host: keyFile(t, folder+"/host"), mine: keyFile(t, folder+"/user"),
		rekeyed: make(chan struct{})}
	if os.Getuid() == 0 {
		must(t, os.MkdirAll("/run/sshd", 0o755)) // what the system does at its start
	}
	lines := append([]string{"HostKey " + folder + "/host", "AuthorizedKeysFile " + folder + "/user.pub", "PidFile none",
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin prohibit-password",
		"AcceptEnv GREETING", "Subsystem echo /bin/cat"}, settings...)
	must(t, os.WriteFile(folder+"/config", []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	for try := 0; try < 10; try++ {
		if s.start(t, folder+"/config") {
			return s
		}
	}
	t.Fatal("sshd does not start")
	return nil
}

// start is false where the port was taken meanwhile.
func (s *sshd) start(t *testing.T, config string) bool {
	s.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	command := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config, "-o", "ListenAddress="+s.address)
	said, err := command.StderrPipe()
	must(t, err)
	must(t, command.Start())
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Server listening") {
			drained := make(chan struct{})
			go func() { defer close(drained); s.listen(lines) }()
			t.Cleanup(func() { _ = command.Process.Kill(); <-drained; _ = command.Wait() })
			return true
		}
	}
	_ = command.Wait()
	return false
}

// listen reads what it says to its end.
func (s *sshd) listen(lines *bufio.Scanner) {
	exchanges := 0
	for lines.Scan() {
		if strings.Contains(lines.Text(), "SSH2_MSG_KEXINIT sent") {
			if exchanges++; exchanges == 2 {
				close(s.rekeyed)
			}
		}
	}
}

func (s *sshd) dial(t *testing.T) *ssh.Client {
	client, err := ssh.Dial("tcp", s.address, &ssh.ClientConfig{
		User: s.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(s.mine)}, HostKeyCallback: ssh.FixedHostKey(s.host),
	})
	must(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func TestSSHDRunsCommandsAndTellsHowTheyEnded(t *testing.T) {
	client := startSSHD(t).dial(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	one := session(t, client)
	one.Stdin = bytes.NewReader(data)
	back, err := one.Output("cat")
	if err != nil || !bytes.Equal(back, data) {
		t.Fatal(len(back), err)
	}
	var exit *ssh.ExitError
	if err := session(t, client).Run("exit 7"); !errors.As(err, &exit) || exit.ExitStatus() != 7 {
		t.Fatal(err)
	}
	if err := session(t, client).Run("kill -TERM $$"); !errors.As(err, &exit) || exit.Signal != "TERM" {
		t.Fatal(err)
	}
	both, err := session(t, client).CombinedOutput("echo one; echo one >&2")
	if err != nil || string(both) != "one\none\n" {
		t.Fatalf("%q, %v", both, err)
	}
	two := session(t, client)
	must(t, two.Setenv("GREETING", "hello"))
	if out, err := two.Output("echo $GREETING"); err != nil || string(out) != "hello\n" {
		t.Fatalf("%q, %v", out, err)
	}
	three := session(t, client)
	must(t, three.RequestPty("xterm", 24, 80, nil))
	if out, err := three.Output("stty size"); err != nil || string(out) != "24 80\r\n" {
		t.Fatalf("%q, %v", out, err)
	}
}

func TestASubsystemOfSSHDsGetsAnEndOfInput(t *testing.T) {
	client := startSSHD(t).dial(t)
	one := session(t, client)
	in, err := one.StdinPipe()
	must(t, err)
	out, err := one.StdoutPipe()
	must(t, err)
	must(t, one.RequestSubsystem("echo"))
	_, err = io.WriteString(in, "until the end")
	must(t, err)
	must(t, in.Close())
	if back, err := io.ReadAll(out); err != nil || string(back) != "until the end" {
		t.Fatalf("%q, %v", back, err)
	}
	must(t, one.Wait())
	if err := session(t, client).RequestSubsystem("missing"); !errors.Is(err, sessile.ErrRefused) {
		t.Fatal(err)
	}
}

// echoing is a listener whose connections get back what they send.
func echoing(t *testing.T, network, address string) net.Addr {
	listener, err := net.Listen(network, address)
	must(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, conn)
			conn.Close()
		}
	}()
	return listener.Addr()
}

func thereAndBack(t *testing.T, conn net.Conn) {
	_, err := io.WriteString(conn, "there and back")
	must(t, err)
	must(t, conn.(closeWriter).CloseWrite())
	if back, err := io.ReadAll(conn); err != nil || string(back) != "there and back" {
		t.Fatalf("%q, %v", back, err)
	}
	must(t, conn.Close())
}

func TestSSHDConnectsAndListens(t *testing.T) {
	client := startSSHD(t).dial(t)
	path := filepath.Join(t.TempDir(), "socket")
	for _, to := range []net.Addr{echoing(t, "tcp", "127.0.0.1:0"), echoing(t, "unix", path)} {
		conn, err := client.Dial(to.Network(), to.String())
		must(t, err)
		thereAndBack(t, conn)
	}
	closed := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	var failed *sessile.Error
	if _, err := client.Dial("tcp", closed); !errors.As(err, &failed) || failed.Reason != int(ssh.ConnectionFailed) {
		t.Fatal(err)
	}
	listener, err := client.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	accepted := make(chan net.Conn, 1)
	go func() { conn, _ := listener.Accept(); accepted <- conn }()
	near, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	far := <-accepted
	go func() { _, _ = io.Copy(far, far); far.Close() }()
	thereAndBack(t, near)
	must(t, listener.Close())
}

func TestSSHDRekeysWhileBothSidesSend(t *testing.T) {
	s := startSSHD(t, "RekeyLimit 1M", "LogLevel DEBUG1")
	client := s.dial(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	one := session(t, client)
	one.Stdin = bytes.NewReader(data)
	back, err := one.Output("cat")
	if err != nil || !bytes.Equal(back, data) {
		t.Fatal(len(back), err)
	}
	must(t, client.KeepAlive(context.Background()))
	<-s.rekeyed
}

func TestSSHDRefusesAnotherKey(t *testing.T) {
	s := startSSHD(t)
	other, err := sessile.GenerateKey("ssh-ed25519", 0, "")
	must(t, err)
	_, err = ssh.Dial("tcp", s.address, &ssh.ClientConfig{
		User: s.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(other)}, HostKeyCallback: ssh.FixedHostKey(s.host),
	})
	if !errors.Is(err, sessile.ErrRefused) || !strings.Contains(err.Error(), "publickey") {
		t.Fatal(err)
	}
}

// openSSH is the client, at a server of ours.
func openSSH(t *testing.T, s *server, address string, arguments ...string) *exec.Cmd {
	folder := t.TempDir()
	mine := keyFile(t, folder+"/user")
	s.allow(mine)
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	number, err := strconv.Atoi(port)
	must(t, err)
	line, err := sessile.KnownHostsLine("127.0.0.1", number, s.key, false)
	must(t, err)
	must(t, os.WriteFile(folder+"/known", line, 0o600))
	return exec.Command("ssh", append([]string{"-F", "none", "-o", "UserKnownHostsFile=" + folder + "/known",
		"-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes",
		"-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-i", folder + "/user", "-p", port,
		"alice@127.0.0.1"}, arguments...)...)
}

func TestOpenSSHsClientIsServed(t *testing.T) {
	for _, test := range []struct {
		what, in, out string
		arguments     []string
		status        int
	}{
		{what: "bytes there and back", in: strings.Repeat("0123456789abcdef", 1<<17), arguments: []string{"cat"},
			out: strings.Repeat("0123456789abcdef", 1<<17)},
		{what: "a status", arguments: []string{"fail"}, status: 3},
		{what: "a session that vanishes", arguments: []string{"vanish"}, status: 255},
		{what: "a connection through", in: "hello", out: "hello", arguments: []string{"-W", "echo.example:80"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := newServer(t)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			defer s.work.Wait()
			defer listener.Close()
			command := openSSH(t, s, listener.Addr().String(), test.arguments...)
			s.work.Add(1)
			go func() {
				defer s.work.Done()
				if conn, err := listener.Accept(); err == nil {
					s.serve(conn)
				}
			}()
			var errs bytes.Buffer
			command.Stdin, command.Stderr = strings.NewReader(test.in), &errs
			out, err := command.Output()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if command.ProcessState.ExitCode() != test.status || string(out) != test.out {
				t.Fatal(fmt.Sprintf("%d bytes came, status %d: ", len(out), command.ProcessState.ExitCode()), errs.String())
			}
		})
	}
}
