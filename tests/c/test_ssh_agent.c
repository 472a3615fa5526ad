/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's client: requests and their answers, an agent that misbehaves, and questions of another session's that it
 * answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/reader.h"
#include "codec/writer.h"
#include "failing.h"
#include "harness.h"
#include "session/engine.h"
#include "session/guard.h"
#include "ssh_trust.h"

#define REPLY "notice(16,%d)"

/* ---- an agent, and what it says ---- */

/* What a reply said, in words: the request's number, its result, and what came with it. */
static int note_reply(struct recorder *r, const char *callback)
{
    sessile_session *s = r->session;
    char comment[64];
    sessile_key *key;

    if (strcmp(callback, "notice") != 0)
        return 0;
    journal_add(r->journal, "#%d=%d", sessile_agent_request(s), sessile_agent_result(s));
    for (size_t i = 0; i < sessile_agent_key_count(s); i++) {
        if (sessile_agent_key(s, i, &key) == 0)
            journal_add(r->journal, "%s", sessile_key_type(key));
        else
            journal_add(r->journal, "unknown");
        sessile_key_free(key);
        memset(comment, 0, sizeof comment);
        assert_true(sessile_agent_key_comment(s, i, comment, sizeof comment - 1) >= 0);
        journal_add(r->journal, "%s", comment);
    }
    return 0;
}

static void open_agent(struct side *side)
{
    memset(side, 0, sizeof *side);
    side_open(side, 0);
    side->recorder.hook = note_reply;
    assert_int_equal(sessile_agent_connect(side->wire.session, side->callbacks, &side->recorder), 0);
}

static void close_agent(struct side *side)
{
    const char *fault = side_done(side);

    if (fault)
        fail_msg("%s", fault);
}

static void arrive(struct side *side, struct writer *w)
{
    struct writer frame = {0};

    put_sized32(&frame, w->data, w->size);
    wire_arrive(&side->wire, frame.data, frame.size);
    writer_free(&frame);
    writer_free(w);
    *w = (struct writer){0};
}

static void reply_byte(struct side *side, int type)
{
    struct writer w = {0};

    put_u8(&w, (uint8_t)type);
    arrive(side, &w);
}

static void put_key(struct writer *w, sessile_key *key, int certificate)
{
    uint8_t blob[2048];
    int size = sessile_key_blob(key, certificate, blob, sizeof blob);

    assert_true(size > 0);
    put_sized32(w, blob, (size_t)size);
}

static void put_signature(struct writer *w, const char *name)
{
    size_t blob;

    put_u8(w, 14);
    blob = put_begin32(w);
    put_text32(w, name);
    put_text32(w, "sixty-four bytes or so");
    put_end32(w, blob);
}

/* The bytes sent are one message, which is this; then they are forgotten. */
static void sent_is(struct side *side, struct writer *w)
{
    struct reader r = reader_of(side->wire.sent, side->wire.sent_size);
    struct reader message = get_sub32(&r);

    assert_true(reader_done(&r));
    assert_int_equal(message.left, w->size);
    assert_memory_equal(message.data, w->data, w->size);
    side->wire.sent_size = 0;
    writer_free(w);
    *w = (struct writer){0};
}

static void sent_byte(struct side *side, int type)
{
    struct writer w = {0};

    put_u8(&w, (uint8_t)type);
    sent_is(side, &w);
}

static void ends_with(struct side *side, int error, const char *text)
{
    assert_int_equal(side->recorder.closed, 1);
    assert_int_equal(side->recorder.error, error);
    if (!strstr(sessile_session_error_text(side->wire.session), text))
        fail_msg("'%s' is not in: %s", text, sessile_session_error_text(side->wire.session));
    close_agent(side);
}

/* ---- requests ---- */

static void connect_sends_nothing_and_is_ready(void **state)
{
    struct side side;

    (void)state;
    open_agent(&side);
    assert_string_equal(journal_text(&side.journal), "ready");
    assert_int_equal(side.wire.sends, 0);
    assert_null(sessile_session_stream(side.wire.session));
    assert_int_equal(sessile_session_want(side.wire.session), 4);
    assert_int_equal(sessile_session_want_max(side.wire.session), 262148);
    assert_int_equal(sessile_agent_connect(side.wire.session, NULL, NULL), SESSILE_ERR_MISUSE);
    close_agent(&side);
}

