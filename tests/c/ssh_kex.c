/* SPDX-License-Identifier: Apache-2.0
 *
 * The test's hands on the wire: what a session sends is cut into packets while it is in the clear, shown to the test,
 * and framed anew. */
#include "ssh_kex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh/ssh.h"

#define BLOCK 8

static void append(uint8_t **data, size_t *size, size_t *capacity, const void *more, size_t more_size)
{
    if (*size + more_size > *capacity) {
        *capacity = (*size + more_size) * 2;
        *data = realloc(*data, *capacity);
        if (!*data)
            abort();
    }
    if (more_size)
        memcpy(*data + *size, more, more_size);
    *size += more_size;
}

static void arrive(struct kex_end *end, const void *data, size_t size)
{
    append(&end->in, &end->in_size, &end->in_capacity, data, size);
}

void kex_note(struct kex_end *end, const char *format, ...)
{
    size_t used = strlen(end->log);
    va_list arguments;

    if (used && used + 1 < KEX_LOG)
        end->log[used++] = ' ';
    va_start(arguments, format);
    vsnprintf(end->log + used, KEX_LOG - used, format, arguments);
    va_end(arguments);
}

/* ---- packets in the clear ---- */

static void frame(struct kex_end *to, const uint8_t *payload, size_t size)
{
    static const uint8_t zeros[2 * BLOCK];
    static uint8_t room[KEX_PAYLOAD + 64]; /* allocations may be made to fail */
    size_t padding = BLOCK - (5 + size) % BLOCK;
    struct writer w = writer_in(room, sizeof room);

    if (padding < 4)
        padding += BLOCK;
    put_u32(&w, (uint32_t)(1 + size + padding));
    put_u8(&w, (uint8_t)padding);
    put_bytes(&w, payload, size);
    put_bytes(&w, zeros, padding);
    arrive(to, w.data, w.size);
    writer_free(&w);
}

static void remember(struct kex_end *end, const uint8_t *payload, size_t size)
{
    struct kex_seen *seen = &end->seen[end->seen_count];

    if (end->seen_count == KEX_SEEN)
        return;
    end->seen_count++;
    seen->data = malloc(size);
    seen->size = size;
    memcpy(seen->data, payload, size);
}

static void pass_payload(struct kex_end *end, const uint8_t *payload, size_t size)
{
    static uint8_t room[KEX_PAYLOAD];
    uint8_t number = payload[0];

    remember(end, payload, size);
    memcpy(room, payload, size);
    if (end->packet)
        end->packet(end, room, &size);
    if (size)
        frame(end->peer, room, size);
    end->keyed = number == MSG_NEWKEYS;
}

/* Returns how much was taken off the front. */
static size_t pass_some(struct kex_end *end)
{
    const uint8_t *line_end;
    struct reader r = reader_of(end->out, end->out_size);
    uint32_t size;
    uint8_t padding;

    if (end->keyed) {
        arrive(end->peer, end->out, end->out_size);
        return end->out_size;
    }
    if (!end->ident_out) {
        if (!(line_end = memchr(end->out, '\n', end->out_size)))
            return 0;
        size = (uint32_t)(line_end - end->out) + 1;
        snprintf(end->ident, sizeof end->ident, "%.*s", (int)size - 2, (const char *)end->out);
        end->ident_out = 1;
        arrive(end->peer, end->out, size);
        return size;
    }
    size = get_u32(&r);
    padding = get_u8(&r);
    if (r.failed || end->out_size < 4 + size)
        return 0;
    pass_payload(end, r.data, size - 1 - padding);
    return 4 + size;
}

static int on_send(void *handle, void *buffer, size_t size)
{
    struct kex_end *end = handle;
    size_t taken;

    append(&end->out, &end->out_size, &end->out_capacity, buffer, size);
    end->sent_total += size;
    while (end->out_size && (taken = pass_some(end))) {
        memmove(end->out, end->out + taken, end->out_size - taken);
        end->out_size -= taken;
    }
    return 0;
}

static void on_close(void *handle)
{
    struct kex_end *end = handle;

    end->gone = 1;
}

static void on_resume(void *handle)
{
    (void)handle; /* kex_run() offers again anyway */
}

/* ---- the application ---- */

static int on_ready(sessile_session *session, void *app)
{
    (void)session;
    kex_note(app, "ready");
    return 0;
}

int kex_keep(struct kex_end *end, sessile_question *question)
{
    if (end->kept_count < KEX_KEPT)
        end->kept[end->kept_count++] = sessile_question_keep(question);
    return 0;
}

