/* SPDX-License-Identifier: Apache-2.0
 *
 * An agent that answers anything. Input: pieces; then requests, each a byte, up to 255; then the agent's bytes, whole
 * frames or not. With a flag, the input is cut into frames here, so that each has a length that is right.
 */
#include <string.h>

#include <sessile/agent.h>

#include "feed.h"
#include "ssh_setup.h"

#define FRAMED 1u

struct visit {
    struct feed feed; /* first: feed.c's callbacks get this */
    int asked;        /* the last request's number */
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
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct visit visit = {.asked = 0};
    sessile_callbacks *callbacks;
    uint8_t options, pattern;
    size_t blocks;

    ssh_fuzz_begin();
    blocks = fuzz_memory_blocks();
    options = input_u8(&input);
    pattern = input_u8(&input);
    feed_open(&visit.feed, 0, NULL);
    expect((callbacks = feed_callbacks()) && sessile_callbacks_set_notice(callbacks, on_notice) == 0);
    expect(sessile_agent_connect(visit.feed.session, callbacks, &visit) == 0);
    sessile_callbacks_free(callbacks);
    ask_all(&visit, &input);
    if (options & FRAMED)
        say_frames(&visit, &input, pattern);
    else
        feed_bytes(&visit.feed, input.data, input.size, pattern);
    feed_close(&visit.feed);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
