// SPDX-License-Identifier: Apache-2.0

package ssh

import "sync"

const (
	leastPiece = 1 << 10
	mostPiece  = 64 << 10
)

// flow is what has arrived and was not read yet, in pieces, so that what is long is never copied to grow.
type flow struct {
	pieces [][]byte // none is empty
	read   int      // of the first
	target []byte   // where a reader waits for what comes next
	filled int      // of the target
}

func (f *flow) empty() bool { return len(f.pieces) == 0 }

// large are pieces that nobody uses.
var large = sync.Pool{New: func() any { return new([mostPiece]byte) }}

func newPiece(size int) []byte {
	if size == mostPiece {
		return large.Get().(*[mostPiece]byte)[:0]
	}
	return make([]byte, 0, size)
}

// put takes a copy of data: a reader's that waits first.
func (f *flow) put(data []byte) {
	n := copy(f.target[f.filled:], data)
	f.filled += n
	data = data[n:]
	for len(data) > 0 {
		last := f.last()
		n := min(len(data), cap(*last)-len(*last))
		*last = append(*last, data[:n]...)
		data = data[n:]
	}
}

// last is a piece with room.
func (f *flow) last() *[]byte {
	size := leastPiece
	if count := len(f.pieces); count > 0 {
		last := &f.pieces[count-1]
		if len(*last) < cap(*last) {
			return last
		}
		size = min(2*cap(*last), mostPiece)
	}
	f.pieces = append(f.pieces, newPiece(size))
	return &f.pieces[len(f.pieces)-1]
}

// get fills p as far as there is something.
func (f *flow) get(p []byte) int {
	total := 0
	for total < len(p) && len(f.pieces) > 0 {
		n := copy(p[total:], f.pieces[0][f.read:])
		total += n
		if f.read += n; f.read < len(f.pieces[0]) {
			break
		}
		f.drop()
	}
	return total
}

// drop is for a first piece that has been read.
func (f *flow) drop() {
	if cap(f.pieces[0]) == mostPiece {
		large.Put((*[mostPiece]byte)(f.pieces[0][:mostPiece]))
	}
	f.read = 0
	f.pieces[0] = nil
	if f.pieces = f.pieces[1:]; len(f.pieces) == 0 {
		f.pieces = nil
	}
}
