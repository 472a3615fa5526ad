/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648, section 4), as keys and signatures stand in text files. libcrypto's own decoder takes input that is
 * not canonical, and says too little of what it did with the padding.
 */
#ifndef SSH_KEY_BASE64_H
#define SSH_KEY_BASE64_H

#include <stddef.h>

#include "codec/writer.h"

/* width: characters on a line, a multiple of 4, after each of which comes a newline; 0: one line without one. */
void base64_put(struct writer *w, const void *data, size_t size, size_t width);
/* Decode text into w. Spaces, tabs and line ends in it are skipped; padding must be there, and be zero. 0, or -1 where
 * the text is not base64; w->failed says the rest. */
int base64_get(struct writer *w, const char *text, size_t size);

#endif
