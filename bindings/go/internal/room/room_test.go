// SPDX-License-Identifier: Apache-2.0

package room

import (
	"bytes"
	"testing"
)

func TestABufferGrowsWithWhatComesAndShrinksWithIt(t *testing.T) {
	text := bytes.Repeat([]byte("x"), Small)
	buffer := append(Get(1), text...)
	if cap(buffer) != Small {
		t.Fatal(cap(buffer))
	}
	buffer = Fit(buffer, Small, true, 0)
	if cap(buffer) != Large || !bytes.Equal(buffer, text) {
		t.Fatal(cap(buffer), len(buffer))
	}
	if kept := Fit(buffer, 1, false, 0); cap(kept) != Large || !bytes.Equal(kept, text) {
		t.Fatal("bytes that nobody has taken are lost")
	}
	if kept := Fit(buffer[:0], Small, false, 0); cap(kept) != Large {
		t.Fatal("shrunk while much comes")
	}
	if kept := Fit(buffer[:0], 1, false, Small+1); cap(kept) != Large {
		t.Fatal("smaller than what is wanted")
	}
	buffer = Fit(buffer[:0], 1, false, 0)
	if cap(buffer) != Small || len(buffer) != 0 {
		t.Fatal(cap(buffer))
	}
	if buffer = Grow(Grow(buffer, Large+1), Large+2); cap(buffer) != 2*(Large+1) {
		t.Fatal("what is beyond all sizes grows by little: ", cap(buffer))
	}
}
