// SPDX-License-Identifier: Apache-2.0

// Package core is the library as it is: one function for each of C's, generated, and the way back from its callbacks
// to Go. It keeps no reference to anything of Go's between calls.
package core

import (
	"sync"
	"sync/atomic"
)

// Owner is whom callbacks go to: a session or a stream.
type Owner interface {
	// Bytes is a callback with bytes, which are C's and lent for the call.
	Bytes(event Event, kind int, data []byte) error
	// Event is any other.
	Event(event Event, value int, object uintptr) error
}

// Tracer is an Owner that can be told of messages.
type Tracer interface {
	Trace(direction int, message string, size int, phase string)
}

// Asker is an Owner that has a passphrase.
type Asker interface {
	Passphrase() ([]byte, error)
}

// A Gate is what calls into the library go through: it makes its owners known to callbacks for as long as a call runs,
// and brings what a callback returned or panicked with to the outermost call. Sessions that drive each other inside the
// library share one. It refuses a second goroutine.
type Gate struct {
	slot *slot

	mutex     sync.Mutex
	owners    map[uint32]Owner
	last      uint32
	depth     int // calls that are inside
	callbacks int // callbacks that are running
	parked    parked
	links     []*Gate
	leaving   []func()
}

// parked is what a callback left for the outermost call.
type parked struct {
	err      error
	panicked bool
	value    interface{}
}

// slot is a place where callbacks find a gate, by its number.
type slot struct {
	number uint32
	gate   atomic.Pointer[Gate]
	users  int // objects of the library that know the number; under slots.mutex
}

var slots struct {
	mutex sync.RWMutex
	all   []*slot
	free  []uint32
}

// NewGate makes a gate. Its number is given back when as many Release calls were made as Hold calls.
func NewGate() *Gate {
	slots.mutex.Lock()
	defer slots.mutex.Unlock()
	var found *slot
	if last := len(slots.free) - 1; last >= 0 {
		found = slots.all[slots.free[last]]
		slots.free = slots.free[:last]
	} else {
		found = &slot{number: uint32(len(slots.all))}
		slots.all = append(slots.all, found)
	}
	return &Gate{slot: found, owners: map[uint32]Owner{}}
}

// Slot is what has to be released when an object of the library is freed that knows a gate's number.
type Slot struct{ slot *slot }

// Hold says that one more object of the library knows the gate's number.
func (g *Gate) Hold() Slot {
	slots.mutex.Lock()
	g.slot.users++
	slots.mutex.Unlock()
	return Slot{g.slot}
}

// Release says that such an object is freed.
func (s Slot) Release() {
	slots.mutex.Lock()
	if s.slot.users--; s.slot.users == 0 {
		slots.free = append(slots.free, s.slot.number)
	}
	slots.mutex.Unlock()
}

// Add makes an owner of the gate, and returns the number that callbacks find it by.
func (g *Gate) Add(owner Owner) uint64 {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.last++
	g.owners[g.last] = owner
	return uint64(g.last)<<32 | uint64(g.slot.number)
}

// Remove forgets an owner.
func (g *Gate) Remove(number uint64) {
	g.mutex.Lock()
	delete(g.owners, uint32(number>>32))
	g.mutex.Unlock()
}

// Link has other's owners be known as well while a call goes through g.
func (g *Gate) Link(other *Gate) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, linked := range g.links {
		if linked == other {
			return
		}
	}
	if other != g {
		g.links = append(g.links, other)
	}
}

// AtRest calls once no call is inside: now, or when the last one leaves.
func (g *Gate) AtRest(call func()) {
	g.mutex.Lock()
	if g.depth > 0 {
		g.leaving = append(g.leaving, call)
		call = nil
	}
	g.mutex.Unlock()
	if call != nil {
		call()
	}
}

// Outside runs what is the application's in the midst of a call of this goroutine's, as in a callback.
func (g *Gate) Outside(call func()) {
	g.mutex.Lock()
	g.callbacks++
	g.mutex.Unlock()
	left := parked{panicked: true}
	defer func() {
		if left.panicked {
			left.value = recover()
		}
		g.leaveCallback(left)
	}()
	call()
	left.panicked = false
}

// Frame is one call's stay inside a gate.
type Frame struct {
	gate      *Gate
	links     []Frame
	outermost bool
}

// Enter begins a call. False: another goroutine is inside.
func (g *Gate) Enter() (Frame, bool) {
	g.mutex.Lock()
	if g.depth > 0 && g.callbacks == 0 {
		g.mutex.Unlock()
		return Frame{}, false
	}
	frame := Frame{gate: g, outermost: g.depth == 0}
	g.depth++
	g.slot.gate.Store(g)
	links := g.links
	g.mutex.Unlock()
	for i, linked := range links {
		inner, ok := linked.Enter()
		if !ok {
			for range links[:i] {
				frame.links[len(frame.links)-1].leave()
				frame.links = frame.links[:len(frame.links)-1]
			}
			frame.leave()
			return Frame{}, false
		}
		frame.links = append(frame.links, inner)
	}
	return frame, true
}

// Leave ends it: it panics with what a callback panicked with, or returns the error that one returned, where this was
// the outermost call.
func (f *Frame) Leave() error {
	first := parked{}
	for i := range f.links {
		first = first.or(f.links[i].leave())
	}
	first = first.or(f.leave())
	if first.panicked {
		panic(first.value)
	}
	return first.err
}

func (f *Frame) leave() parked {
	g := f.gate
	g.mutex.Lock()
	left := parked{}
	if f.outermost {
		left, g.parked = g.parked, left
	}
	var leaving []func()
	if g.depth--; g.depth == 0 {
		g.slot.gate.Store(nil)
		leaving, g.leaving = g.leaving, nil
	}
	g.mutex.Unlock()
	for _, call := range leaving {
		call()
	}
	return left
}

// or is the first of two: a panic comes before an error.
func (p parked) or(other parked) parked {
	if p.panicked || (p.err != nil && !other.panicked) {
		return p
	}
	return other
}

func (g *Gate) enterCallback(number uint64) Owner {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	owner := g.owners[uint32(number>>32)]
	if owner != nil {
		g.callbacks++
	}
	return owner
}

func (g *Gate) leaveCallback(left parked) {
	g.mutex.Lock()
	g.callbacks--
	g.parked = g.parked.or(left)
	g.mutex.Unlock()
}

func gateOf(number uint64) *Gate {
	slots.mutex.RLock()
	defer slots.mutex.RUnlock()
	if index := uint32(number); int(index) < len(slots.all) {
		return slots.all[index].gate.Load()
	}
	return nil
}

// deliver calls the owner that a number stands for: 0, or -1 where it returned an error, panicked, or is not there.
func deliver(number uint64, event Event, call func(Owner) error) (result int) {
	gate := gateOf(number)
	if gate == nil {
		return -1
	}
	owner := gate.enterCallback(number)
	if owner == nil {
		return -1
	}
	left := parked{panicked: true}
	defer func() {
		if left.panicked {
			left.value = recover()
			result = -1
		}
		gate.leaveCallback(left)
	}()
	left.err = call(owner)
	left.panicked = false
	if left.err != nil {
		return -1
	}
	return 0
}
