// SPDX-License-Identifier: Apache-2.0

// Package room has buffers of two sizes: small ones, which connections keep while they are idle, and large ones, which
// they share, so that none is held where nothing is on its way.
package room

import "sync"

// The sizes.
const (
	Small = 512
	Large = 72 << 10 // 64 KiB with what encryption adds
)

var large = sync.Pool{New: func() any { return new([Large]byte) }}

// Get is an empty buffer with room for so much, at least.
func Get(size int) []byte {
	switch {
	case size <= Small:
		return make([]byte, 0, Small)
	case size <= Large:
		return large.Get().(*[Large]byte)[:0]
	}
	return make([]byte, 0, size)
}

// Put gives back a buffer, from its beginning, that nobody uses any more.
func Put(buffer []byte) {
	if cap(buffer) == Large {
		large.Put((*[Large]byte)(buffer[:Large]))
	}
}

// Grow is a buffer with the same bytes and room for so much in all, at least; the one before is given back.
func Grow(buffer []byte, size int) []byte {
	if size <= cap(buffer) {
		return buffer
	}
	if size > Large {
		size = max(size, 2*cap(buffer)) // it may go on so
	}
	grown := append(Get(size), buffer...)
	Put(buffer)
	return grown
}

// Fit is what a buffer is replaced by once a read has put n bytes into it, what of it was used up has been taken away,
// and so much is wanted in all: a large one where the read has filled it, and a small one again where little comes.
func Fit(buffer []byte, n int, filled bool, want int) []byte {
	if filled {
		want = max(want, Large)
	}
	if len(buffer) == 0 && n < Small && want <= Small && cap(buffer) > Small {
		Put(buffer)
		return Get(Small)
	}
	return Grow(buffer, want)
}
