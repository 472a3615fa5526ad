// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"

	"sessile.dev/go/internal/core"
)

// AgentKey is a key that an agent has. Key is nil for one of a type that is not known here. Comment is the agent's
// bytes as they are: escape them before they reach a terminal.
type AgentKey struct {
	Key     *Key
	Blob    []byte
	Comment []byte
}

// AgentReply is an agent's answer. Err is ErrRefused where the agent said no. Signature is lent.
type AgentReply struct {
	Request   int
	Err       error
	Keys      []AgentKey
	Signature []byte
}

// ConnectAgent begins as the client of an SSH agent. Requests are numbered, and answered in order by
// Handlers.AgentReply.
func (s *Session) ConnectAgent() error {
	return s.beginning(func(h uintptr) int { return core.Agent_connect(h, sessionCallbacks.handle, s.number) })
}

// AgentList asks which keys it has. It returns the request's number, as the others do.
func (s *Session) AgentList() (int, error) { return s.call(core.Agent_list) }

// AgentSign asks for a signature. algorithm: "" for the type's best. certificate: whether the agent lists it by that.
func (s *Session) AgentSign(key *Key, certificate bool, algorithm string, message []byte) (int, error) {
	leaf := key.leaf
	defer runtime.KeepAlive(leaf)
	return s.call(func(h uintptr) int {
		return core.Agent_sign(h, leaf.handle, flag(certificate), core.TextOrNone(algorithm), message)
	})
}

// AgentBind binds the connection to an SSH session: its host key, its id, and the host key's signature under it.
func (s *Session) AgentBind(hostKey *Key, sessionID, signature []byte, forwarding bool) (int, error) {
	leaf := hostKey.leaf
	defer runtime.KeepAlive(leaf)
	return s.call(func(h uintptr) int {
		return core.Agent_bind(h, leaf.handle, sessionID, signature, flag(forwarding))
	})
}

// AgentRemove has it forget a key.
func (s *Session) AgentRemove(key *Key, certificate bool) (int, error) {
	leaf := key.leaf
	defer runtime.KeepAlive(leaf)
	return s.call(func(h uintptr) int { return core.Agent_remove(h, leaf.handle, flag(certificate)) })
}

// AgentRemoveAll has it forget all.
func (s *Session) AgentRemoveAll() (int, error) { return s.call(core.Agent_remove_all) }

// AgentAnswer has the agent answer an open QuestionSSHSign of another session. One goroutine drives both.
func (s *Session) AgentAnswer(question *Question) error {
	s.gate.Link(question.session.gate)
	return s.do(func(h uintptr) int {
		if question.handle == 0 {
			return int(ErrGone)
		}
		return core.Agent_answer(h, question.handle)
	})
}

func (s *Session) agentReply(data []byte) *AgentReply {
	h := s.leaf.handle
	reply := &AgentReply{Request: core.Agent_request(h), Err: fail(core.Agent_result(h), nil), Signature: data}
	for i, count := 0, core.Agent_key_count(h); i < count; i++ {
		key := AgentKey{}
		key.Key, _ = newKey(func(out []uintptr, _ []byte) int { return core.Agent_key(h, i, out) })
		key.Blob, _ = filled(func(room []byte) int { return core.Agent_key_blob(h, i, room) })
		key.Comment, _ = filled(func(room []byte) int { return core.Agent_key_comment(h, i, room) })
		reply.Keys = append(reply.Keys, key)
	}
	return reply
}