int kex_accept(struct kex_end *end, sessile_question *question)
{
    (void)end;
    sessile_question_accept(question);
    return 0;
}

int kex_answer_all(struct kex_end *end, sessile_question *question)
{
    if (sessile_question_kind(question) == SESSILE_QUESTION_SSH_AUTHENTICATE)
        sessile_question_put(question, SESSILE_ITEM_PASSWORD, "secret", 6);
    return kex_accept(end, question);
}

static const char *kind_name(int kind)
{
    switch (kind) {
    case SESSILE_QUESTION_SSH_HOST_KEY:
        return "HOST_KEY";
    case SESSILE_QUESTION_SSH_SIGN:
        return "SIGN";
    case SESSILE_QUESTION_SSH_AUTHENTICATE:
        return "AUTHENTICATE";
    case SESSILE_QUESTION_SSH_USER:
        return "USER";
    default:
        return "other";
    }
}

static int on_question(sessile_question *question, void *app)
{
    struct kex_end *end = app;
    int kind = sessile_question_kind(question);

    kex_note(end, "%s", kind_name(kind));
    if (end->question)
        return end->question(end, question);
    if (kind == SESSILE_QUESTION_SSH_AUTHENTICATE || kind == SESSILE_QUESTION_SSH_USER)
        return kex_keep(end, question);
    return 0;
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct kex_end *end = app;

    (void)session;
    if (kind == SESSILE_NOTICE_SSH_KEYLOG) {
        free(end->keylog);
        end->keylog = strndup(data, size);
        kex_note(end, "keylog");
    } else if (kind == SESSILE_NOTICE_SSH_REKEYED) {
        kex_note(end, "rekeyed");
    } else if (kind == SESSILE_NOTICE_SSH_DISCONNECT) {
        kex_note(end, "disconnect(%.*s)", (int)size, (const char *)data);
    }
    return 0;
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct kex_end *end = app;

    (void)session;
    end->closed++;
    end->error = error;
}

static sessile_callbacks *make_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    if (callbacks) {
        sessile_callbacks_set_ready(callbacks, on_ready);
        sessile_callbacks_set_question(callbacks, on_question);
        sessile_callbacks_set_notice(callbacks, on_notice);
        sessile_callbacks_set_closed(callbacks, on_closed);
    }
    return callbacks;
}

/* ---- a pair ---- */

static void open_end(struct kex_pair *pair, int role, sessile_ssh_config *config)
{
    struct kex_end *end = role == SESSILE_CLIENT ? &pair->client : &pair->server;

    end->pair = pair;
    end->role = role;
    end->peer = role == SESSILE_CLIENT ? &pair->server : &pair->client;
    end->config = config;
}

void kex_open(struct kex_pair *pair, sessile_ssh_config *client, sessile_ssh_config *server)
{
    open_end(pair, SESSILE_CLIENT, client);
    open_end(pair, SESSILE_SERVER, server);
}

static int start_end(struct kex_end *end)
{
    struct kex_pair *pair = end->pair;
    sessile_callbacks *callbacks = make_callbacks();
    int result = SESSILE_ERR_MEMORY;

    end->session = sessile_session_create(end, on_send, on_close);
    if (end->session && callbacks) {
        sessile_session_set_resume(end->session, on_resume);
        if (end->role == SESSILE_SERVER)
            result = sessile_ssh_accept(end->session, end->config, callbacks, end);
        else
            result = sessile_ssh_connect(end->session, end->config, pair->host ? pair->host : "host.example",
                                         pair->port, "user", callbacks, end);
    }
    sessile_callbacks_free(callbacks);
    return result;
}

int kex_start(struct kex_pair *pair)
{
    int result = start_end(&pair->server);

    return result < 0 ? result : start_end(&pair->client);
}

static int offer(struct kex_end *end)
{
    size_t step = end->pair->step;
    size_t left = end->in_size - end->shown, more = step && step < left ? step : left;
    int taken;

    end->shown += more;
    if (!end->session || end->closed || !end->shown)
        return 0;
    taken = sessile_session_receive(end->session, end->in, end->shown);
    if (taken <= 0)
        return more > 0;
    memmove(end->in, end->in + taken, end->in_size - (size_t)taken);
    end->in_size -= (size_t)taken;
    end->shown -= (size_t)taken;
    return 1;
}

/* A wire that one end has closed, and that has nothing left in it, is closed for the other. */
static int shut(struct kex_end *end)
{
    if (!end->session || end->closed || !end->peer->gone || end->shown < end->in_size)
        return 0;
    end->peer->gone = 0;
    sessile_session_close(end->session);
    return 1;
}

