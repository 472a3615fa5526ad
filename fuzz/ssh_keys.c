/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, certificates and signatures from anywhere. Input: what it is, an option; then its bytes. What was read is asked
 * everything, written again in every form, and must then be the same key. How many rounds bcrypt_pbkdf may take is the
 * library's to bound; an input with more than a few is left out here, for the sake of speed.
 */
#include "ssh_setup.h"

#include <string.h>

#include "ssh/key/armor.h"

#define PASSPHRASE "fuzz1"
#define ROUNDS_MOST 4

enum { READ_PRIVATE, READ_LOCKED, READ_PUBLIC, READ_BLOB, VERIFY_SSHSIG, VERIFY_SIGNATURE, WAYS };

static char error[256];

static void check_error(int result)
{
    expect(result <= 0 && strlen(error) < sizeof error);
    expect((result == 0) == !error[0] || result == SESSILE_ERR_MEMORY);
}

static void ask_certificate(sessile_key *key, const char *address)
{
    static const char *const options[] = {"force-command", "source-address", "permit-pty", "verify-required"};
    uint8_t room[256];
    size_t count = sessile_certificate_principal_count(key);

    expect((sessile_certificate_kind(key) != 0) == sessile_key_has_certificate(key));
    expect(sessile_certificate_key_id(key) && (count == 0 || sessile_certificate_principal(key, count - 1)));
    expect(!sessile_certificate_principal(key, count));
    for (int i = 0; i < 8; i++)
        sessile_certificate_option(key, i & 1, options[i >> 1], room, sizeof room);
    for (int kind = 0; kind < 3; kind++) {
        int result = sessile_certificate_check(key, kind, "alice", address, SSH_FUZZ_TIME, error, sizeof error);

        expect(result <= 0);
        expect(result != 0 ||
               (sessile_certificate_kind(key) == kind && sessile_certificate_valid_after(key) <= SSH_FUZZ_TIME &&
                sessile_certificate_valid_before(key) > SSH_FUZZ_TIME));
    }
    expect((sessile_certificate_authority(key) != NULL) == sessile_key_has_certificate(key));
}

static int write_public(sessile_key *key, int format, uint8_t *room, size_t size)
{
    int length = sessile_key_write_public(key, format, NULL, 0);

    if (length < 0 || (size_t)length > size)
        return -1;
    expect(sessile_key_write_public(key, format, room, size) == length);
    return length;
}

/* Written and read again it is the same. */
static void round_trip(sessile_key *key, uint8_t *room, size_t size)
{
    sessile_key *again;
    int length;

    for (int format = SESSILE_KEY_LINE; format <= SESSILE_KEY_PUBLIC_PEM; format++) {
        if ((length = write_public(key, format, room, size)) < 0)
            continue;
        expect(sessile_key_read_public(room, (size_t)length, &again, error, sizeof error) == 0);
        expect(sessile_key_equal(key, again) == 1);
        sessile_key_free(again);
    }
    length = sessile_key_blob(key, 1, room, size);
    expect(length > 0 && sessile_key_from_blob(room, (size_t)length, &again, error, sizeof error) == 0);
    expect(sessile_key_equal(key, again) == 1);
    expect(sessile_key_has_certificate(again) == sessile_key_has_certificate(key));
    sessile_key_free(again);
    for (int format = SESSILE_KEY_OPENSSH; format <= SESSILE_KEY_PEM && sessile_key_is_private(key); format++) {
        length = sessile_key_write(key, format, NULL, 0, NULL, 0, room, size);
        if (length < 0 || (size_t)length > size)
            continue;
        expect(sessile_key_read(room, (size_t)length, NULL, 0, &again, error, sizeof error) == 0);
        expect(sessile_key_equal(key, again) == 1 && sessile_key_is_private(again));
        sessile_key_free(again);
    }
}

static void ask(sessile_key *key, unsigned option)
{
    static uint8_t room[400000];
    char text[512];

    expect(sessile_key_type(key)[0] && sessile_key_bits(key) > 0 && sessile_key_comment(key));
    expect(sessile_key_fingerprint(key, SESSILE_FINGERPRINT_SHA256, text, sizeof text) > 0);
    expect(sessile_key_fingerprint(key, SESSILE_FINGERPRINT_MD5, text, sizeof text) > 0);
    expect(sessile_key_randomart(key, SESSILE_FINGERPRINT_SHA256, text, sizeof text) > 0);
    ask_certificate(key, option & 1 ? "192.0.2.7" : NULL);
    round_trip(key, room, sizeof room);
    if (sessile_key_is_private(key) && option & 2) {
        int size = sessile_key_sign(key, NULL, "m", 1, room, sizeof room);

        expect(size < 0 || sessile_key_verify(key, NULL, "m", 1, room, (size_t)size) == 0);
    }
}

/* Whether bcrypt_pbkdf would be asked for many rounds: they are the last field of its options. */
static int is_slow(const uint8_t *text, size_t size)
{
    struct writer decoded = {0};
    struct armor armor;
    struct reader r, options;
    uint32_t rounds = 0;

    if (armor_find(reader_of(text, size), &armor) == 0 && armor_read(&armor, &decoded) == 0) {
        r = reader_of(decoded.data, decoded.size);
        get_bytes(&r, sizeof "openssh-key-v1");
        get_sub32(&r);
        get_sub32(&r);
        options = get_sub32(&r);
        get_sub32(&options);
        rounds = get_u32(&options);
    }
    writer_free(&decoded);
    return rounds > ROUNDS_MOST;
}

static int read_key(unsigned way, const uint8_t *data, size_t size, sessile_key **key)
{
    if (way == READ_PRIVATE)
        return sessile_key_read(data, size, NULL, 0, key, error, sizeof error);
    if (way == READ_LOCKED)
        return sessile_key_read(data, size, PASSPHRASE, sizeof PASSPHRASE - 1, key, error, sizeof error);
    if (way == READ_PUBLIC)
        return sessile_key_read_public(data, size, key, error, sizeof error);
    if (way == READ_BLOB)
        return sessile_key_from_blob(data, size, key, error, sizeof error);
    return sessile_sshsig_verify(data, size, "file", "message", 7, key, error, sizeof error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sessile_key *key = NULL;
    uint8_t way, option, *copy;
    size_t blocks;
    int result;

    if (size < 2)
        return 0;
    ssh_fuzz_begin();
    way = data[0] % WAYS;
    option = data[1];
    copy = fuzz_copy(data + 2, size - 2);
    blocks = fuzz_memory_blocks();
    error[0] = 0;
    if (way == VERIFY_SIGNATURE) {
        result = sessile_key_verify(ssh_fuzz_key(option), NULL, "m", 1, copy, size - 2);
        expect(result == 0 || result == SESSILE_ERR_VERIFY || result == SESSILE_ERR_ARGUMENT);
    } else if (way != READ_LOCKED || !is_slow(copy, size - 2)) {
        result = read_key(way, copy, size - 2, &key);
        check_error(result);
        expect(result != 0 || key);
        expect(result == 0 || way == VERIFY_SSHSIG || !key);
    }
    fuzz_spoil(copy, size - 2);
    if (key)
        ask(key, option);
    sessile_key_free(key);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
