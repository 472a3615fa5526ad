// SPDX-License-Identifier: Apache-2.0

package ssh

import "sessile.dev/go/internal/room"

// flow is what has arrived and was not read yet, in pieces, so that what is long is never copied to grow.
type flow struct {
	pieces [][]byte // none is empty
	read   int      // of the first
	target []byte   // where a reader waits for what comes next
	filled int      // of the target
}

func (f *flow) empty() bool { return len(f.pieces) == 0 }

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
	size := room.Small
	if count := len(f.pieces); count > 0 {
		last := &f.pieces[count-1]
		if len(*last) < cap(*last) {
			return last
		}
		size = room.Large
	}
	f.pieces = append(f.pieces, room.Get(size))
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
	room.Put(f.pieces[0])
	f.read = 0
	f.pieces[0] = nil
	if f.pieces = f.pieces[1:]; len(f.pieces) == 0 {
		f.pieces = nil
	}
}