void kex_run(struct kex_pair *pair)
{
    int moved;

    do {
        moved = offer(&pair->client);
        moved |= offer(&pair->server);
        moved |= shut(&pair->client);
        moved |= shut(&pair->server);
    } while (moved);
}

static void free_end(struct kex_end *end)
{
    for (size_t i = 0; i < end->kept_count; i++)
        sessile_question_free(end->kept[i]);
    sessile_session_free(end->session);
    free(end->in);
    free(end->out);
    free(end->keylog);
    for (size_t i = 0; i < end->seen_count; i++)
        free(end->seen[i].data);
}

void kex_free_pair(struct kex_pair *pair)
{
    free_end(&pair->client);
    free_end(&pair->server);
    memset(pair, 0, sizeof *pair);
}

int kex_phase(const struct kex_end *end)
{
    return ssh_of(end->session)->phase;
}

int kex_agreed(struct kex_pair *pair)
{
    uint8_t a[64], b[64];
    int size = sessile_ssh_session_id(pair->client.session, a, sizeof a);

    if (pair->client.closed || pair->server.closed || kex_phase(&pair->client) < SSH_SERVICE ||
        kex_phase(&pair->server) < SSH_SERVICE)
        return 0;
    return size > 0 && size == sessile_ssh_session_id(pair->server.session, b, sizeof b) &&
           memcmp(a, b, (size_t)size) == 0;
}

struct reader kex_seen(const struct kex_end *end, int number)
{
    struct reader none = {.failed = 1};

    for (size_t i = 0; i < end->seen_count; i++)
        if (end->seen[i].data[0] == number)
            return reader_of(end->seen[i].data, end->seen[i].size);
    return none;
}

void kex_assert_failed(const struct kex_end *end, int error, const char *text)
{
    const char *found = sessile_session_error_text(end->session);

    if (sessile_session_error(end->session) != error || !strstr(found, text))
        print_error("%s: \"%s\", wanted %s: \"%s\"\n", sessile_error_name(sessile_session_error(end->session)), found,
                    sessile_error_name(error), text);
    assert_int_equal(sessile_session_error(end->session), error);
    assert_non_null(strstr(found, text));
}

/* ---- a peer made by hand ---- */

void kex_open_one(struct kex_pair *pair, int role, sessile_ssh_config *config)
{
    struct kex_end *end = role == SESSILE_CLIENT ? &pair->client : &pair->server;

    open_end(pair, role, config);
    open_end(pair, role == SESSILE_CLIENT ? SESSILE_SERVER : SESSILE_CLIENT, NULL);
    assert_int_equal(start_end(end), SESSILE_OK);
}

struct kex_end *kex_lone(struct kex_pair *pair)
{
    return pair->client.session ? &pair->client : &pair->server;
}

void kex_say_ident(struct kex_pair *pair)
{
    static const char line[] = "SSH-2.0-raw\r\n";

    arrive(kex_lone(pair), line, strlen(line));
}

void kex_say(struct kex_pair *pair, const void *payload, size_t size)
{
    frame(kex_lone(pair), payload, size);
}

void kex_say_writer(struct kex_pair *pair, struct writer *w)
{
    assert_false(w->failed);
    kex_say(pair, w->data, w->size);
    writer_free(w);
}

static void put_list(struct writer *w, const char *list, const char *otherwise)
{
    put_text32(w, list ? list : otherwise);
}

void kex_put_init(struct writer *w, const struct kex_lists *lists)
{
    static const uint8_t cookie[16] = "0123456789abcde";

    put_u8(w, MSG_KEXINIT);
    put_bytes(w, cookie, sizeof cookie);
    put_list(w, lists->methods, "curve25519-sha256");
    put_list(w, lists->host_keys, "ssh-ed25519");
    for (int i = 0; i < 2; i++)
        put_list(w, lists->ciphers, "aes128-gcm@openssh.com");
    for (int i = 0; i < 2; i++)
        put_list(w, lists->macs, "hmac-sha2-256");
    for (int i = 0; i < 2; i++)
        put_list(w, lists->compression, "none");
    put_text32(w, "");
    put_text32(w, "");
    put_u8(w, (uint8_t)lists->guess);
    put_u32(w, 0);
}

void kex_say_hello(struct kex_pair *pair, const struct kex_lists *lists)
{
    struct writer w = {0};

    kex_say_ident(pair);
    kex_put_init(&w, lists);
    kex_say_writer(pair, &w);
    kex_run(pair);
}
