/* SPDX-License-Identifier: Apache-2.0
 *
 * An agent that answers anything. Input: options, pieces; then requests, each a byte, up to 255; then the agent's
 * bytes, whole frames or not. With a flag, the input is cut into frames here, so that each has a length that is right;
 * with another, the agent is to sign for the user of an SSH session as well.
 */
#include <string.h>

#include <sessile/agent.h>

#include "feed.h"
#include "ssh_setup.h"

#define FRAMED 1u
#define LOGIN 2u
#define LOGIN_KEYS 4u /* the session's config has keys; else its questions are given some */
#define OFFERS_MOST 3

/* One end of a session whose client has the agent sign. */
struct login {
    sessile_session *session;
    struct visit *visit;
    struct bytes wire; /* to this end */
    size_t taken;
    int resumed;
    unsigned offers;
};

struct visit {
    struct feed feed; /* first: feed.c's callbacks get this */
    struct login login[2];
    int asked; /* the last request's number */
    int answered;
};

static void read_reply(sessile_session *session)
{
    size_t count = sessile_agent_key_count(session);
    uint8_t room[512];
    sessile_key *key;

    for (size_t i = 0; i < count && i < 64; i++) {
        int result = sessile_agent_key(session, i, &key);

        expect((result == 0) == (key != NULL));
        sessile_key_free(key);
        expect(sessile_agent_key_blob(session, i, room, sizeof room) >= 0);
        expect(sessile_agent_key_comment(session, i, room, sizeof room) >= 0);
    }
    expect(sessile_agent_key(session, count, &key) < 0 && !key);
    sessile_agent_signature(session, room, sizeof room);
    sessile_agent_result(session);
}

static int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    struct visit *visit = app;

    (void)data, (void)size;
    expect(kind == SESSILE_NOTICE_AGENT_REPLY && session == visit->feed.session && !visit->feed.closed);
    visit->answered++;
    expect(sessile_agent_request(session) == visit->answered && visit->answered <= visit->asked);
    read_reply(session);
    return 0;
}

static int ask(sessile_session *session, uint8_t what)
{
    sessile_key *key = ssh_fuzz_key(what >> 3);
    int certificate = what >> 6 & 1 && sessile_key_has_certificate(key);
    uint8_t text[64] = {0};

    switch (what & 7) {
    case 0:
        return sessile_agent_sign(session, key, certificate, NULL, text, sizeof text);
    case 1:
        return sessile_agent_bind(session, key, text, 32, text, sizeof text, what >> 6 & 1);
    case 2:
        return sessile_agent_remove(session, key, certificate);
    case 3:
        return sessile_agent_remove_all(session);
    default:
        return sessile_agent_list(session);
    }
}

static void ask_all(struct visit *visit, struct input *input)
{
    uint8_t what;
    int result;

    while (input->size && (what = input_u8(input)) != 255) {
        result = ask(visit->feed.session, what);
        expect(result == visit->asked + 1 || result == SESSILE_ERR_LIMIT);
        if (result > 0)
            visit->asked = result;
    }
}

/* ---- a session that the agent signs for ---- */

static int on_login_send(void *handle, void *buffer, size_t size)
{
    struct login *end = handle;

    bytes_append(&end->visit->login[end == end->visit->login].wire, buffer, size);
    return 0;
}

static void on_login_resume(void *handle)
{
    ((struct login *)handle)->resumed = 1;
}

/* A key without its private half: by its certificate, or plain. */
static void offer_key(sessile_question *question, unsigned which, int certificate)
{
    sessile_key *key = NULL;
    uint8_t blob[2048];
    int size = sessile_key_blob(ssh_fuzz_key(which), certificate, blob, sizeof blob);

    expect(size > 0 && sessile_key_from_blob(blob, (size_t)size, &key, NULL, 0) == 0);
    expect(sessile_question_put(question, SESSILE_ITEM_METHOD, "publickey", 9) == 0);
    expect(sessile_ssh_question_use_key(question, key) == 0);
    sessile_key_free(key);
    expect(sessile_question_accept(question) == 0);
}

