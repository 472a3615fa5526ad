/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of channel openings and requests as data: how each is read, how long it may be, and as which item the
 * application is asked about it.
 */
#ifndef SSH_CONNECTION_FIELDS_H
#define SSH_CONNECTION_FIELDS_H

#include <stdint.h>

#include "ssh/ssh.h"

/* With one more for the end. */
#define FIELDS_MAX 7

enum field_kind {
    FIELD_END,
    FIELD_TEXT,  /* a string without NUL bytes */
    FIELD_BYTES, /* a string */
    FIELD_NUMBER,
    FIELD_PORT, /* a number that is a port */
    FIELD_BOOLEAN
};

struct field {
    uint8_t kind;
    uint8_t item;  /* SESSILE_ITEM_*, or 0: not told */
    uint16_t most; /* bytes of a string */
};

struct field_value {
    struct reader text;
    uint32_t number;
};

/* Read all of them. 1; 0 where one is longer than it may be, or not usable, which is ground to refuse what they are
 * part of. What is cut short fails the reader. */
int fields_read(struct reader *r, const struct field *fields, struct field_value values[FIELDS_MAX]);
/* Add those that have an item to a question. */
void fields_ask(sessile_question *question, const struct field *fields, const struct field_value *values);

#endif
