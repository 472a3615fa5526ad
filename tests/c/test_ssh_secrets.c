/* SPDX-License-Identifier: Apache-2.0
 *
 * SSH sessions leave no secrets behind: passwords, responses, the shared secret and the keys made of it. Allocators of
 * libsessile's and of libcrypto's look at each block when it goes; and the sessions run on a stack that is looked at
 * whenever they come to rest.
 *
 * The numbers of a key exchange are looked for from its beginning on, before anybody could tell them: each pair of
 * sessions is run twice with the same random numbers, and tells them the first time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "looking.h"
#include "ssh/ssh.h"
#include "ssh_pair.h"

#define STACK_SIZE ((size_t)1 << 20)

/* No part of it is to be found in it twice. */
#define SECRET "Zq7#correct-horse!battery"

/* ---- A stack that is looked at ---- */

static uint64_t *stack;

/* Word by word: what lies between the variables of a frame that is still there is none of a sanitizer's business. */
__attribute__((no_sanitize("address"), no_sanitize("thread"))) static void look_at_stack(size_t size)
{
    size_t words = size / sizeof *stack;
    const volatile uint64_t *from = stack;
    uint64_t *copy = need_memory(malloc(STACK_SIZE));

    for (size_t i = 0; i < words; i++)
        copy[i] = from[i];
    looking_in(copy, words * sizeof *copy);
    free(copy);
}

/* What those have left behind that the caller has called. */
static void look_below(void)
{
    const uint8_t *here = __builtin_frame_address(0);

    look_at_stack((size_t)(here - (const uint8_t *)stack));
}

/* A test that fails in there ends the program. */
static void on_own_stack(void *(*function)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;

    stack = need_memory(aligned_alloc(4096, STACK_SIZE));
    memset(stack, 0, STACK_SIZE);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK_SIZE), 0);
    assert_int_equal(pthread_create(&thread, &attributes, function, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    look_at_stack(STACK_SIZE);
    free(stack);
}

/* ---- Sessions ---- */

static struct {
    sessile_ssh_config *client, *server;
    const char *password;
    char lines[1024]; /* of the key log */
    uint8_t id[64];   /* of the session */
    size_t id_size;
    int changed, answered;
} run;

static void put(sessile_question *question, int item, const char *text)
{
    assert_int_equal(sessile_question_put(question, item, text, strlen(text)), SESSILE_OK);
}

static void give(sessile_question *question)
{
    switch (sessile_question_kind(question)) {
    case SESSILE_QUESTION_SSH_AUTHENTICATE:
        if (strcmp(ssh_item(question, SESSILE_ITEM_METHOD, 0), "password") == 0)
            put(question, SESSILE_ITEM_PASSWORD, run.password);
        else
            put(question, SESSILE_ITEM_METHOD, "keyboard-interactive");
        break;
    case SESSILE_QUESTION_SSH_PASSWORD_CHANGE:
        put(question, SESSILE_ITEM_PASSWORD, run.password);
        put(question, SESSILE_ITEM_NEW_PASSWORD, run.password);
        break;
    case SESSILE_QUESTION_SSH_PROMPTS:
        put(question, SESSILE_ITEM_RESPONSE, "1234");
        put(question, SESSILE_ITEM_RESPONSE, run.password);
    }
}

static int client_hook(struct ssh_peer *peer, enum ssh_event event)
{
    struct ssh *ssh = event == SSH_READY ? ssh_of(peer->session) : NULL;

    if (event == SSH_QUESTION) {
        give(peer->question);
        sessile_question_accept(peer->question);
        peer->question = NULL;
    } else if (ssh) {
        run.id_size = ssh->transport.session_id_size;
        memcpy(run.id, ssh->transport.session_id, run.id_size);
    }
    return 0;
}

/* The password must be changed, and is; then there is a round of prompts. */
static int server_hook(struct ssh_peer *peer, enum ssh_event event)
{
    sessile_question *question = peer->question;

    if (event != SSH_QUESTION)
        return 0;
    if (sessile_question_kind(question) == SESSILE_QUESTION_SSH_RESPONSES) {
        run.answered += strcmp(ssh_item(question, SESSILE_ITEM_RESPONSE, 1), run.password) == 0;
    } else if (sessile_question_count(question, SESSILE_ITEM_NEW_PASSWORD)) {
        run.changed += strcmp(ssh_item(question, SESSILE_ITEM_NEW_PASSWORD, 0), run.password) == 0;
    } else if (sessile_question_count(question, SESSILE_ITEM_PASSWORD)) {
        put(question, SESSILE_ITEM_PROMPT, "change it");
        sessile_question_refuse(question, 0);
        peer->question = NULL;
    }
    return 0;
}

static void *run_sessions(void *argument)
{
    struct ssh_pair pair;
    const char *log;

    (void)argument;
    run.changed = run.answered = 0;
    ssh_pair_init(&pair, run.client, run.server);
    pair.client.hook = client_hook;
    pair.server.hook = server_hook;
    pair.server.rounds = 1;
    assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
    while (ssh_peer_move(&pair.server) || ssh_peer_move(&pair.client))
        look_below(); /* the next ones may cover it */
    assert_ssh_ready(&pair);
    log = strstr(journal_text(&pair.client.log), "SHARED_SECRET ");
    assert_non_null(log);
    strncpy(run.lines, log + strlen("SHARED_SECRET "), sizeof run.lines - 1);
    ssh_pair_free(&pair);
    return NULL;
}

/* ---- What is looked for ---- */

static size_t read_secret(uint8_t *out, size_t room)
{
    size_t size = 0;

    for (unsigned byte; size < room && sscanf(run.lines + 2 * size, "%2x", &byte) == 1; size++)
        out[size] = (uint8_t)byte;
    return size;
}

/* The beginning of a key (RFC 4253, section 7.2): of the first exchange, whose hash is the session's id. */
static void look_for_key(const uint8_t *shared, size_t size, char letter)
{
    const uint8_t sign = shared[0] >> 7;
    const uint8_t head[5] = {0, 0, 0, (uint8_t)(size + sign), 0};
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t key[EVP_MAX_MD_SIZE];

    assert_non_null(hash);
    assert_int_equal(EVP_DigestInit_ex(hash, EVP_sha256(), NULL), 1);
    EVP_DigestUpdate(hash, head, 4u + sign);
    EVP_DigestUpdate(hash, shared, size);
    EVP_DigestUpdate(hash, run.id, run.id_size);
    EVP_DigestUpdate(hash, &letter, 1);
    EVP_DigestUpdate(hash, run.id, run.id_size);
    assert_int_equal(EVP_DigestFinal_ex(hash, key, NULL), 1);
    EVP_MD_CTX_free(hash);
    looking_for(key);
}

static void look_for_all(void)
{
    uint8_t shared[64];
    size_t size = read_secret(shared, sizeof shared);

    assert_true(size >= 2 * LOOKING_PIECE - 1 && size <= 2 * LOOKING_PIECE);
    looking_for(SECRET);
    looking_for(shared + LOOKING_PIECE / 2);
    for (char letter = 'C'; letter <= 'F'; letter++)
        look_for_key(shared, size, letter);
}

static void prepare(const char *cipher, const char *password)
{
    memset(&run, 0, sizeof run);
    looking_forget();
    run.password = password;
    run.client = ssh_client_config(cipher);
    run.server = ssh_server_config(cipher);
    SSH_MUST(sessile_ssh_config_insecure_any_host_key(run.client, 1));
    SSH_MUST(sessile_ssh_config_insecure_keylog(run.client, 1));
    SSH_MUST(sessile_ssh_config_set_auth_methods(run.server, "password,keyboard-interactive"));
}

static void done(void)
{
    sessile_ssh_config_free(run.client);
    sessile_ssh_config_free(run.server);
}

/* ---- Tests ---- */

static void assert_nothing_left(const char *cipher, const char *password)
{
    char before[sizeof run.lines];

    prepare(cipher, password);
    on_own_stack(run_sessions, NULL);
    memcpy(before, run.lines, sizeof before);
    look_for_all();
    on_own_stack(run_sessions, NULL);
    done();
    assert_string_equal(run.lines, before);
    assert_int_equal(run.changed, 1);
    assert_int_equal(run.answered, 1);
    if (looking_found())
        fail_msg("%s: found %zu times", cipher, looking_found());
}

static void sessions_leave_nothing_behind(void **state)
{
    static const char *const ciphers[] = {"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes128-ctr"};
    char longer[4096] = "";

    (void)state;
    for (size_t i = 0; i < sizeof longer / sizeof SECRET; i++)
        strcat(longer, SECRET);
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        assert_nothing_left(ciphers[i], SECRET);
        assert_nothing_left(ciphers[i], longer);
    }
}

