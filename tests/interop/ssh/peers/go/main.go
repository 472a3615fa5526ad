// SPDX-License-Identifier: Apache-2.0

// An SSH peer on golang.org/x/crypto/ssh, with the command line of examples/c/ssh_client and ssh_server.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	timeout = 20 * time.Second
	failure = 255
)

type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

type options struct {
	port, rekey                                        int
	key, user, knownHosts, check, passwords            string
	kex, ciphers, macs, hostAlgorithms, userAlgorithms string
	compression, direct, remote                        string
	authorized, methods                                string
	hostKeys                                           list
	forward, pty, idle                                 bool
	rest                                               []string
}

func parse(arguments []string) *options {
	o := &options{}
	set := flag.NewFlagSet("peer", flag.ExitOnError)
	set.IntVar(&o.port, "p", 0, "")
	set.IntVar(&o.port, "port", 0, "")
	set.IntVar(&o.rekey, "rekey-bytes", 0, "")
	for name, into := range map[string]*string{
		"i": &o.key, "l": &o.user, "known-hosts": &o.knownHosts, "host-key-check": &o.check,
		"password-file": &o.passwords, "kex": &o.kex, "ciphers": &o.ciphers, "macs": &o.macs,
		"host-key-algorithms": &o.hostAlgorithms, "user-key-algorithms": &o.userAlgorithms,
		"compression": &o.compression, "W": &o.direct, "R": &o.remote,
		"authorized-keys": &o.authorized, "auth-methods": &o.methods,
	} {
		set.StringVar(into, name, "", "")
	}
	set.Var(&o.hostKeys, "host-key", "")
	set.BoolVar(&o.forward, "allow-forward", false, "")
	set.BoolVar(&o.pty, "t", false, "")
	set.BoolVar(&o.idle, "N", false, "")
	if err := set.Parse(arguments); err != nil {
		fail("usage", err)
	}
	o.rest = set.Args()
	return o
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(failure)
}

func split(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, ",")
}

func (o *options) config() ssh.Config {
	return ssh.Config{KeyExchanges: split(o.kex), Ciphers: split(o.ciphers), MACs: split(o.macs),
		RekeyThreshold: uint64(o.rekey)}
}

func readLines(path string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		fail("file", err)
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}

// A key for some of its algorithms (all of them where none are named), with the certificate that lies beside it.
func loadKey(path string, algorithms []string) ssh.Signer {
	data, err := os.ReadFile(path)
	if err != nil {
		fail("key", err)
	}
	signer, err := ssh.ParsePrivateKey(data)
	if err != nil {
		fail("key", err)
	}
	signer = restricted(signer, algorithms)
	text, err := os.ReadFile(path + "-cert.pub")
	if err != nil {
		return signer
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		fail("certificate", err)
	}
	certified, err := ssh.NewCertSigner(public.(*ssh.Certificate), signer)
	if err != nil {
		fail("certificate", err)
	}
	return certified
}

// A certificate's signature is named like that of the key in it.
func plain(algorithms []string) []string {
	var names []string
	for _, name := range algorithms {
		names = append(names, strings.TrimSuffix(name, "-cert-v01@openssh.com"))
	}
	return names
}

func restricted(signer ssh.Signer, algorithms []string) ssh.Signer {
	able, ok := signer.(ssh.AlgorithmSigner)
	if len(algorithms) == 0 || !ok || signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return signer
	}
	few, err := ssh.NewSignerWithAlgorithms(able, plain(algorithms))
	if err != nil {
		fail("algorithms", err)
	}
	return few
}

// Both ways until both have ended; what closes a writing half is given.
func join(a, b io.ReadWriter, endA, endB func() error) {
	done := make(chan struct{})
	go func() {
		io.Copy(a, b)
		endA()
		close(done)
	}()
	io.Copy(b, a)
	endB()
	<-done
}

func joinChannel(channel ssh.Channel, wire net.Conn) {
	join(channel, wire, channel.CloseWrite, wire.(*net.TCPConn).CloseWrite)
	channel.Close()
	wire.Close()
}

func main() {
	if len(os.Args) < 2 {
		fail("usage", errors.New("client or server?"))
	}
	o := parse(os.Args[2:])
	if os.Args[1] == "server" {
		serve(o)
	} else {
		os.Exit(connect(o))
	}
}
