/* SPDX-License-Identifier: Apache-2.0
 *
 * One key in many threads: kept, used and freed by all of them at once. For the thread sanitizer above all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "failing.h"
#include "ssh/key/key.h"

#define THREADS 4
#define ROUNDS 25

struct job {
    pthread_t thread;
    sessile_key *key; /* a reference of its own */
    int good;
};

static int use(sessile_key *key)
{
    uint8_t signature[KEY_SIGNATURE_MAX];
    char room[1024];
    sessile_key *another = sessile_key_keep(key);
    int length = sessile_key_sign(key, NULL, "x", 1, signature, sizeof signature), good;

    good = length > 0 && sessile_key_verify(another, NULL, "x", 1, signature, (size_t)length) == 0 &&
           sessile_key_write_public(key, SESSILE_KEY_LINE, room, sizeof room) > 0 &&
           sessile_key_fingerprint(key, SESSILE_FINGERPRINT_SHA256, room, sizeof room) == 50 &&
           sessile_certificate_check(key, SESSILE_CERTIFICATE_USER, "alice", NULL, 1, room, sizeof room) == 0;
    sessile_key_free(another);
    return good;
}

static void *work(void *app)
{
    struct job *job = app;

    job->good = 1;
    for (int i = 0; i < ROUNDS; i++)
        job->good &= use(job->key);
    sessile_key_free(job->key);
    return NULL;
}

static void a_key_is_shared_by_threads(void **state)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"};
    static const char *const names[] = {"alice"};
    (void)state;

    for (size_t n = 0; n < sizeof types / sizeof types[0]; n++) {
        struct job jobs[THREADS];
        sessile_key *key, *certificate, *both;

        assert_int_equal(sessile_key_generate(types[n], n == 2 ? 2048 : 0, "comment", &key), 0);
        assert_int_equal(sessile_certificate_sign(key, key, NULL, SESSILE_CERTIFICATE_USER, 1, "id", names, 1, 0,
                                                  UINT64_MAX, NULL, 0, NULL, 0, &certificate),
                         0);
        assert_int_equal(sessile_key_with_certificate(key, certificate, &both), 0);
        sessile_key_free(key);
        sessile_key_free(certificate);
        for (size_t i = 0; i < THREADS; i++) {
            jobs[i].key = sessile_key_keep(both);
            assert_int_equal(pthread_create(&jobs[i].thread, NULL, work, &jobs[i]), 0);
        }
        sessile_key_free(both); /* the last thread to end frees it */
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
            assert_true(jobs[i].good);
        }
        assert_int_equal(failing_blocks(FAILING_OURS), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_shared_by_threads),
    };

    failing_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