static void *leave_on_stack(void *argument)
{
    volatile char copy[8192]; /* so deep that nothing small covers it */

    for (size_t i = 0; i < sizeof SECRET; i++)
        copy[i] = ((const char *)argument)[i];
    return copy[0] == SECRET[0] ? argument : NULL;
}

static void *leave_below(void *argument)
{
    void *(*volatile call)(void *) = leave_on_stack; /* with a frame of its own */

    call(argument);
    look_below();
    return NULL;
}

/* It would be seen, too. */
static void what_is_not_wiped_is_found(void **state)
{
    static char source[] = SECRET;
    char *copy;

    (void)state;
    looking_forget();
    looking_for(SECRET);
    copy = looking_alloc(100);
    assert_non_null(copy);
    memcpy(copy + 50, SECRET, sizeof SECRET);
    looking_free(copy);
    assert_int_equal(looking_found(), 1);
    copy = OPENSSL_malloc(100);
    assert_non_null(copy);
    memcpy(copy, SECRET, sizeof SECRET);
    copy = OPENSSL_realloc(copy, 200);
    assert_int_equal(looking_found(), 2);
    OPENSSL_cleanse(copy, 200);
    OPENSSL_free(copy);
    assert_int_equal(looking_found(), 2);
    on_own_stack(leave_on_stack, source);
    assert_int_equal(looking_found(), 3);
    on_own_stack(leave_below, source);
    assert_int_equal(looking_found(), 5); /* at once, and at the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_leave_nothing_behind),
        cmocka_unit_test(what_is_not_wiped_is_found),
    };

    looking_install();
    ssh_random_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
