/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions to resume: a blob from anywhere, or with the head of a true one, so that libssl's form is reached; then a
 * whole handshake with a server in memory, which must come to ready, whatever was offered. Input: what to do with the
 * true blob; then bytes.
 */
#include "setup.h"

#include <string.h>

#define WHOLE 1u  /* the input is the blob */
#define TICKET 2u /* the input is libssl's part, behind a true head */
/* else: a true blob, changed at places that the input names */

struct end {
    sessile_session *session;
    struct end *other;
    struct bytes wire;
    int ready;
    int closed;
};

static struct bytes blob; /* a true one */
static size_t ticket_at;

static int on_send(void *handle, void *buffer, size_t size)
{
    struct end *end = handle;

    bytes_append(&end->other->wire, buffer, size);
    return 0;
}

static int on_ready(sessile_session *session, void *app)
{
    struct end *end = app;

    (void)session;
    end->ready = 1;
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    (void)session, (void)app;
    if (kind == SESSILE_NOTICE_TLS_TICKET && !blob.size)
        bytes_append(&blob, data, size);
    return 0;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct end *end = app;

    expect(sessile_session_error(session) == error);
    end->closed = 1;
}

static int take(struct end *end)
{
    size_t size = end->wire.size;
    int result;

    if (!size)
        return 0;
    result = sessile_session_receive(end->session, end->wire.data, size);
    expect(result == -1 || result == (int)size);
    end->wire.size = 0;
    return 1;
}

static void open_ends(struct end ends[2])
{
    memset(ends, 0, 2 * sizeof *ends);
    for (int i = 0; i < 2; i++) {
        ends[i].other = &ends[!i];
        expect((ends[i].session = sessile_session_create(&ends[i], on_send, NULL)));
    }
}

static void run(struct end ends[2], unsigned client)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    int more;

    expect(callbacks);
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_notice(callbacks, on_notice);
    sessile_callbacks_set_closed(callbacks, on_closed);
    expect(sessile_tls_connect(ends[0].session, setup_client(client), FUZZ_HOST, callbacks, &ends[0]) == 0);
    expect(sessile_tls_accept(ends[1].session, setup_server(0), callbacks, &ends[1]) == 0);
    do {
        more = take(&ends[1]);
        more |= take(&ends[0]);
    } while (more);
    sessile_callbacks_free(callbacks);
}

static void close_ends(struct end ends[2])
{
    for (int i = 0; i < 2; i++) {
        sessile_session_free(ends[i].session);
        bytes_free(&ends[i].wire);
    }
}

/* The head of a blob: magic, digest, host with its size; then libssl's part with its own. */
static void make_blob(void)
{
    struct end ends[2];

    if (blob.size)
        return;
    open_ends(ends);
    run(ends, SETUP_TLS12);
    close_ends(ends);
    expect(blob.size);
    for (size_t i = 0; i + 4 < blob.size && !ticket_at; i++)
        if (((size_t)blob.data[i] << 24 | (size_t)blob.data[i + 1] << 16 | (size_t)blob.data[i + 2] << 8 |
             blob.data[i + 3]) == blob.size - i - 4)
            ticket_at = i + 4;
    expect(ticket_at);
    setup_client(0);
}

static void forge(struct bytes *forged, unsigned how, struct input *input)
{
    uint8_t size[4] = {0, 0, (uint8_t)(input->size >> 8), (uint8_t)input->size};
    size_t at;

    if (how & WHOLE) {
        bytes_append(forged, input->data, input->size);
    } else if (how & TICKET) {
        bytes_append(forged, blob.data, ticket_at - 4);
        bytes_append(forged, size, sizeof size);
        bytes_append(forged, input->data, input->size);
    } else {
        bytes_append(forged, blob.data, blob.size);
        while (input->size) {
            at = input_u16(input) % forged->size;
            forged->data[at] ^= input_u8(input);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size < 65000 ? size : 65000};
    struct bytes forged = {0};
    struct end ends[2];
    unsigned how;
    uint8_t *copy;
    size_t blocks;

    fuzz_begin();
    make_blob();
    fuzz_begin(); /* from the same place, also where the blob was made just now */
    how = input_u8(&input);
    forge(&forged, how, &input);
    blocks = fuzz_memory_blocks();
    open_ends(ends);
    copy = fuzz_copy(forged.data, forged.size);
    sessile_tls_resume(ends[0].session, copy, forged.size);
    fuzz_spoil(copy, forged.size);
    run(ends, how & 4 ? 0 : SETUP_TLS12);
    /* A session that was changed may well not resume; a refusal of the forged secret is the only failure. */
    expect((ends[0].ready && ends[1].ready) || ends[0].closed || ends[1].closed);
    close_ends(ends);
    expect(fuzz_memory_blocks() == blocks);
    bytes_free(&forged);
    return 0;
}
