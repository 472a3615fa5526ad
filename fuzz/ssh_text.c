/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that say who is trusted: known_hosts, authorized_keys, principals, revocation lists, and moduli. Input: which,
 * who asks; then the text. What was read is asked about keys, hosts and addresses.
 */
#include "ssh_setup.h"

#include <string.h>

#include "ssh/transport/moduli.h"

enum { KNOWN_HOSTS, AUTHORIZED_KEYS, PRINCIPALS, KRL, MODULI, TEXTS };

static char error[256];

static const char *const hosts[] = {"a.test", "b.test", "127.0.0.1", "::1", "[a.test]:2222", "", "x.y.z.a.test", "*"};
static const char *const addresses[] = {"192.0.2.7", "2001:db8::7",     NULL,       "nonsense", "10.1.2.3",
                                        "",          "::ffff:10.1.2.3", "127.0.0.1"};

static void check_read(int result, const void *made)
{
    expect((result == 0) == (made != NULL) && result <= 0);
    expect(result == 0 ? !error[0] : error[0] || result == SESSILE_ERR_MEMORY);
}

static void ask_known_hosts(const uint8_t *text, size_t size, unsigned option)
{
    sessile_known_hosts *known = NULL, *two = NULL;
    const char *host = hosts[option & 7];
    sessile_key *key = NULL;
    size_t file, line, bad;
    char room[512];
    int result;

    result = sessile_known_hosts_read(text, size, NULL, &known, error, sizeof error);
    check_read(result, known);
    if (!known)
        return;
    bad = sessile_known_hosts_bad_count(known);
    expect((sessile_known_hosts_bad_line(known, 0) != 0) == (bad != 0));
    expect((sessile_known_hosts_bad_reason(known, 0) != NULL) == (bad != 0));
    for (unsigned i = 0; i < SSH_KEYS; i++) {
        result = sessile_known_hosts_check(known, host, option & 8 ? 2222 : 22, ssh_fuzz_key(i), SSH_FUZZ_TIME, &file,
                                           &line, error, sizeof error);
        expect(result <= SESSILE_HOST_REVOKED);
        expect(result < 0 || line || result == SESSILE_HOST_UNKNOWN || result == SESSILE_HOST_OTHER);
    }
    sessile_known_hosts_algorithms(known, host, 22, room, sizeof room);
    if (sessile_known_hosts_key(known, host, 22, 0, &key) == 0)
        expect(sessile_known_hosts_check(known, host, 22, key, -1, NULL, NULL, NULL, 0) != SESSILE_HOST_UNKNOWN);
    sessile_key_free(key);
    result = sessile_known_hosts_read(text, size, known, &two, error, sizeof error);
    check_read(result, two);
    sessile_known_hosts_free(known);
    sessile_known_hosts_check(two, host, 22, ssh_fuzz_key(0), -1, &file, &line, NULL, 0);
    sessile_known_hosts_free(two);
}

static void ask_grant(sessile_grant *grant)
{
    size_t count = sessile_grant_environment_count(grant);

    sessile_grant_command(grant);
    for (int what = 0; what < 7; what++)
        sessile_grant_allows(grant, what);
    sessile_grant_needs_touch(grant);
    sessile_grant_needs_verification(grant);
    sessile_grant_allows_open(grant, "b.test", 80);
    sessile_grant_allows_listen(grant, "localhost", 8080);
    expect(!sessile_grant_environment(grant, count) && (!count || sessile_grant_environment(grant, count - 1)));
    sessile_grant_free(grant);
}

