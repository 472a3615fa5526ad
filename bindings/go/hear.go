// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"sessile.dev/go/internal/core"
)

// From the library's callbacks to a session's handlers.

// Bytes implements core.Owner.
func (s *Session) Bytes(event core.Event, kind int, data []byte) error {
	switch {
	case s.freed.Load():
		return ErrGone
	case event == core.Send:
		return s.ended(s.wire.Send(data))
	case kind == core.NOTICE_AGENT_REPLY && s.handlers.AgentReply != nil:
		return s.ended(s.handlers.AgentReply(s.agentReply(data)))
	case s.handlers.Notice != nil:
		return s.ended(s.handlers.Notice(Notice(kind), data))
	}
	return nil
}

// ended remembers what a callback ends the session with.
func (s *Session) ended(err error) error {
	if err != nil && s.cause == nil {
		s.cause = err
	}
	return err
}

// Event implements core.Owner.
func (s *Session) Event(event core.Event, value int, object uintptr) error {
	if event == core.Close {
		if s.wire.Close != nil {
			s.wire.Close()
		}
		return nil
	}
	if s.freed.Load() {
		return ErrGone
	}
	return s.ended(s.hear(event, value, object))
}

func (s *Session) hear(event core.Event, value int, object uintptr) error {
	switch event {
	case core.Resume:
		s.wire.Resume()
	case core.Ready:
		if s.handlers.Ready != nil {
			return s.handlers.Ready()
		}
	case core.Asked:
		return s.asked(object)
	case core.Withdrawn:
		return s.withdrawn(object)
	case core.Opened:
		core.Stream_keep(object)
		stream := s.streamOf(object)
		if s.handlers.Stream != nil {
			return s.handlers.Stream(stream)
		}
	case core.Closed:
		s.closed(value)
	}
	return nil
}

func (s *Session) asked(handle uintptr) error {
	if s.handlers.Question == nil {
		return nil
	}
	q := &Question{session: s, handle: handle}
	defer q.lent()
	return s.handlers.Question(q)
}

func (s *Session) withdrawn(handle uintptr) error {
	q := s.kept[handle]
	delete(s.kept, handle)
	if q != nil && s.handlers.Withdrawn != nil {
		return s.handlers.Withdrawn(q)
	}
	return nil
}

func (s *Session) closed(code int) {
	s.over = true
	for _, stream := range s.streams {
		s.forget(stream)
	}
	s.kept = map[uintptr]*Question{}
	err := s.failure()
	if failed, ok := err.(*Error); code >= 0 || !ok || int(failed.Code) != code {
		err = fail(code, nil)
	}
	if s.handlers.Closed != nil {
		s.handlers.Closed(err)
	}
}

// Trace implements core.Tracer.
func (s *Session) Trace(direction int, message string, size int, phase string) {
	if s.handlers.Trace != nil && !s.freed.Load() {
		s.handlers.Trace(direction, message, size, phase)
	}
}

// streamOf is the stream of a handle that holds a reference, which it takes over; nil for none.
func (s *Session) streamOf(handle uintptr) *Stream {
	if handle == 0 {
		return nil
	}
	if known := s.streams[handle]; known != nil {
		core.Stream_free(handle)
		return known
	}
	stream := &Stream{session: s, leaf: newLeaf(handle, core.Stream_free, s.gate)}
	stream.number = s.gate.Add(stream)
	s.streams[handle] = stream
	return stream
}

func (s *Session) forget(stream *Stream) {
	delete(s.streams, stream.leaf.handle)
	s.gate.Remove(stream.number)
}
