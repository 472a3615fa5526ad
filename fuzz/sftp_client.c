/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP client whose server is the input. Input: options, portions; then steps: what is asked next, or a message of
 * the server's, whose id can be made one that is under way.
 */
#include <string.h>

#include <sessile/sftp.h>
#include <sessile/sftp_transfer.h>

#include "support.h"

#define REQUESTS 6
#define TRANSFERS 2

struct visit {
    sessile_sftp *sftp;
    sessile_sftp_request *requests[REQUESTS];
    sessile_sftp_transfer *transfers[TRANSFERS];
    uint8_t portion;
    uint8_t options;
    unsigned asked;
    unsigned replies;
    uint32_t ids[16]; /* of what was sent last */
    unsigned sent;
    int closed;
    uint64_t next[TRANSFERS];
};

#define PAUSES 1u
#define SHORT_SENDS 2u
#define NO_HELLO 4u /* the server's VERSION is up to the input too */

static int on_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    struct visit *visit = app;
    const uint8_t *at = data;

    expect(sftp == visit->sftp && size > 0);
    if (size >= 9)
        visit->ids[visit->sent++ % 16] =
            (uint32_t)at[5] << 24 | (uint32_t)at[6] << 16 | (uint32_t)at[7] << 8 | (uint32_t)at[8];
    return visit->options & SHORT_SENDS && size > 7 ? 7 : (int)size;
}

static void on_closed(sessile_sftp *sftp, int error, void *app)
{
    struct visit *visit = app;

    expect(!visit->closed++ && error == sessile_sftp_error(sftp));
}

static void read_names(sessile_sftp_request *request)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    size_t count = sessile_sftp_request_name_count(request), size;
    const void *data;

    for (size_t i = 0; i < count; i++) {
        expect(sessile_sftp_request_name(request, count - 1 - i, &data, &size) == 0);
        expect(sessile_sftp_request_name(request, i, &data, &size) == 0);
        if (sessile_sftp_request_operation(request) == SESSILE_SFTP_READDIR)
            expect(size && !memchr(data, '/', size) && !memchr(data, 0, size));
        expect(sessile_sftp_request_longname(request, i, &data, &size) == 0);
        expect(!attrs || sessile_sftp_request_attrs(request, i, attrs) == 0);
    }
    expect(sessile_sftp_request_name(request, count, &data, &size) < 0);
    sessile_sftp_attrs_free(attrs);
}

static int on_reply(sessile_sftp_request *request, void *app)
{
    struct visit *visit = app;
    const void *data;
    size_t size;

    visit->replies++;
    expect(visit->replies <= visit->asked && !visit->closed);
    if (sessile_sftp_request_result(request) == 0)
        read_names(request);
    if (sessile_sftp_request_data(request, &data, &size) == 0 &&
        sessile_sftp_request_operation(request) == SESSILE_SFTP_READ)
        expect(size >= 1 && size <= 100);
    if (sessile_sftp_request_handle(request, &data, &size) == 0)
        expect(size >= 1 && size <= 256);
    return 0;
}

static int on_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app)
{
    struct visit *visit = app;
    int which = transfer == visit->transfers[0] ? 0 : 1;

    expect(data && size > 0 && offset == visit->next[which]);
    visit->next[which] += size;
    return visit->options & PAUSES ? SESSILE_SFTP_PAUSE : 0;
}

static int on_source(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app)
{
    (void)transfer, (void)app;
    if (offset >= 200000)
        return 0;
    memset(data, 'p', size < 999 ? size : 999);
    return size < 999 ? (int)size : 999;
}

