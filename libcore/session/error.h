/* SPDX-License-Identifier: Apache-2.0
 *
 * What error texts are made with.
 */
#ifndef SESSION_ERROR_H
#define SESSION_ERROR_H

#include <stddef.h>

/* Bytes of a peer's as printable ASCII, the rest as \xNN, cut to room (at least 6). Returns out. */
const char *text_escape(char *out, size_t room, const void *data, size_t size);

#endif
