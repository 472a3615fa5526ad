// SPDX-License-Identifier: Apache-2.0

package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"sessile.dev/go"
)

// Session is a command, a shell or a subsystem that a server runs. It runs one.
type Session struct {
	// Stdin is what it reads; nil: nothing. Its reader is not waited for.
	Stdin io.Reader
	// Stdout and Stderr are written to by one goroutine each; nil: thrown away.
	Stdout, Stderr io.Writer

	ch      *Channel
	started bool
	piped   [3]bool
	copies  sync.WaitGroup
	failure chan error // of the copying
}

var errStarted = errors.New("ssh: the session has been started")

// NewSession opens a channel for one.
func (client *Client) NewSession() (*Session, error) {
	return client.NewSessionContext(context.Background())
}

// NewSessionContext is NewSession until the context is done.
func (client *Client) NewSessionContext(ctx context.Context) (*Session, error) {
	ch, err := client.openChannel(ctx, client.session.OpenSession)
	if err != nil {
		return nil, err
	}
	return &Session{ch: ch, failure: make(chan error, 3)}, nil
}

// Close ends it at once.
func (s *Session) Close() error { return s.ch.Close() }

// ---- Requests ----

func (s *Session) ask(what string, request func() error) error {
	accepted, err := s.ch.ask(context.Background(), request)
	if err == nil && !accepted {
		err = fmt.Errorf("ssh: the server refuses %s: %w", what, sessile.ErrRefused)
	}
	return err
}

// Setenv sets an environment variable of what will run; servers take few of them.
func (s *Session) Setenv(name, value string) error {
	return s.ask("the variable "+name, func() error { return s.ch.stream.RequestEnv(name, value) })
}

// RequestPty asks for a terminal. modes: as RFC 4254, section 8, encodes them; nil for none.
func (s *Session) RequestPty(term string, rows, columns int, modes []byte) error {
	return s.ask("a terminal", func() error { return s.ch.stream.RequestPTY(term, columns, rows, 0, 0, modes) })
}

// WindowChange tells the terminal's new size.
func (s *Session) WindowChange(rows, columns int) error {
	return s.ch.tell(func() error { return s.ch.stream.WindowChange(columns, rows, 0, 0) })
}

// Signal sends a signal, by its name without SIG.
func (s *Session) Signal(name string) error {
	return s.ch.tell(func() error { return s.ch.stream.SendSignal(name) })
}

// ---- Running ----

// Run runs a command, and waits for it: nil where its status is 0, an *ExitError for any other, and an
// *ExitMissingError where the server has not told it.
func (s *Session) Run(command string) error {
	if err := s.Start(command); err != nil {
		return err
	}
	return s.Wait()
}

// RunContext is Run until the context is done, which closes the session.
func (s *Session) RunContext(ctx context.Context, command string) error {
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	err := s.Run(command)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Output runs a command, and returns what it has written to its standard output.
func (s *Session) Output(command string) ([]byte, error) {
	if s.Stdout != nil {
		return nil, errors.New("ssh: Stdout is set")
	}
	var out bytes.Buffer
	s.Stdout = &out
	err := s.Run(command)
	return out.Bytes(), err
}

// CombinedOutput is Output with its standard error.
func (s *Session) CombinedOutput(command string) ([]byte, error) {
	if s.Stdout != nil || s.Stderr != nil {
		return nil, errors.New("ssh: Stdout or Stderr is set")
	}
	both := &locked{}
	s.Stdout, s.Stderr = both, both
	err := s.Run(command)
	return both.buffer.Bytes(), err
}

// locked is a buffer for two goroutines.
type locked struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.Write(p)
}

// Start runs a command, without waiting for it.
func (s *Session) Start(command string) error {
	return s.start("the command", func() error { return s.ch.stream.RequestExec(command) })
}

// Shell runs the user's shell.
func (s *Session) Shell() error { return s.start("a shell", s.ch.stream.RequestShell) }

// RequestSubsystem runs a subsystem, such as "sftp".
func (s *Session) RequestSubsystem(name string) error {
	return s.start("the subsystem "+name, func() error { return s.ch.stream.RequestSubsystem(name) })
}

