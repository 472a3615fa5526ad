// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func hostKeyCheck(o *options) ssh.HostKeyCallback {
	if o.check == "no" {
		return ssh.InsecureIgnoreHostKey()
	}
	check, err := knownhosts.New(o.knownHosts)
	if err != nil {
		fail("known hosts", err)
	}
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		if err := check(host, remote, key); err != nil {
			return fmt.Errorf("host key: %w", err)
		}
		return nil
	}
}

func clientConfig(o *options) *ssh.ClientConfig {
	config := &ssh.ClientConfig{Config: o.config(), User: o.user, HostKeyCallback: hostKeyCheck(o), Timeout: timeout,
		HostKeyAlgorithms: split(o.hostAlgorithms)}
	if o.key != "" {
		config.Auth = append(config.Auth, ssh.PublicKeys(loadKey(o.key, split(o.userAlgorithms))))
	}
	if o.passwords != "" {
		password := readLines(o.passwords)[0]
		answer := func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = password
			}
			return answers, nil
		}
		config.Auth = append(config.Auth, ssh.Password(password), ssh.KeyboardInteractive(answer))
	}
	return config
}

func connect(o *options) int {
	client, err := ssh.Dial("tcp", net.JoinHostPort(o.rest[0], fmt.Sprint(o.port)), clientConfig(o))
	if err != nil {
		if strings.Contains(err.Error(), "unable to authenticate") {
			fail("denied", err)
		}
		fail("connect", err)
	}
	defer client.Close()
	switch {
	case o.direct != "":
		return relay(client, o.direct)
	case o.remote != "":
		return listen(client, o.remote)
	}
	return run(client, o)
}

func relay(client *ssh.Client, target string) int {
	wire, err := client.Dial("tcp", target)
	if err != nil {
		fail("forward", err)
	}
	ended := make(chan struct{})
	go func() {
		io.Copy(os.Stdout, wire)
		close(ended)
	}()
	io.Copy(wire, os.Stdin)
	wire.(interface{ CloseWrite() error }).CloseWrite()
	<-ended
	return 0
}

// PORT:HOST:PORT
func listen(client *ssh.Client, spec string) int {
	parts := strings.SplitN(spec, ":", 2)
	listener, err := client.Listen("tcp", "127.0.0.1:"+parts[0])
	if err != nil {
		fail("forward", err)
	}
	for {
		come, err := listener.Accept()
		if err != nil {
			return 0
		}
		go func() {
			wire, err := net.Dial("tcp", parts[1])
			if err != nil {
				come.Close()
				return
			}
			end := come.(interface{ CloseWrite() error }).CloseWrite
			join(come, wire, end, wire.(*net.TCPConn).CloseWrite)
			come.Close()
			wire.Close()
		}()
	}
}

func run(client *ssh.Client, o *options) int {
	session, err := client.NewSession()
	if err != nil {
		fail("session", err)
	}
	session.Stdin, session.Stdout, session.Stderr = os.Stdin, os.Stdout, os.Stderr
	if o.pty {
		if err := session.RequestPty("vt100", 24, 80, ssh.TerminalModes{ssh.ECHO: 0}); err != nil {
			fail("pty", err)
		}
	}
	err = session.Run(strings.Join(o.rest[1:], " "))
	var status *ssh.ExitError
	if errors.As(err, &status) {
		return status.ExitStatus()
	}
	if err != nil {
		fail("session", err)
	}
	return 0
}
