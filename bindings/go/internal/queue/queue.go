// SPDX-License-Identifier: Apache-2.0

// Package queue has what is to be sent on a connection, between whoever drives a session and whoever writes.
package queue

import (
	"io"
	"sync"

	"sessile.dev/go/internal/room"
)

// Queue is bytes on their way to a wire, in order. Any number of goroutines may use it.
type Queue struct {
	wire io.Writer

	flushes sync.Mutex // who writes to the wire
	sending []byte     // what has been taken from out; under flushes
	sent    int        // of that
	spare   []byte

	mutex sync.Mutex
	out   []byte
}

// New is an empty queue.
func New(wire io.Writer) *Queue { return &Queue{wire: wire} }

// Add takes a copy of data.
func (q *Queue) Add(data []byte) {
	q.mutex.Lock()
	q.out = append(room.Grow(q.out, len(q.out)+len(data)), data...)
	q.mutex.Unlock()
}

// Flush writes all of it; what is left by an error comes first the next time.
func (q *Queue) Flush() error {
	q.flushes.Lock()
	defer q.flushes.Unlock()
	return q.flush()
}

func (q *Queue) flush() error {
	for {
		if len(q.sending) == 0 {
			q.next()
		}
		if len(q.sending) == 0 {
			return nil
		}
		n, err := q.wire.Write(q.sending[q.sent:])
		if q.sent += n; q.sent == len(q.sending) {
			q.letGo()
		}
		if err != nil {
			return err
		}
	}
}

// letGo keeps the buffer that has been sent for the next time, if it is small.
func (q *Queue) letGo() {
	if cap(q.sending) <= room.Small {
		q.spare = q.sending[:0]
	} else {
		room.Put(q.sending)
	}
	q.sending, q.sent = nil, 0
}

// next takes what is to be written now, and leaves a buffer that was used before.
func (q *Queue) next() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.out) > 0 {
		q.sending, q.out, q.spare = q.out, q.spare, nil
	}
}

// FlushSoon has all of it written without waiting for that: by whoever is writing, who looks for more once done, or by
// a goroutine that ends when it is empty.
func (q *Queue) FlushSoon() {
	if q.Len() == 0 || !q.flushes.TryLock() {
		return
	}
	go func() {
		for {
			err := q.flush()
			q.flushes.Unlock()
			if err != nil || q.Len() == 0 || !q.flushes.TryLock() {
				return
			}
		}
	}()
}

// Len is how many bytes nobody has begun to write.
func (q *Queue) Len() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return len(q.out)
}