static void keys_are_listed(void **state)
{
    sessile_key *certificate = trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){0});
    struct writer w = {0};
    struct side side;

    (void)state;
    open_agent(&side);
    assert_int_equal(sessile_agent_list(side.wire.session), 1);
    sent_byte(&side, 11);
    put_u8(&w, 12);
    put_u32(&w, 4);
    put_key(&w, trust_key("ed25519 a"), 0);
    put_text32(&w, "one");
    put_key(&w, trust_key("ecdsa b"), 0);
    put_text32(&w, "two");
    put_text32(&w, "no key at all");
    put_text32(&w, "three");
    put_key(&w, certificate, 1);
    put_text32(&w, "four");
    arrive(&side, &w);
    assert_string_equal(
        journal_text(&side.journal),
        "ready notice(16,0) #1=0 ssh-ed25519 one ecdsa-sha2-nistp256 two unknown three ssh-ed25519 four");
    sessile_key_free(certificate);
    close_agent(&side);
}

static int note_key(struct recorder *r, const char *callback)
{
    uint8_t blob[1024], room[1024];
    sessile_key *key;
    int size;

    if (strcmp(callback, "notice") != 0)
        return 0;
    assert_int_equal(sessile_agent_key_count(r->session), 1);
    size = sessile_key_blob(trust_key("ed25519 a"), 0, blob, sizeof blob);
    assert_int_equal(sessile_agent_key_blob(r->session, 0, room, sizeof room), size);
    assert_memory_equal(room, blob, (size_t)size);
    assert_int_equal(sessile_agent_key_blob(r->session, 0, NULL, 0), size);
    assert_int_equal(sessile_agent_key_blob(r->session, 1, room, sizeof room), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_key_comment(r->session, 0, room, 2), 3);
    assert_int_equal(sessile_agent_key_comment(r->session, 0, NULL, 3), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_key(r->session, 0, &key), 0);
    assert_int_equal(sessile_key_equal(key, trust_key("ed25519 a")), 1);
    sessile_key_free(key);
    assert_int_equal(sessile_agent_key(r->session, 1, &key), SESSILE_ERR_ARGUMENT);
    assert_null(key);
    assert_int_equal(sessile_agent_signature(r->session, NULL, 0), 0);
    journal_add(r->journal, "looked");
    return 0;
}

