// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"testing"
)

func TestIdleSessionsNeedAHandfulOfGoroutines(t *testing.T) {
	if err := run(300, 4); err != nil {
		t.Fatal(err)
	}
	if now := runtime.NumGoroutine(); now > 10 {
		t.Fatal(now, "goroutines")
	}
}
