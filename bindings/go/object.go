// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"

	"sessile.dev/go/internal/core"
)

// leaf holds one reference to an object of the library, and gives it back when it is collected. It refers to nothing
// of Go's that could refer back, so that its finaliser always comes.
type leaf struct {
	handle uintptr
	free   func(uintptr)
	slot   *core.Slot
}

func newLeaf(handle uintptr, free func(uintptr), gate *core.Gate) *leaf {
	l := &leaf{handle: handle, free: free}
	if gate != nil {
		slot := gate.Hold()
		l.slot = &slot
	}
	runtime.SetFinalizer(l, (*leaf).release)
	return l
}

func (l *leaf) release() {
	if l.handle != 0 {
		l.free(l.handle)
		l.handle = 0
	}
	if l.slot != nil {
		l.slot.Release()
		l.slot = nil
	}
}

// object is what keys, files and configs are made of.
type object struct{ leaf *leaf }

// use calls with the handle, which stays alive meanwhile.
func (o object) use(call func(handle uintptr) int) int {
	result := call(o.leaf.handle)
	runtime.KeepAlive(o.leaf)
	return result
}

func (o object) text(call func(handle uintptr) []byte) string {
	text := call(o.leaf.handle)
	runtime.KeepAlive(o.leaf)
	return string(text)
}

// yes is for what answers 1 or 0.
func (o object) yes(call func(handle uintptr) int) bool { return o.use(call) > 0 }

// errorRoom is for the sentence that some functions write.
const errorRoom = 1024

// sentence is what was written there.
func sentence(room []byte) []byte {
	for i, b := range room {
		if b == 0 {
			return room[:i]
		}
	}
	return room
}

// made is a new object of what call puts into the first of its arguments; the second is room for a sentence.
func made(free func(uintptr), call func(out []uintptr, room []byte) int) (object, error) {
	out, room := make([]uintptr, 1), make([]byte, errorRoom)
	if err := fail(call(out, room), sentence(room)); err != nil {
		return object{}, err
	}
	return object{newLeaf(out[0], free, nil)}, nil
}

// filled is what call writes: it tells the length, and writes nothing where there is not enough room.
func filled(call func(room []byte) int) ([]byte, error) {
	room := make([]byte, 4096)
	size := call(room)
	for size > len(room) {
		wipe(room)
		room = make([]byte, size)
		size = call(room)
	}
	if size < 0 {
		return nil, fail(size, nil)
	}
	result := append([]byte(nil), room[:size]...)
	wipe(room)
	return result, nil
}

func wipe(room []byte) {
	for i := range room {
		room[i] = 0
	}
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}
