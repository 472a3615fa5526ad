/* SPDX-License-Identifier: Apache-2.0
 *
 * Seeds for ssh_client and ssh_server: what each end of a whole SSH session sends. Each end has random numbers of its
 * own, which begin where a target's do: so the target makes the same keys, and the recorded bytes lead it all the way.
 * And seeds for ssh_text, about the keys that the target asks about.
 * Usage: ssh_flights FOLDER. Writes pair... into its folders ssh_client and ssh_server, own... into ssh_text.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ssh_setup.h"

struct end {
    sessile_session *session;
    struct end *other;
    struct bytes wire; /* to this end */
    size_t taken;
    uint64_t random;
    int role;
    int ready;
};

static int on_send(void *handle, void *buffer, size_t size)
{
    struct end *end = handle;

    bytes_append(&end->other->wire, buffer, size);
    return 0;
}

static int on_question(sessile_question *question, void *app)
{
    (void)app;
    ssh_fuzz_accept(question, 0);
    return 0;
}

static int on_ready(sessile_session *session, void *app)
{
    struct end *end = app;

    (void)session;
    end->ready = 1;
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    (void)stream, (void)data, (void)size, (void)app;
    return 0;
}

static sessile_callbacks *callbacks(void)
{
    sessile_callbacks *made = sessile_callbacks_new();

    expect(made);
    sessile_callbacks_set_question(made, on_question);
    sessile_callbacks_set_ready(made, on_ready);
    sessile_callbacks_set_data(made, on_data);
    return made;
}

static int take(struct end *end)
{
    int taken;

    if (end->taken == end->wire.size)
        return 0;
    fuzz_random(end->random);
    taken = sessile_session_receive(end->session, end->wire.data + end->taken, end->wire.size - end->taken);
    end->random = fuzz_random(0);
    end->taken += taken > 0 ? (size_t)taken : 0;
    return taken > 0;
}

static void run(struct end ends[2])
{
    int moved;

    do {
        moved = take(&ends[0]);
        moved |= take(&ends[1]);
    } while (moved);
}

static void begin(struct end ends[2], unsigned client, unsigned server)
{
    sessile_callbacks *made = callbacks();

    ssh_fuzz_begin();
    for (int i = 0; i < 2; i++) {
        ends[i] = (struct end){.other = &ends[!i], .role = i};
        ssh_setup(i, i == SESSILE_CLIENT ? client : server);
        expect((ends[i].session = sessile_session_create(&ends[i], on_send, NULL)));
    }
    fuzz_random(FUZZ_RANDOM);
    expect(sessile_ssh_connect(ends[0].session, ssh_setup(SESSILE_CLIENT, client), SSH_FUZZ_HOST, 22, SSH_FUZZ_USER,
                               made, &ends[0]) == 0);
    ends[0].random = fuzz_random(FUZZ_RANDOM);
    expect(sessile_ssh_accept(ends[1].session, ssh_setup(SESSILE_SERVER, server), made, &ends[1]) == 0);
    ends[1].random = fuzz_random(0);
    sessile_callbacks_free(made);
}

/* A command, some data, new keys, the end. */
static void use(struct end ends[2])
{
    sessile_stream *stream;

    if (!ends[0].ready)
        return;
    fuzz_random(ends[0].random);
    stream = sessile_ssh_open_session(ends[0].session, NULL, NULL);
    ends[0].random = fuzz_random(0);
    run(ends);
    expect(stream && sessile_ssh_request_exec(stream, "cat", 3) == 0);
    run(ends);
    expect(sessile_stream_write(stream, "hello", 5) == 5);
    run(ends);
    fuzz_random(ends[0].random);
    expect(sessile_ssh_rekey(ends[0].session) == 0);
    ends[0].random = fuzz_random(0);
    run(ends);
    sessile_session_end(ends[0].session);
    run(ends);
}

static void write_seed(const char *folder, const char *target, unsigned number, unsigned config,
                       const struct bytes *wire)
{
    const uint8_t head[] = {(uint8_t)config, 0, 0};
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s/pair%02x", folder, target, number);
    expect((file = fopen(path, "wb")));
    expect(fwrite(head, sizeof head, 1, file) == 1 && fwrite(wire->data, wire->size, 1, file) == 1);
    expect(fclose(file) == 0);
}

/* Texts about the keys that a target asks about. */
static void write_text(const char *folder, const char *name, unsigned which, const char *text)
{
    const uint8_t head[] = {(uint8_t)which, 0};
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/ssh_text/%s", folder, name);
    expect((file = fopen(path, "wb")));
    expect(fwrite(head, sizeof head, 1, file) == 1 && fputs(text, file) >= 0);
    expect(fclose(file) == 0);
}

static void write_texts(const char *folder)
{
    char known[1024], line[1024], text[4096];
    int size = sessile_known_hosts_line(SSH_FUZZ_HOST, 22, ssh_fuzz_key(SSH_KEY_HOST), 1, known, sizeof known - 1);

    expect(size > 0 && size < (int)sizeof known);
    known[size] = 0;
    write_text(folder, "own_known", 0, known);
    size = sessile_key_write_public(ssh_fuzz_key(SSH_KEY_USER_P256), SESSILE_KEY_LINE, line, sizeof line - 1);
    expect(size > 0 && size < (int)sizeof line);
    line[size] = 0;
    write_text(folder, "own_authorized", 1, line);
    write_text(folder, "own_revoked", 3, line);
    snprintf(text, sizeof text, "from=\"192.0.2.*\",command=\"ls\",no-pty %s", line);
    write_text(folder, "own_limited", 1, text);
    size = sessile_key_write_public(ssh_fuzz_key(SSH_KEY_AUTHORITY), SESSILE_KEY_LINE, line, sizeof line - 1);
    expect(size > 0 && size < (int)sizeof line);
    line[size] = 0;
    snprintf(text, sizeof text, "cert-authority,principals=\"alice,bob\",permitopen=\"b.test:80\" %s", line);
    write_text(folder, "own_authority", 1, text);
    snprintf(text, sizeof text, "@cert-authority *.test %s@revoked * %s", line, line);
    write_text(folder, "own_marked", 0, text);
}

int main(int argc, char **argv)
{
    static const uint8_t configs[][2] = {{0x00, 0x00}, {0x01, 0x01}, {0x02, 0x02}, {0x03, 0x03}, {0x04, 0x04},
                                         {0x0e, 0x0e}, {0x10, 0x10}, {0x18, 0x40}, {0x20, 0x20}, {0x80, 0x80},
                                         {0x48, 0x08}, {0x91, 0xd1}, {0x82, 0x82}, {0x83, 0x83}};
    struct end ends[2];

    expect(argc == 2);
    for (unsigned i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        begin(ends, configs[i][0], configs[i][1]);
        run(ends);
        use(ends);
        printf("%02x %02x: %zu and %zu bytes%s\n", configs[i][0], configs[i][1], ends[0].wire.size, ends[1].wire.size,
               ends[0].ready ? "" : ", not ready");
        write_seed(argv[1], "ssh_client", i, configs[i][0], &ends[0].wire);
        write_seed(argv[1], "ssh_server", i, configs[i][1], &ends[1].wire);
        for (int e = 0; e < 2; e++) {
            sessile_session_free(ends[e].session);
            bytes_free(&ends[e].wire);
        }
    }
    write_texts(argv[1]);
    return 0;
}
