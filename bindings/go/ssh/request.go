// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"fmt"

	"sessile.dev/go"
)

// Request is what a client asks for, or tells: on a channel, or for the connection as a whole. What the client says is
// as it came.
type Request struct {
	// Type is "pty-req", "env", "shell", "exec", "subsystem", "x11-req", "auth-agent-req@openssh.com"; or, on the
	// connection, "tcpip-forward", "cancel-tcpip-forward" and the same for streamlocal. What needs no answer is
	// "window-change", "signal", "break" and "eow@openssh.com".
	Type string
	// WantReply: Reply is due. Requests that are let go of without one are refused.
	WantReply bool
	// Command is what exec runs.
	Command string
	// Name is a subsystem's, a variable's, or a signal's without SIG; Value is the variable's.
	Name, Value string
	// Term, Modes and the size are the terminal's: in characters, and in pixels, 0 for unknown.
	Term                         string
	Columns, Rows, Width, Height int
	Modes                        []byte
	// Host and Port, or Path, are where to listen.
	Host string
	Port int
	Path string
	// Milliseconds is how long a break takes.
	Milliseconds int

	c        *connection
	question *sessile.Question
}

// newRequest is a question's, which it keeps. Under the mutex.
func newRequest(c *connection, q *sessile.Question) (*Request, error) {
	if err := q.Keep(); err != nil {
		return nil, err
	}
	modes, _ := q.Get(sessile.ItemModes)
	return &Request{
		Type: q.Text(sessile.ItemType), WantReply: true, Command: q.Text(sessile.ItemCommand),
		Name: q.Text(sessile.ItemName), Value: q.Text(sessile.ItemValue), Term: q.Text(sessile.ItemTerm),
		Columns: q.Number(sessile.ItemColumns), Rows: q.Number(sessile.ItemRows),
		Width: q.Number(sessile.ItemWidth), Height: q.Number(sessile.ItemHeight), Modes: modes,
		Host: q.Text(sessile.ItemHost), Port: q.Number(sessile.ItemPort), Path: q.Text(sessile.ItemPath),
		c: c, question: q,
	}, nil
}

// told is an event as a request without an answer; nil where a server has no use for it.
func told(stream *sessile.Stream, event sessile.ChannelEvent) *Request {
	switch event {
	case sessile.EventWindowChange:
		r := &Request{Type: "window-change"}
		r.Columns, r.Rows, r.Width, r.Height = stream.Terminal()
		return r
	case sessile.EventSignal:
		return &Request{Type: "signal", Name: stream.Signal()}
	case sessile.EventBreak:
		return &Request{Type: "break", Milliseconds: stream.BreakLength()}
	case sessile.EventEndOfWrite:
		return &Request{Type: "eow@openssh.com"}
	}
	return nil
}

// Reply answers; where no answer is due, it does nothing.
func (r *Request) Reply(accepted bool) error {
	if r.question == nil {
		return nil
	}
	return r.c.do(func() error {
		if accepted {
			return r.question.Accept()
		}
		return r.question.Refuse(0)
	})
}

// ReplyPort accepts a tcpip-forward for port 0, and tells the port.
func (r *Request) ReplyPort(port int) error {
	if r.question == nil {
		return nil
	}
	return r.c.do(func() error { return r.question.AcceptWith(sessile.ItemPort, fmt.Sprint(port)) })
}

// DiscardRequests refuses all of them, until there are no more.
func DiscardRequests(requests <-chan *Request) {
	for request := range requests {
		_ = request.Reply(false)
	}
}
