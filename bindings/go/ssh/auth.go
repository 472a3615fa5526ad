// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"

	"sessile.dev/go"
)

// AuthMethod is a way to prove who the user is: Password, PublicKeys, KeyboardInteractive.
type AuthMethod interface {
	// method is its name in the protocol; apply is what the config is told.
	method() string
	apply(config *sessile.SSHConfig) error
}

type password func(ctx context.Context) (string, error)

func (password) method() string                   { return "password" }
func (password) apply(_ *sessile.SSHConfig) error { return nil }

// Password is one that is known.
func Password(secret string) AuthMethod {
	return password(func(context.Context) (string, error) { return secret, nil })
}

// PasswordCallback is asked for one, and may take its time, until the context is done.
func PasswordCallback(ask func(ctx context.Context) (string, error)) AuthMethod { return password(ask) }

type publicKeys []*sessile.Key

func (publicKeys) method() string { return "publickey" }

func (keys publicKeys) apply(config *sessile.SSHConfig) error {
	for _, key := range keys {
		if err := config.AddUserKey(key); err != nil {
			return err
		}
	}
	return nil
}

// PublicKeys are tried one after the other, before all else. A key with a certificate shows that.
func PublicKeys(keys ...*sessile.Key) AuthMethod { return publicKeys(keys) }

// KeyboardInteractiveChallenge answers a server's questions, one answer each. What the server says has to be escaped
// before it reaches a terminal. echos: whether an answer may be seen while it is typed.
type KeyboardInteractiveChallenge func(name, instruction string, questions []string, echos []bool) ([]string, error)

func (KeyboardInteractiveChallenge) method() string                   { return "keyboard-interactive" }
func (KeyboardInteractiveChallenge) apply(_ *sessile.SSHConfig) error { return nil }

// KeyboardInteractive asks.
func KeyboardInteractive(challenge KeyboardInteractiveChallenge) AuthMethod { return challenge }

// HostKeyCallback decides whether a server's key is its own: nil for yes.
type HostKeyCallback func(hostname string, remote net.Addr, key *sessile.Key) error

// FixedHostKey takes this key only.
func FixedHostKey(key *sessile.Key) HostKeyCallback {
	return func(hostname string, _ net.Addr, shown *sessile.Key) error {
		if !key.Equal(shown) {
			return fmt.Errorf("ssh: %s shows another host key, %s", hostname, shown.Fingerprint(sessile.FingerprintSHA256))
		}
		return nil
	}
}

// InsecureIgnoreHostKey takes any key: whoever is on the way can be the server.
func InsecureIgnoreHostKey() HostKeyCallback {
	return func(string, net.Addr, *sessile.Key) error { return nil }
}

// ---- A client's answers ----

var errNoMethod = errors.New("ssh: the server takes none of the methods that there are")

// login answers what a session asks until the user is in.
type login struct {
	config   *ClientConfig
	hostname string
	tried    []bool                       // of config.Auth
	asking   KeyboardInteractiveChallenge // the one that was begun
}

func (l *login) question(c *connection, q *sessile.Question) error {
	switch q.Kind() {
	case sessile.QuestionSSHHostKey:
		return l.hostKey(c, q)
	case sessile.QuestionSSHAuthenticate:
		return l.authenticate(c, q)
	case sessile.QuestionSSHPrompts:
		return l.prompts(c, q)
	}
	return q.Refuse(0)
}

func (l *login) hostKey(c *connection, q *sessile.Question) error {
	key, err := q.Key()
	if err != nil {
		return err
	}
	return c.answer(q, func(context.Context) (func() error, error) {
		if l.config.HostKeyCallback == nil {
			return nil, fmt.Errorf("ssh: the host key of %s is not known: %w", l.hostname, sessile.ErrVerify)
		}
		return q.Accept, l.config.HostKeyCallback(l.hostname, c.RemoteAddr(), key)
	})
}

// next is the first method that the server takes and that has not been tried.
func (l *login) next(methods []string) AuthMethod {
	for i, method := range l.config.Auth {
		for _, name := range methods {
			if _, keys := method.(publicKeys); !keys && method.method() == name && !l.tried[i] {
				l.tried[i] = true
				return method
			}
		}
	}
	return nil
}

func (l *login) authenticate(c *connection, q *sessile.Question) error {
	switch method := l.next(q.Texts(sessile.ItemMethod)).(type) {
	case password:
		return c.answer(q, func(ctx context.Context) (func() error, error) {
			secret, err := method(ctx)
			return func() error { return q.AcceptWith(sessile.ItemPassword, secret) }, err
		})
	case KeyboardInteractiveChallenge:
		l.asking = method
		return q.AcceptWith(sessile.ItemMethod, "keyboard-interactive")
	}
	c.cause = fmt.Errorf("%w: %v (%w)", errNoMethod, q.Texts(sessile.ItemMethod), sessile.ErrRefused)
	return q.Refuse(0)
}

func (l *login) prompts(c *connection, q *sessile.Question) error {
	name, instruction := q.Text(sessile.ItemName), q.Text(sessile.ItemInstruction)
	questions := q.Texts(sessile.ItemPrompt)
	var echos []bool
	for _, echo := range q.Texts(sessile.ItemEcho) {
		echos = append(echos, echo == "1")
	}
	challenge := l.asking
	if challenge == nil {
		return q.Refuse(0)
	}
	return c.answer(q, func(context.Context) (func() error, error) {
		answers, err := challenge(name, instruction, questions, echos)
		if err == nil && len(answers) != len(questions) {
			err = fmt.Errorf("ssh: %d answers to %d questions", len(answers), len(questions))
		}
		return func() error {
			for _, answer := range answers {
				if err := q.Put(sessile.ItemResponse, []byte(answer)); err != nil {
					return err
				}
			}
			return q.Accept()
		}, err
	})
}
