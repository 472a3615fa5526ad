// SPDX-License-Identifier: Apache-2.0
//
// The comms layer of test_proposal.c, and its tests, as C++. cmocka's header does not know C++ by itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>
}

#include "test_proposal.c"
