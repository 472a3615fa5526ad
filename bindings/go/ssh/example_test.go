// SPDX-License-Identifier: Apache-2.0

package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"

	"sessile.dev/go"
	"sessile.dev/go/ssh"
)

// A key, where a program would read one from a file.
func newKey() *sessile.Key {
	key, err := sessile.GenerateKey("ssh-ed25519", 0, "example")
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// A server that greets whoever has the key, by the command that was asked for.
func greet(conn net.Conn, hostKey, allowed *sessile.Key) error {
	client, channels, requests, err := ssh.NewServerConn(context.Background(), conn, &ssh.ServerConfig{
		HostKeys: []*sessile.Key{hostKey},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key *sessile.Key) (*ssh.Permissions, error) {
			if !key.Equal(allowed) {
				return nil, errors.New("not that key")
			}
			return nil, nil
		},
	})
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	for wanted := range channels {
		if wanted.Type != "session" {
			_ = wanted.Reject(ssh.UnknownChannelType)
			continue
		}
		channel, requests, err := wanted.Accept()
		if err != nil {
			return err
		}
		go func() {
			for request := range requests {
				_ = request.Reply(request.Type == "exec")
				if request.Type == "exec" {
					fmt.Fprintf(channel, "%s, %s", request.Command, client.User())
					_ = channel.Exit(0)
				}
			}
		}()
	}
	return client.Wait()
}

// A server and a client, over TCP.
func Example() {
	hostKey, mine := newKey(), newKey()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = greet(conn, hostKey, mine)
		}
		done <- err
	}()

	client, err := ssh.Dial("tcp", listener.Addr().String(), &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(mine)}, HostKeyCallback: ssh.FixedHostKey(hostKey),
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := client.NewSession()
	if err != nil {
		log.Fatal(err)
	}
	out, err := session.Output("good morning")
	fmt.Printf("%s; %v\n", out, err)
	_ = client.Close()
	fmt.Println(<-done)
	// Output:
	// good morning, alice; <nil>
	// <nil>
}

// Logging in ends with its context, whatever the other side does.
func ExampleNewClient() {
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, far) }() // a server that never says a word
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := ssh.NewClient(ctx, near, "example.org:22", &ssh.ClientConfig{User: "alice"})
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// true
}
