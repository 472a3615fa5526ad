// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"
	"strconv"

	"sessile.dev/go/internal/core"
)

// Question is a decision that the config leaves open. A handler accepts or refuses it, or keeps it to be answered
// later; else it is refused. Which kind brings which items, and what may be given with the answer, is in the
// library's question.h. The peers' words are as they came: escape them before they reach a terminal.
type Question struct {
	session *Session
	handle  uintptr // 0 where the handler has returned and the question was not kept
	leaf    *leaf   // of one that is kept
}

// Keep has the question outlive its handler. It fails with ErrMisuse where it blocks and Wire.Resume is nil: the
// question is then refused. One that is never answered blocks its session.
func (q *Question) Keep() error {
	if q.leaf != nil {
		return nil
	}
	if q.handle == 0 {
		return fail(int(ErrGone), nil)
	}
	if !core.Question_keep(q.handle) {
		return &Error{Code: ErrMisuse, Text: "a question that blocks needs Wire.Resume to be kept"}
	}
	q.leaf = newLeaf(q.handle, core.Question_free, nil)
	q.session.kept[q.handle] = q
	return nil
}

// lent: the handler has returned.
func (q *Question) lent() {
	if q.leaf == nil {
		q.handle = 0
	}
}

func (q *Question) call(run func(handle uintptr) int) (int, error) {
	result, err := q.session.call(func(uintptr) int {
		if q.handle == 0 {
			return int(ErrGone)
		}
		return run(q.handle)
	})
	runtime.KeepAlive(q)
	return result, err
}

func (q *Question) do(run func(handle uintptr) int) error {
	_, err := q.call(run)
	return err
}

// Kind is what it is about.
func (q *Question) Kind() QuestionKind {
	kind, _ := q.call(core.Question_kind)
	return QuestionKind(kind)
}

// Session is the one that asks.
func (q *Question) Session() *Session { return q.session }

// Stream is the channel that it is about, or nil.
func (q *Question) Stream() *Stream {
	var stream *Stream
	q.call(func(h uintptr) int { stream = q.session.streamOf(core.Question_stream(h)); return 0 })
	return stream
}

// All is every occurrence of an item.
func (q *Question) All(item Item) [][]byte {
	var all [][]byte
	q.call(func(h uintptr) int {
		for i, count := 0, core.Question_count(h, int(item)); i < count; i++ {
			data, _ := core.Question_get(h, int(item), i)
			all = append(all, data)
		}
		return 0
	})
	return all
}

// Get is an item, and whether there is one.
func (q *Question) Get(item Item) (data []byte, ok bool) {
	q.call(func(h uintptr) int { data, ok = core.Question_get(h, int(item), 0); return 0 })
	return data, ok
}

// Text is an item as text; "" where there is none.
func (q *Question) Text(item Item) string {
	data, _ := q.Get(item)
	return string(data)
}

// Texts is every occurrence of an item as text.
func (q *Question) Texts(item Item) []string {
	var texts []string
	for _, data := range q.All(item) {
		texts = append(texts, string(data))
	}
	return texts
}

// Number is an item as a number; 0 where there is none.
func (q *Question) Number(item Item) int {
	number, _ := strconv.Atoi(q.Text(item))
	return number
}

// Key is the public key, or certificate, that it is about; nil where there is none.
func (q *Question) Key() (*Key, error) {
	blob, ok := q.Get(ItemKey)
	if !ok {
		return nil, nil
	}
	return ParseKeyBlob(blob)
}

// Put gives an item with the answer.
func (q *Question) Put(item Item, value []byte) error {
	return q.do(func(h uintptr) int { return core.Question_put(h, int(item), value) })
}

// UseConfig answers a client's hello with another config; then accept.
func (q *Question) UseConfig(config *TLSConfig) error {
	other := config.leaf
	defer runtime.KeepAlive(other)
	return q.do(func(h uintptr) int { return core.Tls_question_use_config(h, other.handle) })
}

// UseKey answers how to authenticate with a key; then accept.
func (q *Question) UseKey(key *Key) error {
	used := key.leaf
	defer runtime.KeepAlive(used)
	return q.do(func(h uintptr) int { return core.Ssh_question_use_key(h, used.handle) })
}

// Accept is yes. The session goes on at once, or, inside the question's handler, when that returns.
func (q *Question) Accept() error {
	return q.do(func(h uintptr) int {
		result := core.Question_accept(h)
		q.answered(result, false)
		return result
	})
}

// AcceptWith is yes, with one item.
func (q *Question) AcceptWith(item Item, value string) error {
	if err := q.Put(item, []byte(value)); err != nil {
		return err
	}
	return q.Accept()
}

// Refuse is no. reason: a TLS alert's number, or why a channel is not opened (RFC 4254, section 5.1), or 0.
func (q *Question) Refuse(reason int) error {
	return q.do(func(h uintptr) int {
		var stream *Stream
		if core.Question_kind(h) == int(QuestionSSHChannel) {
			stream = q.session.streamOf(core.Question_stream(h))
		}
		result := core.Question_refuse(h, reason)
		if stream != nil {
			q.session.forget(stream)
		}
		q.answered(result, true)
		return result
	})
}

func (q *Question) answered(result int, refused bool) {
	if result >= 0 || refused || result == int(ErrGone) {
		delete(q.session.kept, q.handle)
	}
}
