/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations as one table: what each is on the wire, for both roles, and what may answer it. A layout is a letter
 * for each field:
 *
 *   p path   h handle   n uint64   l uint32 length   f flags   d data   a attributes   i user or group ids
 *   x whatever is left
 */
#ifndef SFTP_OPS_H
#define SFTP_OPS_H

#include <stddef.h>
#include <stdint.h>

#include <sessile/sftp.h>

#include "codec/reader.h"
#include "codec/writer.h"

#define PATH_LIMIT 4096
#define HANDLE_LIMIT 256
#define IDS_LIMIT 4096
#define EXTENDED_LIMIT 32768

/* What may answer an operation beside a status that is not OK. */
enum answer {
    ANSWER_STATUS, /* OK */
    ANSWER_HANDLE,
    ANSWER_DATA,
    ANSWER_NAMES,
    ANSWER_NAME, /* just one */
    ANSWER_ATTRS,
    ANSWER_VFS,
    ANSWER_LIMITS,
    ANSWER_OWNERS,
    ANSWER_ANY /* OK, or an EXTENDED_REPLY */
};

struct op {
    int operation;
    const char *layout;
    enum answer answer;
    int changes;           /* what a read-only server refuses */
    const char *extension; /* its name on the wire, or NULL */
    const char *version;   /* that it is offered with */
};

struct attrs {
    uint32_t flags;
    uint64_t size;
    uint32_t numbers[5]; /* uid, gid, permissions, atime, mtime */
};

struct sessile_sftp_attrs {
    struct attrs attrs;
};

/* The fields of one request. Bytes are borrowed. */
struct fields {
    struct reader path[2]; /* p, i */
    struct reader handle[2];
    struct reader data; /* d, x */
    uint64_t number[3];
    uint32_t length;
    uint32_t flags;
    struct attrs attrs;
};

/* NULL where there is none. */
const struct op *op_find(int operation);
const struct op *op_of_extension(const void *name, size_t size);

/* Whether all fields are within bounds, for a caller's. 0 or ERR_ARGUMENT. */
int fields_check(const struct op *op, const struct fields *f);
void fields_put(const struct op *op, const struct fields *f, struct writer *w);
/* Whether they were read to the end. */
int fields_get(const struct op *op, struct fields *f, struct reader *r);

void attrs_put(const struct attrs *attrs, struct writer *w);
/* Extended ones are read over; at most 64 of them. */
void attrs_get(struct attrs *attrs, struct reader *r);
/* Of a caller's object; NULL is none. */
struct attrs attrs_of(const sessile_sftp_attrs *attrs);

#endif
