// SPDX-License-Identifier: Apache-2.0

package sessile_test

import (
	"errors"
	"fmt"
	"io"
	"log"

	"sessile.dev/go"
)

// A key, where a program would read one from a file.
func newKey() *sessile.Key {
	key, err := sessile.GenerateKey("ssh-ed25519", 0, "example")
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// wire is one that goes nowhere by itself: what was sent waits until somebody carries it to the other side.
type wire struct{ sent []byte }

func (w *wire) send(data []byte) error {
	w.sent = append(w.sent, data...)
	return nil
}

// carry hands what was sent over to a session, and tells whether there was something.
func (w *wire) carry(to *sessile.Session) bool {
	taken, err := to.Receive(w.sent)
	if err != nil {
		log.Fatal(err)
	}
	w.sent = w.sent[taken:]
	return taken > 0
}

// Two sessions whose bytes are carried by hand: whatever moves bytes can be the wire.
func ExampleNew() {
	var there, back wire
	hostKey := newKey()
	serverConfig, err := sessile.NewSSHConfig(sessile.Server)
	if err != nil {
		log.Fatal(err)
	}
	if err := serverConfig.AddHostKey(hostKey); err != nil {
		log.Fatal(err)
	}
	server, err := sessile.New(sessile.Wire{Send: back.send}, sessile.Handlers{
		Question: func(q *sessile.Question) error {
			if q.Text(sessile.ItemPassword) != "secret" {
				return q.Refuse(0)
			}
			return q.Accept()
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	clientConfig, err := sessile.NewSSHConfig(sessile.Client)
	if err != nil {
		log.Fatal(err)
	}
	client, err := sessile.New(sessile.Wire{Send: there.send}, sessile.Handlers{
		Question: func(q *sessile.Question) error {
			switch q.Kind() {
			case sessile.QuestionSSHHostKey:
				key, err := q.Key()
				if err != nil || !key.Equal(hostKey) {
					return q.Refuse(0)
				}
				return q.Accept()
			case sessile.QuestionSSHAuthenticate:
				return q.AcceptWith(sessile.ItemPassword, "secret")
			}
			return q.Refuse(0)
		},
		Ready: func() error { fmt.Println("logged in"); return nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := server.AcceptSSH(serverConfig); err != nil {
		log.Fatal(err)
	}
	if err := client.ConnectSSH(clientConfig, "host", 22, "alice"); err != nil {
		log.Fatal(err)
	}
	for there.carry(server) || back.carry(client) {
	}
	fmt.Println(client.SSHInfo(sessile.InfoUser))
	// Output:
	// logged in
	// alice
}

// A handler's error ends its session; errors.Is and errors.As find what it was.
func ExampleError() {
	config, err := sessile.NewTLSConfig(sessile.Client)
	if err != nil {
		log.Fatal(err)
	}
	session, err := sessile.New(sessile.Wire{Send: func([]byte) error { return io.ErrClosedPipe }}, sessile.Handlers{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = session.ConnectTLS(config, "example.org", nil, sessile.StreamHandlers{})
	fmt.Println(errors.Is(err, io.ErrClosedPipe))
	err = session.Err()
	fmt.Println(errors.Is(err, sessile.ErrComm), errors.Is(err, sessile.ErrVerify))
	var failed *sessile.Error
	fmt.Println(errors.As(err, &failed), failed.Code.Name())
	// Output:
	// true
	// true false
	// true ERR_COMM
}

func ExampleKey_Sign() {
	key := newKey()
	signature, err := key.Sign([]byte("message"), "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Verify([]byte("message"), signature, ""))
	fmt.Println(errors.Is(key.Verify([]byte("another"), signature, ""), sessile.ErrVerify))
	// Output:
	// <nil>
	// true
}

func ExampleKnownHosts_Check() {
	key := newKey()
	line, err := sessile.KnownHostsLine("example.org", 22, key, true)
	if err != nil {
		log.Fatal(err)
	}
	known, err := sessile.ParseKnownHosts(line, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, host := range []string{"example.org", "example.com"} {
		found, err := known.Check(host, 22, key, 0)
		fmt.Println(host, found.Status == sessile.HostKnown, err)
	}
	// Output:
	// example.org true <nil>
	// example.com false <nil>
}
