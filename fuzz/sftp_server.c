/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP server whose client is the input. Input: options, portions; then steps: a message of the client's, whose
 * handle can be made the last that was given; a kept job's answer; or bytes as they are.
 */
#include <string.h>

#include <sessile/sftp_server.h>

#include "support.h"

#define KEPT 8

struct visit {
    sessile_sftp *sftp;
    sessile_sftp_job *kept[KEPT];
    uint8_t portion;
    uint8_t options;
    uint8_t handle[12];
    unsigned opened;
    unsigned released;
    unsigned jobs;
    int closed;
};

#define KEEPS 1u
#define SHORT_SENDS 2u
#define READ_ONLY 4u

static int on_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    struct visit *visit = app;
    const uint8_t *at = data;

    (void)sftp;
    expect(size > 0);
    for (size_t i = 0; i + 25 <= size; i++)
        if (at[i + 4] == 102 && memcmp(at + i, "\0\0\0\x15", 4) == 0)
            memcpy(visit->handle, at + i + 13, 12);
    return visit->options & SHORT_SENDS && size > 99 ? 99 : (int)size;
}

static void on_closed(sessile_sftp *sftp, int error, void *app)
{
    (void)sftp, (void)error;
    expect(!((struct visit *)app)->closed++);
}

static void on_release(sessile_sftp *sftp, uint64_t file, void *app)
{
    struct visit *visit = app;

    (void)sftp;
    expect(file == 77 && ++visit->released <= visit->opened);
}

static void look(sessile_sftp_job *job)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    const void *data;
    size_t size;
    int op = sessile_sftp_job_operation(job);

    for (size_t i = 0; i < 3; i++)
        if (sessile_sftp_job_path(job, i, &data, &size) == 0) {
            expect(size <= 4096 || op == SESSILE_SFTP_EXTENDED);
            expect(op == SESSILE_SFTP_EXTENDED || !memchr(data, 0, size));
        }
    if (sessile_sftp_job_data(job, &data, &size) == 0)
        fuzz_spoil(fuzz_copy(data, size), size);
    for (int group = 0; group < 2; group++)
        for (size_t i = 0; i <= sessile_sftp_job_id_count(job, group); i++)
            sessile_sftp_job_id(job, group, i);
    if (op == SESSILE_SFTP_READ)
        expect(sessile_sftp_job_file(job, 0) == 77 && sessile_sftp_job_length(job) >= 1 &&
               sessile_sftp_job_length(job) <= 261120);
    if (attrs)
        sessile_sftp_job_attrs(job, attrs);
    sessile_sftp_attrs_free(attrs);
}

static void answer(struct visit *visit, sessile_sftp_job *job, uint8_t how)
{
    sessile_sftp_attrs *attrs = sessile_sftp_attrs_new();
    size_t size = (size_t)(sessile_sftp_job_length(job) & 0xfff);
    uint8_t *room;

    switch (how & 7) {
    case 0:
        if (sessile_sftp_answer_handle(job, 77) == 0)
            visit->opened++;
        break;
    case 1:
        sessile_sftp_answer_status(job, how >> 3, how & 128 ? "words" : NULL);
        break;
    case 2:
        sessile_sftp_answer_data(job, "abc", how >> 6);
        break;
    case 3:
        if ((room = sessile_sftp_answer_room(job, size)))
            memset(room, 1, size);
        sessile_sftp_answer_filled(job, how & 8 ? size : size / 2);
        break;
    case 4:
        for (int i = 0; i < how >> 3; i++)
            sessile_sftp_answer_add_name(job, "name", 4, NULL, 0, how & 64 ? attrs : NULL);
        sessile_sftp_answer_names(job);
        break;
    case 5:
        sessile_sftp_answer_attrs(job, attrs);
        break;
    case 6:
        sessile_sftp_answer_set_vfs(job, how >> 3, 9);
        sessile_sftp_answer_vfs(job);
        break;
    default: /* room that is never filled */
        sessile_sftp_answer_room(job, size);
        break;
    }
    sessile_sftp_attrs_free(attrs);
}

static int on_job(sessile_sftp_job *job, void *app)
{
    struct visit *visit = app;
    unsigned place = visit->jobs % KEPT;

    expect(!visit->closed);
    look(job);
    visit->jobs++;
    if (visit->options & KEEPS && !visit->kept[place])
        visit->kept[place] = sessile_sftp_job_keep(job);
    else
        answer(visit, job, (uint8_t)(visit->jobs * 37 + visit->options));
    switch (sessile_sftp_job_operation(job)) {
    case SESSILE_SFTP_OPEN:
    case SESSILE_SFTP_OPENDIR:
        if (!(visit->options & KEEPS))
            answer(visit, job, 0);
        break;
    default:
        break;
    }
    return 0;
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

static void say(struct visit *visit, struct input *input, int with_handle)
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
    if (with_handle && taken >= 21)
        memcpy(message.data + 13, visit->handle, 12);
    receive(visit, message.data, message.size);
    bytes_free(&message);
}

static void step(struct visit *visit, struct input *input, uint8_t what)
{
    sessile_sftp_job **job = &visit->kept[what >> 3 & 7];
    const uint8_t *data;
    size_t taken;

    switch (what & 3) {
    case 0:
        say(visit, input, 0);
        break;
    case 1:
        say(visit, input, 1);
        break;
    case 2:
        if (!*job)
            break;
        look(*job);
        answer(visit, *job, input_u8(input));
        sessile_sftp_job_free(*job);
        *job = NULL;
        break;
    default:
        data = input_bytes(input, what >> 2, &taken);
        receive(visit, data, taken);
        sessile_sftp_writable(visit->sftp);
        if (what == 255)
            sessile_sftp_end(visit->sftp);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct visit visit = {.jobs = 0};
    size_t blocks;

    fuzz_begin();
    blocks = fuzz_memory_blocks();
    visit.options = input_u8(&input);
    visit.portion = input_u8(&input);
    expect((visit.sftp = sessile_sftp_new(SESSILE_SERVER, &visit)));
    sessile_sftp_set_closed(visit.sftp, on_closed);
    sessile_sftp_set_job(visit.sftp, on_job);
    sessile_sftp_set_release(visit.sftp, on_release);
    sessile_sftp_set_read_only(visit.sftp, visit.options & READ_ONLY);
    sessile_sftp_set_limits(visit.sftp, 4, 6);
    for (int i = SESSILE_SFTP_POSIX_RENAME; i <= SESSILE_SFTP_USERS_GROUPS; i++)
        sessile_sftp_serve(visit.sftp, i);
    sessile_sftp_serve_extended(visit.sftp, "x@y", "1");
    expect(sessile_sftp_start(visit.sftp, on_send) == 0);
    receive(&visit, (const uint8_t *)"\0\0\0\5\1\0\0\0\3", 9);
    while (input.size && !visit.closed)
        step(&visit, &input, input_u8(&input));
    sessile_sftp_receive_end(visit.sftp);
    sessile_sftp_free(visit.sftp);
    expect(visit.released == visit.opened);
    for (int i = 0; i < KEPT; i++)
        sessile_sftp_job_free(visit.kept[i]);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
