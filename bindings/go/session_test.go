// SPDX-License-Identifier: Apache-2.0

package sessile_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sessile.dev/go"
)

func TestTLSCarriesBytesBothWaysAndEndsCleanly(t *testing.T) {
	client, server := tlsConfigs(t)
	must(t, client.SetALPN("h2", "http/1.1"))
	must(t, server.SetALPN("h2"))
	one, other, mine, theirs := tlsBegun(t, client, server)
	pump(one, other)
	if !one.ready || !other.ready {
		t.Fatal("not ready:", one.Err(), other.Err())
	}
	state, err := one.TLSState()
	must(t, err)
	if state.Version != "TLSv1.3" || state.ALPN != "h2" || len(state.PeerCertificates) != 1 || state.VerifyCode != 0 {
		t.Fatalf("%+v", state)
	}
	for _, stream := range []*sessile.Stream{mine, theirs} {
		if taken, err := stream.Write([]byte("hello")); taken != 5 || err != nil {
			t.Fatal(taken, err)
		}
	}
	pump(one, other)
	if string(one.got) != "hello" || string(other.got) != "hello" {
		t.Fatalf("%q %q", one.got, other.got)
	}
	must(t, one.End())
	pump(one, other)
	if len(one.over) != 1 || one.over[0] != nil || len(other.over) != 1 || other.over[0] != nil || !one.closed {
		t.Fatal(one.over, other.over, one.closed)
	}
	if _, err := mine.Write([]byte("more")); !errors.Is(err, sessile.ErrClosed) && !errors.Is(err, sessile.ErrGone) {
		t.Fatal(err)
	}
}

func TestACertificateThatIsNotTrustedIsAnErrorWithItsReason(t *testing.T) {
	_, server := tlsConfigs(t)
	stranger, _ := tlsConfigs(t)
	one, other, _, _ := tlsBegun(t, stranger, server)
	pump(one, other)
	err := one.Err()
	var failed *sessile.Error
	if !errors.Is(err, sessile.ErrVerify) || errors.Is(err, sessile.ErrPeer) || !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if failed.Text == "" || !strings.Contains(err.Error(), "ERR_VERIFY") || one.ready {
		t.Fatal(err)
	}
}

func TestTruncationIsAnUnexpectedEOF(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other, _, _ := tlsBegun(t, client, server)
	pump(one, other)
	must(t, one.WireClosed())
	if len(one.over) != 1 || !(errors.Is(one.over[0], io.ErrUnexpectedEOF) || errors.Is(one.over[0], sessile.ErrDropped)) {
		t.Fatal(one.over)
	}
}

func TestAQuestionIsAnsweredNowOrLater(t *testing.T) {
	for _, later := range []bool{false, true} {
		for _, yes := range []bool{false, true} {
			_, server := tlsConfigs(t)
			client, _ := tlsConfigs(t)
			must(t, client.SetAskPeer(sessile.AskPeerUntrusted))
			one, other, _, _ := tlsBegun(t, client, server)
			var kept *sessile.Question
			answer := func(q *sessile.Question) error {
				if yes {
					return q.Accept()
				}
				return q.Refuse(0)
			}
			one.ask = func(q *sessile.Question) error {
				kept = q
				if q.Kind() != sessile.QuestionTLSPeer || q.Text(sessile.ItemHost) != "server.test" {
					t.Error(q.Kind(), q.Text(sessile.ItemHost))
				}
				if later {
					return q.Keep()
				}
				return answer(q)
			}
			pump(one, other)
			if later {
				if one.ready {
					t.Fatal("ready before the answer")
				}
				must(t, answer(kept))
				pump(one, other)
			}
			if one.ready != yes || (!yes && !errors.Is(one.Err(), sessile.ErrRefused)) {
				t.Fatal(later, yes, one.ready, one.Err())
			}
			if err := kept.Accept(); !errors.Is(err, sessile.ErrGone) {
				t.Fatal("answered twice:", err)
			}
		}
	}
}