func (s *Session) start(what string, request func() error) error {
	if s.started {
		return errStarted
	}
	s.started = true
	if err := s.ask(what, request); err != nil {
		_ = s.Close()
		return err
	}
	s.feed()
	s.fetch(s.piped[1], s.Stdout, s.ch)
	s.fetch(s.piped[2], s.Stderr, stderr{s.ch})
	return nil
}

// feed brings Stdin. It is not waited for: its reader may never end.
func (s *Session) feed() {
	switch {
	case s.piped[0]:
	case s.Stdin == nil:
		_ = s.ch.CloseWrite()
	default:
		go func() {
			in := &source{reader: s.Stdin}
			_, _ = io.Copy(s.ch, in) // the command need not read all of it
			if in.err != nil {
				s.failure <- in.err
			}
			_ = s.ch.CloseWrite()
		}()
	}
}

// source is a reader that remembers what it has failed with.
type source struct {
	reader io.Reader
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *Session) fetch(piped bool, to io.Writer, from io.Reader) {
	if piped {
		return
	}
	if to == nil {
		to = io.Discard
	}
	s.copies.Add(1)
	go func() {
		defer s.copies.Done()
		if _, err := io.Copy(to, from); err != nil {
			s.failure <- err
			_, _ = io.Copy(io.Discard, from) // or the server would wait for ever
		}
	}()
}

// Wait waits until it has ended, and all has been written to Stdout and Stderr. What reading Stdin or writing there has
// failed with is returned where the command has not failed itself.
func (s *Session) Wait() error {
	if !s.started {
		return errors.New("ssh: the session has not been started")
	}
	s.copies.Wait()
	s.ch.c.mutex.Lock()
	defer s.ch.c.mutex.Unlock()
	_ = s.ch.c.await(context.Background(), s.ch.change, func() bool { return s.ch.over })
	var failure error
	select {
	case failure = <-s.failure:
	default:
	}
	exit := s.ch.stream.Exit()
	switch {
	case exit.Known && exit.Signal == "" && exit.Status == 0:
		return failure
	case exit.Known:
		return &ExitError{exit}
	case failure != nil:
		return failure
	case s.ch.c.err() != nil:
		return s.ch.c.err()
	}
	return &ExitMissingError{}
}

// ExitError is a command that has failed: by its status, or by a signal.
type ExitError struct{ sessile.Exit }

// ExitStatus is its status; 0 where a signal has ended it.
func (e *ExitError) ExitStatus() int { return int(e.Status) }

func (e *ExitError) Error() string {
	if e.Signal != "" {
		return "ssh: the process was ended by the signal " + e.Signal
	}
	return fmt.Sprintf("ssh: the process ended with status %d", e.Status)
}

// ExitMissingError is a session that has ended without the server telling how.
type ExitMissingError struct{}

func (*ExitMissingError) Error() string {
	return "ssh: the session ended without a status or a signal"
}

// ---- Pipes ----

type stdin struct{ ch *Channel }

func (s stdin) Write(p []byte) (int, error) { return s.ch.Write(p) }
func (s stdin) Close() error                { return s.ch.CloseWrite() }

func (s *Session) pipe(number int, taken bool) error {
	if s.started {
		return errStarted
	}
	if taken || s.piped[number] {
		return errors.New("ssh: that is taken")
	}
	s.piped[number] = true
	return nil
}

// StdinPipe is what it reads, to be closed at the end.
func (s *Session) StdinPipe() (io.WriteCloser, error) {
	return stdin{s.ch}, s.pipe(0, s.Stdin != nil)
}

// StdoutPipe is what it writes. It must be read, or the server waits.
func (s *Session) StdoutPipe() (io.Reader, error) { return s.ch, s.pipe(1, s.Stdout != nil) }

// StderrPipe is the same for its errors. It shares the channel's window with StdoutPipe.
func (s *Session) StderrPipe() (io.Reader, error) { return stderr{s.ch}, s.pipe(2, s.Stderr != nil) }
