// SPDX-License-Identifier: Apache-2.0

package ssh

const mostWaiting = 1024 // of what a peer may ask for before anybody looks at it

// feed brings what arrives to a Go channel, in order. Whoever adds does not wait: a goroutine does, which is there
// while something is left. Its functions are called under the connection's mutex.
type feed[T any] struct {
	c       *connection
	out     chan T
	left    []T
	running bool
	ended   bool
	stopped chan struct{}
}

func newFeed[T any](c *connection) *feed[T] {
	return &feed[T]{c: c, out: make(chan T), stopped: make(chan struct{})}
}

// add fails where too much waits already, or nothing is to come any more.
func (f *feed[T]) add(item T) bool {
	if f.ended || len(f.left) == mostWaiting {
		return false
	}
	f.left = append(f.left, item)
	if !f.running {
		f.running = true
		f.c.work.Add(1)
		go f.run()
	}
	return true
}

// end closes the channel behind what is left.
func (f *feed[T]) end() {
	if !f.ended && !f.running {
		close(f.out)
	}
	f.ended = true
}

// stop drops what is left, and closes the channel. It is called once.
func (f *feed[T]) stop() {
	close(f.stopped)
	f.left = nil
	f.end()
}

func (f *feed[T]) run() {
	defer f.c.work.Done()
	for item, ok := f.next(); ok; item, ok = f.next() {
		select {
		case f.out <- item:
		case <-f.stopped:
		case <-f.c.ctx.Done():
		}
	}
}

func (f *feed[T]) next() (item T, ok bool) {
	f.c.mutex.Lock()
	defer f.c.mutex.Unlock()
	if len(f.left) > 0 {
		item, f.left = f.left[0], f.left[1:]
		return item, true
	}
	f.left, f.running = nil, false
	if f.ended {
		close(f.out)
	}
	return item, false
}
