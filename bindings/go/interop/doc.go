// SPDX-License-Identifier: Apache-2.0

// Package interop has the tests that need modules of others, so that the package's own module needs none.
package interop