static void ask(struct visit *visit, uint8_t what)
{
    sessile_sftp_request *request = visit->requests[(what >> 4) % REQUESTS];
    sessile_sftp_transfer *transfer = visit->transfers[what >> 4 & 1];
    int result = -1;

    switch (what & 15) {
    case 0:
        result = sessile_sftp_open(request, "a", 1, SESSILE_SFTP_FLAG_READ, NULL);
        break;
    case 1:
        result = sessile_sftp_read(request, "h", 1, 7, 100);
        break;
    case 2:
        result = sessile_sftp_readdir(request, "h", 1);
        break;
    case 3:
        result = sessile_sftp_stat(request, "a", 1);
        break;
    case 4:
        result = sessile_sftp_realpath(request, "a", 1);
        break;
    case 5:
        result = sessile_sftp_statvfs(request, "a", 1);
        break;
    case 6:
        result = sessile_sftp_users_groups(request, "\0\0\0\1\0\0\0\2", 8, 1);
        break;
    case 7:
        result = sessile_sftp_extended(request, "x@y", "z", 1);
        break;
    case 8:
        result = sessile_sftp_close(request, "h", 1);
        break;
    case 9:
        sessile_sftp_request_free(request);
        visit->requests[(what >> 4) % REQUESTS] = sessile_sftp_request_new(visit->sftp, on_reply, visit);
        break;
    case 10:
        if (sessile_sftp_get(transfer, "h", 1, 0, what & 64 ? 1000 : UINT64_MAX, on_sink) == 0)
            visit->next[what >> 4 & 1] = 0;
        break;
    case 11:
        sessile_sftp_put(transfer, "h", 1, 0, on_source);
        break;
    case 12:
        sessile_sftp_transfer_resume(transfer);
        break;
    case 13:
        sessile_sftp_transfer_stop(transfer);
        break;
    case 14:
        sessile_sftp_writable(visit->sftp);
        break;
    default:
        if (what == 255)
            sessile_sftp_end(visit->sftp);
        break;
    }
    visit->asked += result == 0;
}

static void receive(struct visit *visit, const uint8_t *data, size_t size)
{
    size_t portion = visit->portion ? visit->portion : size, part;
    uint8_t *copy;

    for (size_t at = 0; at < size; at += part) {
        part = size - at < portion ? size - at : portion;
        copy = fuzz_copy(data + at, part);
        sessile_sftp_receive(visit->sftp, copy, part);
        fuzz_spoil(copy, part);
    }
}

/* A version that offers something of everything. */
static void say_version(struct visit *visit)
{
    static const char version[] = "\0\0\0\x6e\2\0\0\0\3"
                                  "\0\0\0\x13statvfs@openssh.com\0\0\0\1"
                                  "2"
                                  "\0\0\0\x1eusers-groups-by-id@openssh.com\0\0\0\1"
                                  "1"
                                  "\0\0\0\x12limits@openssh.com\0\0\0\1"
                                  "1"
                                  "\0\0\0\3x@y\0\0\0\1"
                                  "1";
    uint8_t copy[sizeof version - 1];

    memcpy(copy, version, sizeof copy);
    copy[3] = (uint8_t)(sizeof copy - 4);
    receive(visit, copy, sizeof copy);
}

/* A message of the right length: a byte, or 255 and two, for the size. */
static void say(struct visit *visit, struct input *input, int with_id)
{
    struct bytes message = {0};
    size_t size = input_u8(input), taken;
    uint8_t head[4] = {0};
    const uint8_t *data;

    if (size == 255)
        size = input_u16(input);
    data = input_bytes(input, size, &taken);
    head[2] = (uint8_t)(taken >> 8);
    head[3] = (uint8_t)taken;
    bytes_append(&message, head, sizeof head);
    bytes_append(&message, data, taken);
    if (with_id && taken >= 5) {
        uint32_t id = visit->ids[message.data[8] % 16];

        for (int i = 0; i < 4; i++)
            message.data[5 + i] = (uint8_t)(id >> (24 - 8 * i));
    }
    receive(visit, message.data, message.size);
    bytes_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct visit visit = {.asked = 0};
    size_t blocks;
    uint8_t step;

    fuzz_begin();
    blocks = fuzz_memory_blocks();
    visit.options = input_u8(&input);
    visit.portion = input_u8(&input);
    expect((visit.sftp = sessile_sftp_new(SESSILE_CLIENT, &visit)));
    sessile_sftp_set_closed(visit.sftp, on_closed);
    expect(sessile_sftp_start(visit.sftp, on_send) == 0);
    for (int i = 0; i < REQUESTS; i++)
        visit.requests[i] = sessile_sftp_request_new(visit.sftp, on_reply, &visit);
    for (int i = 0; i < TRANSFERS; i++)
        visit.transfers[i] = sessile_sftp_transfer_new(visit.sftp, NULL, &visit);
    if (!(visit.options & NO_HELLO)) {
        say_version(&visit);
        expect(sessile_sftp_supports(visit.sftp, SESSILE_SFTP_STATVFS));
    }
    while (input.size && !visit.closed) {
        step = input_u8(&input);
        if (step & 1)
            ask(&visit, input_u8(&input));
        else
            say(&visit, &input, step & 2);
    }
    sessile_sftp_receive_end(visit.sftp);
    sessile_sftp_free(visit.sftp);
    for (int i = 0; i < REQUESTS; i++)
        sessile_sftp_request_free(visit.requests[i]);
    for (int i = 0; i < TRANSFERS; i++)
        sessile_sftp_transfer_free(visit.transfers[i]);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
