// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"

	"golang.org/x/crypto/ssh"
)

var errRefused = errors.New("refused")

func serverConfig(o *options) *ssh.ServerConfig {
	config := &ssh.ServerConfig{Config: o.config(), PublicKeyAuthAlgorithms: plain(split(o.userAlgorithms))}
	if o.authorized != "" {
		config.PublicKeyCallback = checker(o.authorized)
	}
	if o.passwords != "" && o.methods == "keyboard-interactive" {
		config.KeyboardInteractiveCallback = asker(readLines(o.passwords))
	} else if o.passwords != "" {
		lines := readLines(o.passwords)
		config.PasswordCallback = func(meta ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, check(lines, meta.User(), string(password))
		}
	}
	for _, path := range o.hostKeys {
		config.AddHostKey(loadKey(path, split(o.hostAlgorithms)))
	}
	return config
}

func check(lines []string, user, password string) error {
	for _, line := range lines {
		if line == user+":"+password {
			return nil
		}
	}
	return errRefused
}

type askCallback = func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error)

func asker(lines []string) askCallback {
	return func(meta ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err != nil || len(answers) != 1 {
			return nil, errRefused
		}
		return nil, check(lines, meta.User(), answers[0])
	}
}

type publicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error)

// The keys of a file, and certificates of the authorities in it.
func checker(path string) publicKeyCallback {
	var keys, authorities [][]byte
	for _, line := range readLines(path) {
		key, _, words, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			fail("authorized keys", err)
		}
		if len(words) > 0 && words[0] == "cert-authority" {
			authorities = append(authorities, key.Marshal())
		} else {
			keys = append(keys, key.Marshal())
		}
	}
	certificates := &ssh.CertChecker{
		IsUserAuthority: func(key ssh.PublicKey) bool { return contains(authorities, key) },
		UserKeyFallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if contains(keys, key) {
				return nil, nil
			}
			return nil, errRefused
		},
	}
	return certificates.Authenticate
}

func contains(blobs [][]byte, key ssh.PublicKey) bool {
	for _, blob := range blobs {
		if bytes.Equal(blob, key.Marshal()) {
			return true
		}
	}
	return false
}

func serve(o *options) {
	config := serverConfig(o)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.port))
	if err != nil {
		fail("listen", err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	for {
		wire, err := listener.Accept()
		if err != nil {
			fail("accept", err)
		}
		go accept(wire, config, o)
	}
}

func accept(wire net.Conn, config *ssh.ServerConfig, o *options) {
	connection, channels, requests, err := ssh.NewServerConn(wire, config)
	if err != nil {
		fmt.Fprintf(os.Stderr, "handshake: %v\n", err)
		return
	}
	defer connection.Close()
	go globalRequests(connection, requests, o)
	for channel := range channels {
		switch {
		case channel.ChannelType() == "session":
			go session(channel)
		case channel.ChannelType() == "direct-tcpip" && o.forward:
			go direct(channel)
		default:
			channel.Reject(ssh.Prohibited, "not here")
		}
	}
}

type forwardRequest struct {
	Address string
	Port    uint32
}

type forwardedChannel struct {
	Address    string
	Port       uint32
	Origin     string
	OriginPort uint32
}

func globalRequests(connection ssh.Conn, requests <-chan *ssh.Request, o *options) {
	for request := range requests {
		var asked forwardRequest
		if request.Type != "tcpip-forward" || !o.forward || ssh.Unmarshal(request.Payload, &asked) != nil {
			request.Reply(false, nil)
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", asked.Port))
		if err != nil {
			request.Reply(false, nil)
			continue
		}
		asked.Port = uint32(listener.Addr().(*net.TCPAddr).Port)
		request.Reply(true, ssh.Marshal(struct{ Port uint32 }{asked.Port}))
		go forward(connection, listener, asked)
		go func() {
			connection.Wait()
			listener.Close()
		}()
	}
}

func forward(connection ssh.Conn, listener net.Listener, asked forwardRequest) {
	for {
		wire, err := listener.Accept()
		if err != nil {
			return
		}
		origin := wire.RemoteAddr().(*net.TCPAddr)
		about := forwardedChannel{asked.Address, asked.Port, origin.IP.String(), uint32(origin.Port)}
		channel, requests, err := connection.OpenChannel("forwarded-tcpip", ssh.Marshal(about))
		if err != nil {
			wire.Close()
			continue
		}
		go ssh.DiscardRequests(requests)
		go joinChannel(channel, wire)
	}
}

func direct(asked ssh.NewChannel) {
	var to forwardedChannel
	if ssh.Unmarshal(asked.ExtraData(), &to) != nil {
		asked.Reject(ssh.ConnectionFailed, "malformed")
		return
	}
	wire, err := net.Dial("tcp", net.JoinHostPort(to.Address, fmt.Sprint(to.Port)))
	if err != nil {
		asked.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := asked.Accept()
	if err != nil {
		wire.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	joinChannel(channel, wire)
}

type ptyRequest struct {
	Term                         string
	Columns, Rows, Width, Height uint32
	Modes                        string
}

func session(asked ssh.NewChannel) {
	channel, requests, err := asked.Accept()
	if err != nil {
		return
	}
	var terminal *ptyRequest
	for request := range requests {
		var text struct{ Text string }
		switch request.Type {
		case "pty-req":
			terminal = &ptyRequest{}
			request.Reply(ssh.Unmarshal(request.Payload, terminal) == nil, nil)
		case "exec":
			ok := ssh.Unmarshal(request.Payload, &text) == nil
			request.Reply(ok, nil)
			if ok {
				go execute(channel, text.Text, terminal)
			}
		default:
			request.Reply(request.Type == "env", nil)
		}
	}
}

func command(text string, terminal *ptyRequest) *exec.Cmd {
	if terminal == nil {
		return exec.Command("sh", "-c", text)
	}
	sized := fmt.Sprintf("stty rows %d cols %d; %s", terminal.Rows, terminal.Columns, text)
	return exec.Command("script", "-qec", sized, "/dev/null")
}

func execute(channel ssh.Channel, text string, terminal *ptyRequest) {
	child := command(text, terminal)
	input, _ := child.StdinPipe()
	output, _ := child.StdoutPipe()
	errors, _ := child.StderrPipe()
	if child.Start() != nil {
		channel.Close()
		return
	}
	go func() {
		io.Copy(input, channel)
		input.Close()
	}()
	var both sync.WaitGroup
	both.Add(2)
	for from, to := range map[io.Reader]io.Writer{output: channel, errors: channel.Stderr()} {
		go func() {
			io.Copy(to, from)
			both.Done()
		}()
	}
	both.Wait()
	child.Wait()
	status := child.ProcessState.ExitCode()
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	channel.CloseWrite()
	channel.Close()
}
