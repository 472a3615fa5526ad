/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH sessions that are open, and in the clear: for tests of what comes after authentication, message by message. Such
 * sessions do not exist outside of tests. What arrives and what must be sent is written as a format and its values:
 *
 *   b  a byte (int)          s  text behind its length (const char *)
 *   u  4 bytes (unsigned)    d  bytes behind their length (const void *, size_t)
 *                            r  bytes as they are (const void *, size_t)
 */
#ifndef TESTS_SSH_OPEN_H
#define TESTS_SSH_OPEN_H

#include <stdarg.h>

#include <sessile/sessile.h>

#include "codec/writer.h"
#include "harness.h"

#define OPEN_PAYLOAD_MAX 66000

struct open_side {
    struct side side;
    size_t read; /* how much of what was sent has been looked at */
};

/* A config for a role, whose keys are made once: a server's has an Ed25519 and an ECDSA host key. The caller's. */
sessile_ssh_config *open_config(int role);
/* An open session; what it has sent on the way is forgotten. config: taken over; NULL for open_config(). */
void open_start(struct open_side *open, int role, sessile_ssh_config *config);
/* With other callbacks than the recorder's, taken over; their app is the recorder. */
void open_start_with(struct open_side *open, int role, sessile_ssh_config *config, sessile_callbacks *callbacks);
/* Free all, and check that no promise of the session's was broken. */
void open_done(struct open_side *open);

/* A message arrives. Returns what receive returned: -1 where the session has failed. */
int arrive(struct open_side *open, const char *format, ...);
/* The next message that was sent is this one. */
#define assert_sent(...) open_assert_sent(__FILE__, __LINE__, __VA_ARGS__)
void open_assert_sent(const char *file, int line, struct open_side *open, const char *format, ...);
/* Nothing was sent that was not looked at. */
#define assert_silent(open) open_assert_silent(__FILE__, __LINE__, open)
void open_assert_silent(const char *file, int line, struct open_side *open);
/* The next message that was sent, whatever it is: its size, 0 where there is none. */
size_t open_next(struct open_side *open, uint8_t *payload);
/* What was told since the last time is this: then it is forgotten. */
#define assert_told(open, text) open_assert_told(__FILE__, __LINE__, open, text)
void open_assert_told(const char *file, int line, struct open_side *open, const char *text);
/* The session has failed with this error, and the text has this part. */
#define assert_failed_with(open, error, part) open_assert_failed(__FILE__, __LINE__, open, error, part)
void open_assert_failed(const char *file, int line, struct open_side *open, int error, const char *part);

/* Make a message, and a packet of it, in the clear. out has room for size + 32 bytes. */
void open_put(struct writer *w, const char *format, ...);
void open_put_values(struct writer *w, const char *format, va_list arguments);
size_t open_packet(const void *payload, size_t size, uint8_t *out);

/* Let what each has sent arrive at the other, until there is nothing more. */
void open_pump(struct open_side *client, struct open_side *server);

#endif
