// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"errors"
	"net"
	"testing"
	"time"

	"sessile.dev/go"
)

func TestAConnectionEndsThoughItsPeerTakesNoAnswers(t *testing.T) {
	goodbyeTime = 10 * time.Millisecond
	defer func() { goodbyeTime = 5 * time.Second }()
	near, far := net.Pipe()
	defer far.Close()
	config, err := sessile.NewSSHConfig(sessile.Client)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConnection(near, sessile.Handlers{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.do(func() error { return c.session.ConnectSSH(config, "host", 22, "alice") }); err != nil {
		t.Fatal(err)
	}
	c.out.Add(make([]byte, mostQueued+1))
	go c.read()
	if _, err := far.Write([]byte("S")); err != nil { // has it send what it owes, which nobody reads
		t.Fatal(err)
	}
	c.mutex.Lock()
	c.fail(net.ErrClosed)
	c.mutex.Unlock()
	if err := c.Wait(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}