static void the_reply_is_there_while_it_is_told(void **state)
{
    struct writer w = {0};
    struct side side;
    sessile_key *key;

    (void)state;
    open_agent(&side);
    side.recorder.hook = note_key;
    assert_int_equal(sessile_agent_list(side.wire.session), 1);
    put_u8(&w, 12);
    put_u32(&w, 1);
    put_key(&w, trust_key("ed25519 a"), 0);
    put_text32(&w, "one");
    arrive(&side, &w);
    assert_string_equal(journal_text(&side.journal), "ready notice(16,0) looked");
    assert_int_equal(sessile_agent_request(side.wire.session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_agent_result(side.wire.session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_agent_key_count(side.wire.session), 0);
    assert_int_equal(sessile_agent_key(side.wire.session, 0, &key), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_agent_signature(side.wire.session, NULL, 0), SESSILE_ERR_MISUSE);
    close_agent(&side);
}

static void signatures_are_asked_for_with_flags(void **state)
{
    static const struct {
        const char *key;
        const char *algorithm;
        uint32_t flags;
        const char *made_with;
    } signs[] = {
        {"ed25519 a", NULL, 0, "ssh-ed25519"},        {"ed25519 a", "ssh-ed25519", 0, "ssh-ed25519"},
        {"ecdsa a", NULL, 0, "ecdsa-sha2-nistp256"},  {"rsa a", NULL, 4, "rsa-sha2-512"},
        {"rsa a", "rsa-sha2-512", 4, "rsa-sha2-512"}, {"rsa a", "rsa-sha2-256", 2, "rsa-sha2-256"},
        {"rsa a", "ssh-rsa", 0, "ssh-rsa"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        struct writer w = {0};
        struct side side;
        char expected[128];
        int size;

        open_agent(&side);
        assert_int_equal(
            sessile_agent_sign(side.wire.session, trust_key(signs[i].key), 0, signs[i].algorithm, "data", 4), 1);
        put_u8(&w, 13);
        put_key(&w, trust_key(signs[i].key), 0);
        put_text32(&w, "data");
        put_u32(&w, signs[i].flags);
        sent_is(&side, &w);
        put_signature(&w, signs[i].made_with);
        size = (int)w.size - 5;
        arrive(&side, &w);
        snprintf(expected, sizeof expected, "ready " REPLY " #1=0", size);
        assert_string_equal(journal_text(&side.journal), expected);
        close_agent(&side);
    }
}

static void a_certificate_is_named_where_the_agent_has_it(void **state)
{
    sessile_key *certificate = trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){0});
    struct writer w = {0};
    struct side side;

    (void)state;
    open_agent(&side);
    assert_int_equal(sessile_agent_sign(side.wire.session, certificate, 1, "ssh-ed25519-cert-v01@openssh.com", "x", 1),
                     1);
    put_u8(&w, 13);
    put_key(&w, certificate, 1);
    put_text32(&w, "x");
    put_u32(&w, 0);
    sent_is(&side, &w);
    put_signature(&w, "ssh-ed25519");
    arrive(&side, &w);
    assert_non_null(strstr(journal_text(&side.journal), "#1=0"));
    assert_int_equal(sessile_agent_remove(side.wire.session, certificate, 1), 2);
    put_u8(&w, 18);
    put_key(&w, certificate, 1);
    sent_is(&side, &w);
    sessile_key_free(certificate);
    close_agent(&side);
}

static void a_signature_by_another_algorithm_counts_as_refused(void **state)
{
    static const char *const names[] = {"ssh-rsa", "rsa-sha2-256", "", "rsa-sha2-512x"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct writer w = {0};
        struct side side;

        open_agent(&side);
        assert_int_equal(sessile_agent_sign(side.wire.session, trust_key("rsa a"), 0, "rsa-sha2-512", "data", 4), 1);
        put_signature(&w, names[i]);
        arrive(&side, &w);
        assert_string_equal(journal_text(&side.journal), "ready notice(16,0) #1=-15");
        close_agent(&side);
    }
}

static void other_requests_are_as_the_protocol_has_them(void **state)
{
    struct writer w = {0};
    struct side side;

    (void)state;
    open_agent(&side);
    assert_int_equal(sessile_agent_remove(side.wire.session, trust_key("ed25519 a"), 0), 1);
    put_u8(&w, 18);
    put_key(&w, trust_key("ed25519 a"), 0);
    sent_is(&side, &w);
    reply_byte(&side, 6);
    assert_int_equal(sessile_agent_remove_all(side.wire.session), 2);
    sent_byte(&side, 19);
    reply_byte(&side, 5);
    assert_int_equal(sessile_agent_bind(side.wire.session, trust_key("ed25519 a"), "id", 2, "signature", 9, 1), 3);
    put_u8(&w, 27);
    put_text32(&w, "session-bind@openssh.com");
    put_key(&w, trust_key("ed25519 a"), 0);
    put_text32(&w, "id");
    put_text32(&w, "signature");
    put_u8(&w, 1);
    sent_is(&side, &w);
    reply_byte(&side, 28);
    assert_string_equal(journal_text(&side.journal), "ready notice(16,0) #1=0 notice(16,0) #2=-15 notice(16,0) #3=-15");
    close_agent(&side);
}

static void answers_belong_to_requests_in_order(void **state)
{
    struct writer w = {0};
    struct side side;
    int last = 0;

    (void)state;
    open_agent(&side);
    for (int i = 1; i <= 64; i++)
        last = i % 2 ? sessile_agent_list(side.wire.session) : sessile_agent_remove_all(side.wire.session);
    assert_int_equal(last, 64);
    assert_int_equal(sessile_agent_list(side.wire.session), SESSILE_ERR_LIMIT);
    for (int i = 1; i <= 64; i++) {
        put_u8(&w, i % 2 ? 12 : 6);
        if (i % 2)
            put_u32(&w, 0);
        arrive(&side, &w);
    }
    assert_non_null(strstr(journal_text(&side.journal), "#63=0 notice(16,0) #64=0"));
    assert_int_equal(sessile_agent_list(side.wire.session), 65);
    close_agent(&side);
}

static void arguments_that_cannot_be_are_refused(void **state)
{
    static const uint8_t large[131073] = {0};
    struct side side;
    sessile_session *s;

    (void)state;
    open_agent(&side);
    s = side.wire.session;
    assert_int_equal(sessile_agent_sign(s, NULL, 0, NULL, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_sign(s, trust_key("ed25519 a"), 1, NULL, "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_sign(s, trust_key("ed25519 a"), 0, "rsa-sha2-512", "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_sign(s, trust_key("ed25519 a"), 0, "unknown", "x", 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_sign(s, trust_key("ed25519 a"), 0, NULL, NULL, 1), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_sign(s, trust_key("ed25519 a"), 0, NULL, large, sizeof large), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_remove(s, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_bind(s, trust_key("ed25519 a"), large, 65, "x", 1, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_bind(s, NULL, "x", 1, "x", 1, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_answer(s, NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_agent_list(NULL), SESSILE_ERR_ARGUMENT);
    assert_int_equal(side.wire.sends, 0);
    assert_int_equal(sessile_agent_sign(s, trust_key("ed25519 a"), 0, NULL, large, sizeof large - 1), 1);
    assert_int_equal(side.wire.sends, 1);
    close_agent(&side);
}

static void a_session_without_an_agent_is_not_asked(void **state)
{
    struct side side = {0};

    (void)state;
    side_open(&side, 0);
    assert_int_equal(sessile_agent_list(side.wire.session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_agent_request(side.wire.session), SESSILE_ERR_MISUSE);
    assert_int_equal(sessile_agent_key_count(side.wire.session), 0);
    close_agent(&side);
}

/* ---- an agent that misbehaves ---- */

static void a_message_nobody_asked_for_ends_the_session(void **state)
{
    struct side side;

    (void)state;
    open_agent(&side);
    reply_byte(&side, 6);
    ends_with(&side, SESSILE_ERR_PROTOCOL, "a message of 1 bytes without being asked");
}

static void lengths_that_cannot_be_end_the_session_at_once(void **state)
{
    static const struct {
        const char *length;
        const char *text;
    } lengths[] = {
        {"\0\0\0\0", "without a type"},
        {"\xff\xff\xff\xff", "4294967295 bytes, over the limit of 262144"},
        {"\0\4\0\1", "262145 bytes, over the limit of 262144"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct side side;

        open_agent(&side);
        assert_int_equal(sessile_agent_list(side.wire.session), 1);
        wire_arrive(&side.wire, lengths[i].length, 4);
        ends_with(&side, SESSILE_ERR_PROTOCOL, lengths[i].text);
    }
}

static void the_largest_message_is_taken(void **state)
{
    struct writer w = {0};
    struct side side;
    uint8_t *room;

    (void)state;
    open_agent(&side);
    assert_int_equal(sessile_agent_list(side.wire.session), 1);
    put_u8(&w, 12);
    put_u32(&w, 1);
    put_text32(&w, "");
    put_u32(&w, 262144 - 13);
    room = put_room(&w, 262144 - 13);
    assert_non_null(room);
    memset(room, 'x', 262144 - 13);
    side.recorder.hook = NULL;
    arrive(&side, &w);
    assert_string_equal(journal_text(&side.journal), "ready notice(16,0)");
    close_agent(&side);
}

static void an_answer_of_the_wrong_type_ends_the_session(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        struct side side;

        if (type == 5 || type == 12)
            continue;
        open_agent(&side);
        assert_int_equal(sessile_agent_list(side.wire.session), 1);
        reply_byte(&side, type);
        ends_with(&side, SESSILE_ERR_PROTOCOL, "answered a request of type 11 with type");
    }
}

static void malformed_answers_end_the_session(void **state)
{
    static const struct {
        size_t size;
        const char *data;
        const char *text;
    } answers[] = {
        {2, "\5\0", "of type 5 to a request of type 11 is malformed"},
        {4, "\14\0\0\0", "of type 12 to a request of type 11 is malformed"},
        {6, "\14\0\0\0\0\0", "is malformed"},
        {5, "\14\0\0\0\1", "is malformed"},
        {9, "\14\0\0\0\1\0\0\0\1", "is malformed"},
        {9, "\14\0\0\0\1\xff\xff\xff\xff", "is malformed"},
        {5, "\14\0\0\x08\1", "lists 2049 keys, and the limit is 2048"},
        {5, "\14\xff\xff\xff\xff", "lists 4294967295 keys"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct writer w = {0};
        struct side side;

        open_agent(&side);
        assert_int_equal(sessile_agent_list(side.wire.session), 1);
        put_bytes(&w, answers[i].data, answers[i].size);
        arrive(&side, &w);
        assert_null(strstr(journal_text(&side.journal), "notice"));
        ends_with(&side, SESSILE_ERR_PROTOCOL, answers[i].text);
    }
}

/* ---- the end ---- */

static void the_wire_may_close_where_nothing_is_open(void **state)
{
    struct side side;

    (void)state;
    open_agent(&side);
    wire_close(&side.wire);
    ends_with(&side, 0, "");
    open_agent(&side);
    assert_int_equal(sessile_agent_list(side.wire.session), 1);
    wire_close(&side.wire);
    ends_with(&side, SESSILE_ERR_TRUNCATED, "with 1 requests to the agent unanswered");
    open_agent(&side);
    assert_int_equal(sessile_agent_list(side.wire.session), 1);
    wire_arrive(&side.wire, "\0\0\0\5\14", 5);
    wire_close(&side.wire);
    ends_with(&side, SESSILE_ERR_TRUNCATED, "after 5 bytes of a message");
}

static void an_end_waits_for_what_was_asked(void **state)
{
    struct side side;

    (void)state;
    for (int detach = 0; detach < 2; detach++) {
        open_agent(&side);
        assert_int_equal(sessile_agent_list(side.wire.session), 1);
        assert_int_equal(detach ? sessile_session_detach(side.wire.session) : sessile_session_end(side.wire.session),
                         0);
        assert_int_equal(side.recorder.closed, 0);
        assert_int_equal(sessile_agent_list(side.wire.session), SESSILE_ERR_CLOSED);
        reply_byte(&side, 5);
        assert_string_equal(journal_text(&side.journal), "ready notice(16,0) #1=-15 closed(OK)");
        assert_int_equal(side.wire.closes, detach ? 0 : 1);
        assert_int_equal(sessile_agent_list(side.wire.session), SESSILE_ERR_CLOSED);
        close_agent(&side);
    }
    open_agent(&side);
    assert_int_equal(sessile_session_end(side.wire.session), 0);
    ends_with(&side, 0, "");
}

static int fail_in_notice(struct recorder *r, const char *callback)
{
    (void)r;
    return strcmp(callback, "notice") == 0 ? -1 : 0;
}

static int free_in_notice(struct recorder *r, const char *callback)
{
    if (strcmp(callback, "notice") == 0)
        sessile_session_free(r->session);
    return 0;
}

static void a_notice_may_fail_or_free_the_session(void **state)
{
    struct side side;

    (void)state;
    open_agent(&side);
    side.recorder.hook = fail_in_notice;
    assert_int_equal(sessile_agent_list(side.wire.session), 1);
    reply_byte(&side, 5);
    ends_with(&side, SESSILE_ERR_CALLBACK, "notice");
    open_agent(&side);
    side.recorder.hook = free_in_notice;
    assert_int_equal(sessile_agent_list(side.wire.session), 1);
    reply_byte(&side, 5);
    assert_int_equal(side.wire.releases, 1);
    close_agent(&side);
}

/* ---- bytes in any pieces ---- */

static void feed_script(struct side *side, const struct feeding *feeding)
{
    struct writer message = {0}, all = {0};

    open_agent(side);
    assert_int_equal(sessile_agent_list(side->wire.session), 1);
    assert_int_equal(sessile_agent_sign(side->wire.session, trust_key("ed25519 a"), 0, NULL, "x", 1), 2);
    put_u8(&message, 12);
    put_u32(&message, 1);
    put_key(&message, trust_key("ed25519 a"), 0);
    put_text32(&message, "one");
    put_sized32(&all, message.data, message.size);
    message.size = 0;
    put_signature(&message, "ssh-ed25519");
    put_sized32(&all, message.data, message.size);
    wire_feed(&side->wire, all.data, all.size, feeding);
    writer_free(&message);
    writer_free(&all);
}

static void however_the_bytes_come_it_is_the_same(void **state)
{
    struct feeding feeding = {FEED_WHOLE, 0, 1};
    struct side side;
    char *expected;

    (void)state;
    feed_script(&side, &feeding);
    expected = need_memory(strdup(journal_text(&side.journal)));
    assert_non_null(strstr(expected, "#2=0"));
    close_agent(&side);
    for (size_t split = 0; split < 160; split++) {
        feeding = (struct feeding){split ? FEED_SPLIT : FEED_BYTES, split, 1};
        feed_script(&side, &feeding);
        assert_string_equal(journal_text(&side.journal), expected);
        close_agent(&side);
    }
    free(expected);
}

static void mutated_answers_do_no_harm(void **state)
{
    struct writer message = {0}, all = {0};
    uint32_t random = 4;

    (void)state;
    put_u8(&message, 12);
    put_u32(&message, 2);
    put_key(&message, trust_key("ed25519 a"), 0);
    put_text32(&message, "one");
    put_key(&message, trust_key("ecdsa a"), 0);
    put_text32(&message, "two");
    put_sized32(&all, message.data, message.size);
    for (int i = 0; i < 2000; i++) {
        size_t size = all.size;
        uint8_t *mutated = trust_mutate(all.data, &size, &random);
        struct side side;

        open_agent(&side);
        assert_int_equal(sessile_agent_list(side.wire.session), 1);
        wire_arrive(&side.wire, mutated, size);
        wire_close(&side.wire);
        assert_int_equal(side.recorder.closed, 1);
        close_agent(&side);
        free(mutated);
    }
    writer_free(&message);
    writer_free(&all);
}

/* ---- another session's questions: an engine that asks one for each byte that arrives ---- */

struct asker {
    int outcome;
    size_t signature;
    int answers;
};

static struct asker asker;
static sessile_key *asked_key; /* with its certificate, where that is asked for */
static const char *asked_algorithm;

static int asker_unit(sessile_session *session, const uint8_t *data, size_t size)
{
    static const struct question_kind kind = {SESSILE_QUESTION_SSH_SIGN, 1, 1u << SESSILE_ITEM_SIGNATURE};
    static const struct question_kind other = {SESSILE_QUESTION_SSH_HOST_KEY, 1, 0};
    sessile_question *question = question_new(session, size && data[0] == 'o' ? &other : &kind, NULL);
    uint8_t blob[2048];
    int length = sessile_key_blob(asked_key, 1, blob, sizeof blob);

    question_add(question, SESSILE_ITEM_KEY, blob, (size_t)length);
    question_add(question, SESSILE_ITEM_ALGORITHM, asked_algorithm, strlen(asked_algorithm));
    question_add(question, SESSILE_ITEM_DATA, "data", 4);
    session_ask(session, question);
    return session_over(session) ? SESSILE_ERR_FAILED : 1;
}

static int asker_full(const sessile_session *session)
{
    (void)session;
    return 0;
}

static void asker_answered(sessile_session *session, sessile_question *question)
{
    (void)session;
    asker.answers++;
    asker.outcome = question_outcome(question);
    question_given(question, SESSILE_ITEM_SIGNATURE, &asker.signature);
}

static int asker_end(sessile_session *session, int detach)
{
    (void)detach;
    session_finish(session);
    return SESSILE_OK;
}

static void asker_wire_gone(sessile_session *session, size_t left)
{
    (void)left;
    session_finish(session);
}

static void asker_nothing(sessile_session *session)
{
    (void)session;
}

static const struct engine asker_engine = {
    .name = "asker",
    .unit = asker_unit,
    .full = asker_full,
    .answered = asker_answered,
    .end = asker_end,
    .wire_gone = asker_wire_gone,
    .rest = asker_nothing,
    .destroy = asker_nothing,
    .want_max = 1,
};

static struct side agent_side;
static struct side asker_side;
static int taken; /* what sessile_agent_answer() returned */

static int answer_by_agent(struct recorder *r, const char *callback)
{
    if (strcmp(callback, "question") == 0)
        taken = sessile_agent_answer(agent_side.wire.session, r->question);
    return 0;
}

static void open_asker(void)
{
    struct guard g;
    sessile_session *session;

    memset(&asker, 0, sizeof asker);
    asker.outcome = -1;
    memset(&asker_side, 0, sizeof asker_side);
    side_open(&asker_side, 0);
    asker_side.recorder.answer = ANSWER_NONE;
    asker_side.recorder.hook = answer_by_agent;
    session = asker_side.wire.session;
    assert_int_equal(guard_enter(&g, session), 0);
    session_set_engine(session, &asker_engine, &asker);
    session_start(session, asker_side.callbacks, &asker_side.recorder);
    session_need(session, 1);
    guard_leave(&g, 0);
}

static void ask_agent(sessile_key *key, const char *algorithm)
{
    open_agent(&agent_side);
    open_asker();
    asked_key = key;
    asked_algorithm = algorithm;
    wire_arrive(&asker_side.wire, "s", 1);
}

static void asker_is(int outcome, int has_signature)
{
    assert_int_equal(asker.answers, 1);
    assert_int_equal(asker.outcome, outcome);
    assert_int_equal(asker.signature > 0, has_signature);
    close_agent(&asker_side);
    close_agent(&agent_side);
}

static void a_question_is_answered_with_the_signature(void **state)
{
    struct writer w = {0};

    (void)state;
    ask_agent(trust_key("rsa a"), "rsa-sha2-256");
    assert_int_equal(taken, 0);
    assert_int_equal(asker.answers, 0);
    put_u8(&w, 13);
    put_key(&w, trust_key("rsa a"), 0);
    put_text32(&w, "data");
    put_u32(&w, 2);
    sent_is(&agent_side, &w);
    put_signature(&w, "rsa-sha2-256");
    arrive(&agent_side, &w);
    assert_string_equal(journal_text(&agent_side.journal), "ready");
    asker_is(QUESTION_ACCEPTED, 1);
}

static void a_question_is_refused_where_the_agent_refuses(void **state)
{
    struct writer w = {0};

    (void)state;
    ask_agent(trust_key("rsa a"), "rsa-sha2-256");
    reply_byte(&agent_side, 5);
    asker_is(QUESTION_REFUSED, 0);
    ask_agent(trust_key("rsa a"), "rsa-sha2-256");
    put_signature(&w, "ssh-rsa");
    arrive(&agent_side, &w);
    asker_is(QUESTION_REFUSED, 0);
}

static void a_question_is_refused_where_the_agent_goes_away(void **state)
{
    (void)state;
    for (int how = 0; how < 5; how++) {
        ask_agent(trust_key("ed25519 a"), "ssh-ed25519");
        assert_int_equal(asker.answers, 0);
        if (how == 0)
            wire_close(&agent_side.wire);
        else if (how == 1)
            wire_arrive(&agent_side.wire, "\xff\xff\xff\xff", 4);
        else if (how == 2)
            sessile_session_abort(agent_side.wire.session);
        else if (how == 3)
            sessile_session_free(agent_side.wire.session);
        else
            reply_byte(&agent_side, 6);
        asker_is(QUESTION_REFUSED, 0);
    }
}

static void a_question_that_is_gone_does_no_harm(void **state)
{
    struct writer w = {0};

    (void)state;
    ask_agent(trust_key("ed25519 a"), "ssh-ed25519");
    close_agent(&asker_side);
    put_signature(&w, "ssh-ed25519");
    arrive(&agent_side, &w);
    assert_int_equal(asker.answers, 0);
    assert_int_equal(agent_side.recorder.closed, 0);
    close_agent(&agent_side);
}

static void a_key_is_asked_for_where_its_certificate_is_not_known(void **state)
{
    sessile_key *certificate = trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){0});
    struct writer w = {0};

    (void)state;
    for (int has_key = 0; has_key < 2; has_key++) {
        ask_agent(certificate, "ssh-ed25519-cert-v01@openssh.com");
        put_u8(&w, 13);
        put_key(&w, certificate, 1);
        put_text32(&w, "data");
        put_u32(&w, 0);
        sent_is(&agent_side, &w);
        reply_byte(&agent_side, 5);
        assert_int_equal(asker.answers, 0);
        put_u8(&w, 13);
        put_key(&w, certificate, 0);
        put_text32(&w, "data");
        put_u32(&w, 0);
        sent_is(&agent_side, &w);
        if (has_key) {
            put_signature(&w, "ssh-ed25519");
            arrive(&agent_side, &w);
        } else
            reply_byte(&agent_side, 5);
        asker_is(has_key ? QUESTION_ACCEPTED : QUESTION_REFUSED, has_key);
    }
    sessile_key_free(certificate);
}

static void a_key_is_not_asked_for_where_the_question_is_gone(void **state)
{
    sessile_key *certificate = trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){0});
    size_t sent;

    (void)state;
    ask_agent(certificate, "ssh-ed25519-cert-v01@openssh.com");
    sent = agent_side.wire.sent_size;
    close_agent(&asker_side);
    reply_byte(&agent_side, 5);
    assert_int_equal(agent_side.wire.sent_size, sent);
    assert_int_equal(agent_side.recorder.closed, 0);
    close_agent(&agent_side);
    sessile_key_free(certificate);
}

static void a_question_that_cannot_be_taken_on_is_left_alone(void **state)
{
    (void)state;
    ask_agent(trust_key("ed25519 a"), "unknown");
    assert_int_equal(taken, SESSILE_ERR_ARGUMENT);
    asker_is(QUESTION_REFUSED, 0); /* nobody answered it */
    open_agent(&agent_side);
    open_asker();
    asked_algorithm = "ssh-ed25519";
    wire_arrive(&asker_side.wire, "o", 1);
    assert_int_equal(taken, SESSILE_ERR_ARGUMENT);
    asker_is(QUESTION_REFUSED, 0);
    open_agent(&agent_side);
    wire_close(&agent_side.wire);
    open_asker();
    wire_arrive(&asker_side.wire, "s", 1);
    assert_int_equal(taken, SESSILE_ERR_CLOSED);
    asker_is(QUESTION_REFUSED, 0);
    open_agent(&agent_side);
    open_asker();
    sessile_session_set_resume(asker_side.wire.session, NULL);
    wire_arrive(&asker_side.wire, "s", 1);
    assert_int_equal(taken, SESSILE_ERR_MISUSE);
    asker_is(QUESTION_REFUSED, 0);
}

static void several_questions_wait_for_their_turn(void **state)
{
    struct writer w = {0};

    (void)state;
    ask_agent(trust_key("ed25519 a"), "ssh-ed25519");
    assert_int_equal(sessile_agent_list(agent_side.wire.session), 2);
    put_signature(&w, "ssh-ed25519");
    arrive(&agent_side, &w);
    assert_int_equal(asker.answers, 1);
    asker.answers = 0;
    wire_arrive(&asker_side.wire, "s", 1);
    reply_byte(&agent_side, 5);
    assert_string_equal(journal_text(&agent_side.journal), "ready notice(16,0) #2=-15");
    assert_int_equal(asker.answers, 0);
    put_signature(&w, "ssh-ed25519");
    arrive(&agent_side, &w);
    asker_is(QUESTION_ACCEPTED, 1);
}

/* ---- without memory ---- */

/* The asking session has an answer in the end, whatever fails. */
static void ask_and_answer(void)
{
    struct writer w = {0};
    int ok;

    memset(&agent_side, 0, sizeof agent_side);
    side_open(&agent_side, 0);
    open_asker();
    ok = sessile_agent_connect(agent_side.wire.session, agent_side.callbacks, &agent_side.recorder) == 0;
    wire_arrive(&asker_side.wire, "s", 1);
    put_signature(&w, "ssh-ed25519");
    if (ok && taken == SESSILE_OK && !w.failed)
        arrive(&agent_side, &w);
    writer_free(&w);
    if (asker.answers == 0)
        wire_close(&agent_side.wire);
    close_agent(&agent_side);
    assert_int_equal(asker.answers, 1);
    close_agent(&asker_side);
}

static void without_memory_a_question_is_refused(void **state)
{
    size_t before;
    int hit = 1;

    (void)state;
    asked_key = trust_key("ed25519 a");
    asked_algorithm = "ssh-ed25519";
    ask_and_answer();
    assert_int_equal(asker.outcome, QUESTION_ACCEPTED);
    before = failing_blocks(FAILING_OURS);
    for (size_t i = 4; hit; i++) { /* behind what the harness needs to begin */
        failing_at(FAILING_OURS, i, 0);
        ask_and_answer();
        hit = failing_hit();
        failing_off();
        assert_int_equal(asker.outcome == QUESTION_ACCEPTED, asker.signature > 0);
        assert_int_equal(failing_blocks(FAILING_OURS), before);
    }
    assert_int_equal(asker.outcome, QUESTION_ACCEPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_sends_nothing_and_is_ready),
        cmocka_unit_test(keys_are_listed),
        cmocka_unit_test(the_reply_is_there_while_it_is_told),
        cmocka_unit_test(signatures_are_asked_for_with_flags),
        cmocka_unit_test(a_certificate_is_named_where_the_agent_has_it),
        cmocka_unit_test(a_signature_by_another_algorithm_counts_as_refused),
        cmocka_unit_test(other_requests_are_as_the_protocol_has_them),
        cmocka_unit_test(answers_belong_to_requests_in_order),
        cmocka_unit_test(arguments_that_cannot_be_are_refused),
        cmocka_unit_test(a_session_without_an_agent_is_not_asked),
        cmocka_unit_test(a_message_nobody_asked_for_ends_the_session),
        cmocka_unit_test(lengths_that_cannot_be_end_the_session_at_once),
        cmocka_unit_test(the_largest_message_is_taken),
        cmocka_unit_test(an_answer_of_the_wrong_type_ends_the_session),
        cmocka_unit_test(malformed_answers_end_the_session),
        cmocka_unit_test(the_wire_may_close_where_nothing_is_open),
        cmocka_unit_test(an_end_waits_for_what_was_asked),
        cmocka_unit_test(a_notice_may_fail_or_free_the_session),
        cmocka_unit_test(however_the_bytes_come_it_is_the_same),
        cmocka_unit_test(mutated_answers_do_no_harm),
        cmocka_unit_test(a_question_is_answered_with_the_signature),
        cmocka_unit_test(a_question_is_refused_where_the_agent_refuses),
        cmocka_unit_test(a_question_is_refused_where_the_agent_goes_away),
        cmocka_unit_test(a_question_that_is_gone_does_no_harm),
        cmocka_unit_test(a_key_is_asked_for_where_its_certificate_is_not_known),
        cmocka_unit_test(a_key_is_not_asked_for_where_the_question_is_gone),
        cmocka_unit_test(a_question_that_cannot_be_taken_on_is_left_alone),
        cmocka_unit_test(several_questions_wait_for_their_turn),
        cmocka_unit_test(without_memory_a_question_is_refused),
    };
    int failed;

    failing_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    trust_free();
    return failed;
}
