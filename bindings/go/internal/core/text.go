// SPDX-License-Identifier: Apache-2.0

package core

/*
#include <stdlib.h>
#include <sessile/question.h>
*/
import "C"

import "unsafe"

// Text is a string for C: with a NUL byte behind it.
func Text(s string) []byte {
	text := make([]byte, len(s)+1)
	copy(text, s)
	return text
}

// TextOrNone is a string for C, where the empty one stands for none.
func TextOrNone(s string) []byte {
	if s == "" {
		return nil
	}
	return Text(s)
}

// Texts is a list of strings for C; nil where one of them cannot be in a list.
func Texts(list []string) ([]byte, bool) {
	var texts []byte
	for _, s := range list {
		for i := 0; i < len(s); i++ {
			if s[i] == 0 {
				return nil, false
			}
		}
		texts = append(append(texts, s...), 0)
	}
	return texts, true
}

// taken copies a result, which is in C's memory, and frees that.
func taken(lent []byte) []byte {
	if len(lent) == 0 {
		return nil
	}
	text := append([]byte(nil), lent...)
	C.free(unsafe.Pointer(&lent[0]))
	return text
}

// Question_get reads an item of a question: a copy, and whether there is one.
func Question_get(question uintptr, item, index int) ([]byte, bool) {
	var data unsafe.Pointer
	var size C.size_t
	if C.sessile_question_get((*C.sessile_question)(handle(question)), C.int(item), C.size_t(index), &data, &size) < 0 {
		return nil, false
	}
	return C.GoBytes(data, C.int(size)), true
}

// handle makes a pointer of a handle: it is C's, so that the collector has no part in it.
func handle(number uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&number)) }