static int on_login_question(sessile_question *question, void *context)
{
    struct login *end = context;
    int kind = sessile_question_kind(question);

    if (kind == SESSILE_QUESTION_SSH_SIGN) {
        if (sessile_agent_answer(end->visit->feed.session, question) != 0)
            expect(sessile_question_refuse(question, 0) == 0);
    } else if (kind != SESSILE_QUESTION_SSH_AUTHENTICATE) {
        ssh_fuzz_accept(question, 0);
    } else if (end->offers++ < OFFERS_MOST) {
        offer_key(question, end->offers & 1 ? SSH_KEY_USER : SSH_KEY_USER_P256, end->offers == 1);
    } else {
        sessile_question_refuse(question, 0);
    }
    return 0;
}

static int login_take(struct login *end)
{
    size_t left = end->wire.size - end->taken;
    int result, resumed = end->resumed;

    end->resumed = 0;
    result = sessile_session_receive(end->session, end->wire.data + end->taken, left);
    if (result > 0)
        end->taken += (size_t)result;
    return result > 0 || resumed;
}

static void login_go_on(struct visit *visit)
{
    int client, server;

    if (!visit->login[0].session)
        return;
    do {
        client = login_take(&visit->login[0]);
        server = login_take(&visit->login[1]);
    } while (client || server);
}

static void login_begin(struct visit *visit, sessile_ssh_config *client, sessile_ssh_config *server)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    struct login *ends = visit->login;

    expect(callbacks && sessile_callbacks_set_question(callbacks, on_login_question) == 0);
    for (int i = 0; i < 2; i++) {
        ends[i].visit = visit;
        expect((ends[i].session = sessile_session_create(&ends[i], on_login_send, NULL)));
        expect(sessile_session_set_resume(ends[i].session, on_login_resume) == 0);
        expect(sessile_session_set_time(ends[i].session, SSH_FUZZ_TIME) == 0);
    }
    expect(sessile_ssh_connect(ends[0].session, client, SSH_FUZZ_HOST, 22, SSH_FUZZ_USER, callbacks, &ends[0]) == 0);
    expect(sessile_ssh_accept(ends[1].session, server, callbacks, &ends[1]) == 0);
    sessile_callbacks_free(callbacks);
    login_go_on(visit);
}

static void login_end(struct visit *visit)
{
    login_go_on(visit);
    for (int i = 0; i < 2; i++) {
        sessile_session_free(visit->login[i].session);
        bytes_free(&visit->login[i].wire);
    }
}

/* ---- the agent's bytes ---- */

/* Frames: a byte, or 255 and two bytes, for the size; then that much. */
static void say_frames(struct visit *visit, struct input *input, uint8_t pattern)
{
    size_t size, taken;
    const uint8_t *bytes;
    uint8_t head[4] = {0};

    while (input->size && !visit->feed.closed) {
        size = input_u8(input);
        if (size == 255)
            size = input_u16(input);
        bytes = input_bytes(input, size, &taken);
        head[2] = (uint8_t)(taken >> 8);
        head[3] = (uint8_t)taken;
        feed_bytes(&visit->feed, head, sizeof head, pattern);
        feed_bytes(&visit->feed, bytes, taken, pattern);
        login_go_on(visit);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct visit visit = {.asked = 0};
    sessile_ssh_config *client, *server;
    sessile_callbacks *callbacks;
    uint8_t options, pattern;
    size_t blocks;

    ssh_fuzz_begin();
    options = input_u8(&input);
    pattern = input_u8(&input);
    client = ssh_setup(SESSILE_CLIENT, options & LOGIN_KEYS ? SSH_SETUP_KEYS : 0);
    server = ssh_setup(SESSILE_SERVER, 0);
    blocks = fuzz_memory_blocks();
    feed_open(&visit.feed, 0, NULL);
    expect((callbacks = feed_callbacks()) && sessile_callbacks_set_notice(callbacks, on_notice) == 0);
    expect(sessile_agent_connect(visit.feed.session, callbacks, &visit) == 0);
    sessile_callbacks_free(callbacks);
    ask_all(&visit, &input);
    if (options & LOGIN)
        login_begin(&visit, client, server);
    if (options & FRAMED)
        say_frames(&visit, &input, pattern);
    else
        feed_bytes(&visit.feed, input.data, input.size, pattern);
    feed_close(&visit.feed);
    visit.feed.session = NULL;
    login_end(&visit);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
