/* SPDX-License-Identifier: Apache-2.0
 *
 * The text form of private key files and of signatures: "-----BEGIN label-----", lines of base64, "-----END
 * label-----".
 */
#ifndef SSH_KEY_ARMOR_H
#define SSH_KEY_ARMOR_H

#include <stddef.h>

#include "codec/reader.h"
#include "codec/writer.h"

/* Characters on a line: of OpenSSH's formats, and of PEM (RFC 7468, section 2). */
#define ARMOR_WIDTH 76
#define ARMOR_WIDTH_PEM 64

/* A block of a text, and the lines around it. All of it is borrowed. */
struct armor {
    struct reader before;
    struct reader label;
    struct reader body;
    struct reader after;
};

/* The first block. 0, or ERR_ARGUMENT where there is none or it has no end. */
int armor_find(struct reader text, struct armor *found);
int armor_has_label(const struct armor *armor, const char *label);
/* Decode the body, which is nothing but base64. 0, ERR_ARGUMENT, ERR_MEMORY. */
int armor_read(const struct armor *armor, struct writer *out);
void armor_write(struct writer *out, const char *label, const void *data, size_t size, size_t width);

/* The next line of a text, without its newline or carriage return and newline. 0 where there is none left. */
int text_line(struct reader *text, struct reader *line);
/* Whether a line starts with prefix; if so, behind has what follows. */
int text_starts(struct reader line, const char *prefix, struct reader *behind);
/* Whether there is only white space. */
int text_is_blank(struct reader text);

#endif