func TestSSHRunsACommand(t *testing.T) {
	one, other := sshPair(t, nil)
	if !one.ready || !other.ready {
		t.Fatal(one.Err(), other.Err())
	}
	if !one.HostKey().Equal(other.HostKey()) || other.SSHInfo(sessile.InfoUser) != "alice" || other.UserKey() == nil {
		t.Fatal(other.SSHInfo(sessile.InfoUser))
	}
	var events []string
	var stderr []byte
	handlers := one.collect()
	handlers.Stderr = func(data []byte) error { stderr = append(stderr, data...); return nil }
	handlers.Open = func() error { events = append(events, "open"); return nil }
	handlers.Reply = func(yes bool) error {
		events = append(events, map[bool]string{true: "yes", false: "no"}[yes])
		return nil
	}
	handlers.Closed = func(err error) { events = append(events, "closed") }
	mine, err := one.OpenSession(handlers)
	must(t, err)
	pump(one, other)
	var asked []string
	other.ask = func(q *sessile.Question) error {
		asked = append(asked, q.Text(sessile.ItemType)+" "+q.Text(sessile.ItemCommand))
		if q.Stream() != other.streams[0] {
			t.Error("another stream")
		}
		return q.Accept()
	}
	must(t, mine.RequestPTY("xterm", 80, 24, 0, 0, nil))
	must(t, mine.RequestExec("uname"))
	pump(one, other)
	theirs := other.streams[0]
	if columns, rows, _, _ := theirs.Terminal(); columns != 80 || rows != 24 {
		t.Fatal(columns, rows)
	}
	theirs.Write([]byte("out"))
	theirs.WriteStderr([]byte("err"))
	must(t, theirs.SendExitStatus(3))
	must(t, theirs.End())
	pump(one, other)
	if string(one.got) != "out" || string(stderr) != "err" || strings.Join(events, " ") != "open yes yes closed" {
		t.Fatalf("%q %q %v", one.got, stderr, events)
	}
	if exit := mine.Exit(); !exit.Known || exit.Status != 3 || !mine.Over() {
		t.Fatal(exit)
	}
	if strings.Join(asked, ",") != "pty-req ,exec uname" {
		t.Fatal(asked)
	}
}

func TestAChannelThatIsRefusedSaysWhy(t *testing.T) {
	one, other := sshPair(t, nil)
	other.ask = func(q *sessile.Question) error { return q.Refuse(4) }
	var closed error
	handlers := sessile.StreamHandlers{Closed: func(err error) { closed = err }}
	_, err := one.OpenTCP("host", 80, "localhost", 0, handlers)
	must(t, err)
	pump(one, other)
	var failed *sessile.Error
	if !errors.Is(closed, sessile.ErrRefused) || !errors.As(closed, &failed) || failed.Reason != 4 {
		t.Fatal(closed)
	}
	if _, err := one.OpenTCP("ho\x00st", 80, "localhost", 0, handlers); !errors.Is(err, sessile.ErrMisuse) {
		t.Fatal(err)
	}
}

func TestOneSessionRunsOverAnothersStream(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other, mine, theirs := tlsBegun(t, client, server)
	pump(one, other)
	var ready int
	var got string
	handlers := sessile.Handlers{Ready: func() error { ready++; return nil }}
	innerServer, err := sessile.OverStream(theirs, handlers)
	must(t, err)
	innerClient, err := sessile.OverStream(mine, handlers)
	must(t, err)
	collect := sessile.StreamHandlers{Data: func(data []byte) error { got += string(data); return nil }}
	_, err = innerServer.AcceptTLS(server, nil, collect)
	must(t, err)
	stream, err := innerClient.ConnectTLS(client, "server.test", nil, collect)
	must(t, err)
	pump(one, other)
	stream.Write([]byte("inside"))
	pump(one, other)
	if ready != 2 || got != "inside" {
		t.Fatal(ready, got)
	}
}

func TestPairDrivesItself(t *testing.T) {
	client, server := tlsConfigs(t)
	var ready int
	handlers := sessile.Handlers{Ready: func() error { ready++; return nil }}
	one, other, err := sessile.Pair(handlers, handlers)
	must(t, err)
	_, err = other.AcceptTLS(server, nil, sessile.StreamHandlers{})
	must(t, err)
	_, err = one.ConnectTLS(client, "server.test", nil, sessile.StreamHandlers{})
	must(t, err)
	if ready != 2 {
		t.Fatal(ready, one.Err(), other.Err())
	}
}

func TestAPanicOfACallbackComesOutOfTheOutermostCall(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other, _, _ := tlsBegun(t, client, server)
	one.onReady = func() error { panic("in ready") }
	func() {
		defer func() {
			if value := recover(); value != "in ready" {
				t.Error("recovered", value)
			}
		}()
		pump(one, other)
		t.Error("no panic")
	}()
	if !errors.Is(one.Err(), sessile.ErrCallback) {
		t.Fatal(one.Err())
	}
}

func TestAnErrorOfACallbackEndsTheSessionAndIsFound(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other, _, _ := tlsBegun(t, client, server)
	mine := errors.New("mine")
	one.onReady = func() error { return mine }
	for one.Err() == nil {
		other.take()
		if _, err := one.Receive(one.queue); err != nil {
			if !errors.Is(err, mine) {
				t.Fatal(err)
			}
			break
		}
		one.queue = nil
	}
	if !errors.Is(one.Err(), sessile.ErrCallback) || !errors.Is(one.Err(), mine) {
		t.Fatal(one.Err())
	}
}