static void ask_authorized_keys(const uint8_t *text, size_t size, unsigned option)
{
    sessile_authorized_keys *keys = NULL;
    sessile_grant *grant;
    int result;

    result = sessile_authorized_keys_read(text, size, (int)(option >> 5) * 3600, &keys, error, sizeof error);
    check_read(result, keys);
    if (!keys)
        return;
    expect((sessile_authorized_keys_bad_reason(keys, 0) != NULL) == (sessile_authorized_keys_bad_count(keys) != 0));
    for (unsigned i = 0; i < SSH_KEYS; i++) {
        result = sessile_authorized_keys_match(keys, ssh_fuzz_key(i), "alice", addresses[option & 7], NULL,
                                               option & 8 ? -1 : SSH_FUZZ_TIME, &grant, error, sizeof error);
        expect((result == 0) == (grant != NULL));
        if (grant)
            expect(sessile_grant_line(grant) > 0);
        ask_grant(grant);
        sessile_authorities_match(keys, NULL, ssh_fuzz_key(i), "alice", addresses[option & 7], "a.test", SSH_FUZZ_TIME,
                                  &grant, error, sizeof error);
        ask_grant(grant);
    }
    sessile_authorized_keys_free(keys);
}

/* An authority that is trusted for whoever the text names. */
static sessile_authorized_keys *authorities(void)
{
    sessile_authorized_keys *keys = NULL;
    char line[512];
    int size = sessile_key_write_public(ssh_fuzz_key(SSH_KEY_AUTHORITY), SESSILE_KEY_LINE, line, sizeof line);

    expect(size > 0 && sessile_authorized_keys_read(line, (size_t)size, 0, &keys, NULL, 0) == 0);
    return keys;
}

static void ask_principals(const uint8_t *text, size_t size, unsigned option)
{
    sessile_principals *principals = NULL;
    sessile_authorized_keys *trusted;
    sessile_grant *grant;
    int result;

    result = sessile_principals_read(text, size, 0, &principals, error, sizeof error);
    check_read(result, principals);
    if (!principals)
        return;
    trusted = authorities();
    expect((sessile_principals_bad_reason(principals, 0) != NULL) == (sessile_principals_bad_count(principals) != 0));
    result = sessile_authorities_match(trusted, principals, ssh_fuzz_key(SSH_KEY_USER), "bob", addresses[option & 7],
                                       NULL, SSH_FUZZ_TIME, &grant, error, sizeof error);
    expect((result == 0) == (grant != NULL));
    ask_grant(grant);
    sessile_authorized_keys_free(trusted);
    sessile_principals_free(principals);
}

static void ask_krl(const uint8_t *text, size_t size, unsigned option)
{
    sessile_krl *krl = NULL;
    int result = sessile_krl_read(text, size, &krl, error, sizeof error);

    (void)option;
    check_read(result, krl);
    if (!krl)
        return;
    expect(sessile_krl_comment(krl));
    sessile_krl_version(krl);
    sessile_krl_generated(krl);
    for (unsigned i = 0; i < SSH_KEYS; i++)
        expect(sessile_krl_revokes(krl, ssh_fuzz_key(i)) <= 1);
    sessile_krl_free(krl);
}

/* A server's config takes any text; which lines are groups is seen when one is chosen. */
static void ask_moduli(const uint8_t *text, size_t size, unsigned option)
{
    BIGNUM *p, *g;
    int result = moduli_choose((const char *)text, size, 2048, 2048 + 1024 * (option & 3), 8192, &p, &g);

    expect((result == 0) == (p != NULL) && (p != NULL) == (g != NULL));
    if (p)
        expect(BN_num_bits(p) >= 2048 && BN_num_bits(p) <= 8192);
    BN_free(p);
    BN_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const asks[TEXTS])(const uint8_t *, size_t, unsigned) = {
        [KNOWN_HOSTS] = ask_known_hosts, [AUTHORIZED_KEYS] = ask_authorized_keys,
        [PRINCIPALS] = ask_principals,   [KRL] = ask_krl,
        [MODULI] = ask_moduli,
    };
    uint8_t *copy;
    size_t blocks;

    if (size < 2)
        return 0;
    ssh_fuzz_begin();
    copy = fuzz_copy(data + 2, size - 2);
    blocks = fuzz_memory_blocks();
    error[0] = 0;
    asks[data[0] % TEXTS](copy, size - 2, data[1]);
    fuzz_spoil(copy, size - 2);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
