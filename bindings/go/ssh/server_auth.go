// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"context"
	"errors"
	"net"

	"sessile.dev/go"
)

// ConnMetadata is what is known of a client that logs in.
type ConnMetadata interface {
	// User is who it wants to be.
	User() string
	// SessionID is the session's identifier (RFC 4253, section 7.2).
	SessionID() []byte
	// ClientVersion is the client's identification line, as it came.
	ClientVersion() string
	RemoteAddr() net.Addr
	LocalAddr() net.Addr
}

// Permissions are for callbacks to say what a client may do; nothing here looks at them.
type Permissions struct {
	CriticalOptions map[string]string
	Extensions      map[string]string
	ExtraData       map[any]any
}

type metadata struct {
	*connection
	user string
}

func (m metadata) User() string          { return m.user }
func (m metadata) ClientVersion() string { return m.Info(sessile.InfoPeer) }

// attempt is what waits for a client's responses to prompts.
type attempt struct {
	cancel context.CancelFunc
	came   chan *sessile.Question
}

// begin ends the attempt before: the client has begun another.
func (a *attempt) begin(parent context.Context) context.Context {
	a.end()
	ctx, cancel := context.WithCancel(parent)
	a.cancel, a.came = cancel, make(chan *sessile.Question, 1)
	return ctx
}

func (a *attempt) end() {
	if a.cancel != nil {
		a.cancel()
	}
}

func (a *attempt) responses(q *sessile.Question) error {
	if err := q.Keep(); err != nil {
		return err
	}
	select {
	case a.came <- q:
		return nil
	default:
		return q.Refuse(0)
	}
}

// user is a step of a client's login.
func (s *ServerConn) user(q *sessile.Question) error {
	proven := q.Text(sessile.ItemVerified) != "0" // else it is asked only whether a key would do
	method, meta := q.Text(sessile.ItemMethod), metadata{s.connection, q.Text(sessile.ItemUser)}
	ctx := s.login.begin(s.ctx)
	decide, err := s.decider(ctx, q, method, meta, s.login.came)
	if err != nil {
		return err
	}
	if decide == nil {
		return q.Refuse(0)
	}
	return s.answer(q, func(context.Context) (func() error, error) {
		open, permissions, refused := decide()
		if s.config.AuthLogCallback != nil && (proven || refused != nil) {
			s.config.AuthLogCallback(meta, method, refused)
		}
		return func() error {
			if refused != nil {
				return open.Refuse(0)
			}
			if proven {
				s.Permissions = permissions
			}
			return open.Accept()
		}, nil
	})
}

// decider is what decides, in a goroutine of its own; it returns the question that is then open, which is another one
// where the client was asked. nil: nobody is there to decide.
func (s *ServerConn) decider(ctx context.Context, q *sessile.Question, method string, meta ConnMetadata,
	came chan *sessile.Question) (func() (*sessile.Question, *Permissions, error), error) {
	config := s.config
	switch {
	case method == "none" && config.NoClientAuth:
		return func() (*sessile.Question, *Permissions, error) { return q, nil, nil }, nil
	case method == "password" && config.PasswordCallback != nil && q.Text(sessile.ItemNewPassword) == "":
		password, _ := q.Get(sessile.ItemPassword)
		return func() (*sessile.Question, *Permissions, error) {
			permissions, err := config.PasswordCallback(meta, password)
			return q, permissions, err
		}, nil
	case method == "publickey" && config.PublicKeyCallback != nil:
		key, err := q.Key()
		return func() (*sessile.Question, *Permissions, error) {
			permissions, err := config.PublicKeyCallback(meta, key)
			return q, permissions, err
		}, err
	case method == "keyboard-interactive" && config.KeyboardInteractiveCallback != nil:
		dialogue := &dialogue{s: s, ctx: ctx, open: q, came: came}
		return func() (*sessile.Question, *Permissions, error) {
			permissions, err := config.KeyboardInteractiveCallback(meta, dialogue.ask)
			return dialogue.open, permissions, err
		}, nil
	}
	return nil, nil
}

// dialogue is keyboard-interactive's, on a server.
type dialogue struct {
	s    *ServerConn
	ctx  context.Context
	open *sessile.Question // to be answered: with prompts, or for good
	came chan *sessile.Question
}

// ask is a KeyboardInteractiveChallenge.
func (d *dialogue) ask(name, instruction string, questions []string, echos []bool) ([]string, error) {
	if len(questions) != len(echos) {
		return nil, errors.New("ssh: each question needs its echo")
	}
	if len(questions) == 0 {
		return nil, nil // the library takes an answer without prompts as the last word
	}
	err := d.s.do(func() error {
		defer d.s.change.Broadcast() // the session may take bytes again
		return d.put(name, instruction, questions, echos)
	})
	if err != nil {
		return nil, err
	}
	select {
	case d.open = <-d.came:
	case <-d.ctx.Done():
		return nil, d.ctx.Err()
	}
	var answers []string
	err = d.s.do(func() error {
		answers = d.open.Texts(sessile.ItemResponse)
		if len(answers) != len(questions) {
			return errors.New("ssh: the client has not answered each question")
		}
		return nil
	})
	return answers, err
}

func (d *dialogue) put(name, instruction string, questions []string, echos []bool) error {
	if err := d.open.Put(sessile.ItemName, []byte(name)); err != nil {
		return err
	}
	if err := d.open.Put(sessile.ItemInstruction, []byte(instruction)); err != nil {
		return err
	}
	for i, question := range questions {
		echo := "0"
		if echos[i] {
			echo = "1"
		}
		if err := d.open.Put(sessile.ItemPrompt, []byte(question)); err != nil {
			return err
		}
		if err := d.open.Put(sessile.ItemEcho, []byte(echo)); err != nil {
			return err
		}
	}
	return d.open.Accept()
}