func TestASecondGoroutineIsBusy(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other := link(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	one.peer = other
	_, err := other.AcceptTLS(server, nil, sessile.StreamHandlers{})
	must(t, err)
	_, err = one.ConnectTLS(client, "server.test", nil, sessile.StreamHandlers{})
	must(t, err)
	other.onReady = func() error { once.Do(func() { close(inside); <-leave }); return nil }
	done := make(chan struct{})
	go func() { defer close(done); pump(one, other) }()
	<-inside
	_, received := other.Receive(nil)
	ended := other.End()
	close(leave)
	<-done
	if !errors.Is(received, sessile.ErrBusy) || !errors.Is(ended, sessile.ErrBusy) {
		t.Fatal(received, ended)
	}
	if !one.ready || other.Err() != nil {
		t.Fatal(one.Err(), other.Err())
	}
}

func TestAFreedSessionIsGoneAndClosesItsWire(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other, mine, _ := tlsBegun(t, client, server)
	one.onReady = func() error { one.Free(); return nil }
	pump(one, other)
	if _, err := one.Receive([]byte("x")); !errors.Is(err, sessile.ErrGone) || !one.closed {
		t.Fatal(err, one.closed)
	}
	if _, err := mine.Write([]byte("x")); !errors.Is(err, sessile.ErrGone) {
		t.Fatal(err)
	}
	one.Free()
}

func TestASessionThatIsFreedElsewhereEndsWithItsCall(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other, _, _ := tlsBegun(t, client, server)
	inside, leave := make(chan struct{}), make(chan struct{})
	one.onReady = func() error { close(inside); <-leave; return nil }
	done := make(chan struct{})
	go func() { defer close(done); pump(one, other) }()
	<-inside
	one.Free()
	if one.closed {
		t.Fatal("freed below a call that runs")
	}
	close(leave)
	<-done
	if _, err := one.Receive(nil); !errors.Is(err, sessile.ErrGone) || !one.closed {
		t.Fatal(err, one.closed)
	}
}

func TestMisuseIsAnErrorAndChangesNothing(t *testing.T) {
	client, server := tlsConfigs(t)
	if _, err := sessile.New(sessile.Wire{}, sessile.Handlers{}); !errors.Is(err, sessile.ErrArgument) {
		t.Fatal(err)
	}
	one, other, _, _ := tlsBegun(t, client, server)
	if _, err := one.ConnectTLS(client, "server.test", nil, sessile.StreamHandlers{}); !errors.Is(err, sessile.ErrMisuse) {
		t.Fatal(err)
	}
	if err := client.SetALPN("h2"); !errors.Is(err, sessile.ErrMisuse) {
		t.Fatal(err)
	}
	fresh, _ := tlsConfigs(t)
	if err := fresh.TrustFile("a\x00b"); !errors.Is(err, sessile.ErrArgument) {
		t.Fatal(err)
	}
	if err := fresh.Trust([]byte("no certificate")); err == nil || err.(*sessile.Error).Text == "" {
		t.Fatal(err)
	}
	pump(one, other)
	if !one.ready {
		t.Fatal(one.Err())
	}
}

func TestASliceInsideAStructWithPointersIsLent(t *testing.T) {
	client, server := tlsConfigs(t)
	one, other, mine, _ := tlsBegun(t, client, server)
	pump(one, other)
	inside := &struct {
		pointer *end
		bytes   [64]byte
	}{pointer: one}
	if taken, err := mine.Write(inside.bytes[:]); taken != 64 || err != nil {
		t.Fatal(taken, err)
	}
	pump(one, other)
	if len(other.got) != 64 {
		t.Fatal(len(other.got))
	}
}

func TestSessionsAreCollectedWithTheirCallbacksUnderLoad(t *testing.T) {
	client, server := tlsConfigs(t)
	const pairs = 60
	collected := make(chan struct{}, pairs)
	var busy sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		busy.Add(1)
		go func() {
			defer busy.Done()
			for i := 0; i < pairs/4; i++ {
				one, other, mine, _ := tlsBegun(t, client, server)
				pump(one, other)
				mine.Write([]byte("x"))
				pump(one, other)
				mark := new([16]byte)
				runtime.SetFinalizer(mark, func(*[16]byte) { collected <- struct{}{} })
				one.onReady = func() error { mark[0]++; return nil }
				if i%3 == 0 {
					runtime.GC()
				}
			}
		}()
	}
	busy.Wait()
	deadline := time.After(30 * time.Second)
	for i := 0; i < pairs; i++ {
		runtime.GC()
		select {
		case <-collected:
		case <-deadline:
			t.Fatal("only", i, "were collected")
		}
	}
}
