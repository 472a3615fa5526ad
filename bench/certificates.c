/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' certificate authority, compiled into the benchmarks. */
#include "../tests/c/pki.c"
