// SPDX-License-Identifier: Apache-2.0

package core

/*
#cgo pkg-config: sessile
#cgo CFLAGS: -std=gnu11

#include <stddef.h>
#include <stdint.h>
#include "event.h"
*/
import "C"

import "unsafe"

// Event says which callback it is.
type Event int

// The callbacks. Those above Data are a session's.
const (
	Send         Event = C.SESSILE_GO_SEND
	Close        Event = C.SESSILE_GO_CLOSE
	Resume       Event = C.SESSILE_GO_RESUME
	Ready        Event = C.SESSILE_GO_READY
	Asked        Event = C.SESSILE_GO_QUESTION
	Withdrawn    Event = C.SESSILE_GO_WITHDRAWN
	Opened       Event = C.SESSILE_GO_STREAM
	Noticed      Event = C.SESSILE_GO_NOTICE
	Closed       Event = C.SESSILE_GO_CLOSED
	Data         Event = C.SESSILE_GO_DATA
	Stderr       Event = C.SESSILE_GO_STDERR
	Request      Event = C.SESSILE_GO_REQUEST
	End          Event = C.SESSILE_GO_END
	Writable     Event = C.SESSILE_GO_WRITABLE
	StreamClosed Event = C.SESSILE_GO_STREAM_CLOSED
)

//export sessileGoBytes
func sessileGoBytes(number C.uint64_t, event, kind C.int, data unsafe.Pointer, size C.size_t) C.int {
	lent := unsafe.Slice((*byte)(data), int(size))
	return C.int(deliver(uint64(number), Event(event), func(owner Owner) error {
		return owner.Bytes(Event(event), int(kind), lent)
	}))
}

//export sessileGoEvent
func sessileGoEvent(number C.uint64_t, event, value C.int, object C.uintptr_t) C.int {
	return C.int(deliver(uint64(number), Event(event), func(owner Owner) error {
		return owner.Event(Event(event), int(value), uintptr(object))
	}))
}

//export sessileGoTrace
func sessileGoTrace(number C.uint64_t, direction C.int, message *C.char, size C.size_t, phase *C.char) {
	deliver(uint64(number), Noticed, func(owner Owner) error {
		owner.(Tracer).Trace(int(direction), C.GoString(message), int(size), C.GoString(phase))
		return nil
	})
}

//export sessileGoPassphrase
func sessileGoPassphrase(number C.uint64_t, buffer unsafe.Pointer, size C.size_t) C.int {
	length := -1
	room := unsafe.Slice((*byte)(buffer), int(size))
	deliver(uint64(number), Noticed, func(owner Owner) error {
		passphrase, err := owner.(Asker).Passphrase()
		if err == nil && len(passphrase) <= len(room) {
			length = copy(room, passphrase)
		}
		return err
	})
	return C.int(length)
}
