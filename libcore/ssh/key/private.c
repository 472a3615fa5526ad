/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys from and to the text of a file: which format it is, and the limits that all of them share.
 */
#include "ssh/key/private.h"

#include <string.h>

#include "ssh/key/bcrypt_pbkdf.h"

int passphrase_fail(const struct passphrase *passphrase, struct key_error *error)
{
    return key_fail(error, SESSILE_ERR_PASSPHRASE,
                    passphrase->size ? "the private key cannot be read with this passphrase"
                                     : "the private key is encrypted, and there is no passphrase");
}

/* ---- Reading ---- */

/* What people take for a private key file, and is none that can be read here. */
static int fail_without_block(struct reader text, struct key_error *error)
{
    static const struct {
        const char *start;
        int code;
        const char *message;
    } others[] = {
        {"-----BEGIN ", SESSILE_ERR_ARGUMENT, "the private key has no end: the file seems to be cut short"},
        {"PuTTY-User-Key-File-", SESSILE_ERR_UNSUPPORTED, "private keys in PuTTY's format cannot be read"},
        {"---- BEGIN SSH2 ENCRYPTED", SESSILE_ERR_UNSUPPORTED, "private keys in ssh.com's format cannot be read"},
        {"---- BEGIN SSH2 PUBLIC", SESSILE_ERR_ARGUMENT, "this is a public key, not a private one"},
        {"SSH PRIVATE KEY FILE FORMAT", SESSILE_ERR_UNSUPPORTED, "private keys of SSH protocol 1 cannot be read"},
        {"ssh-", SESSILE_ERR_ARGUMENT, "this is a public key, not a private one"},
        {"ecdsa-", SESSILE_ERR_ARGUMENT, "this is a public key, not a private one"},
        {"sk-", SESSILE_ERR_ARGUMENT, "this is a public key, not a private one"},
    };
    struct reader line, behind;

    while (text_line(&text, &line))
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (text_starts(line, others[i].start, &behind))
                return key_fail(error, others[i].code, "%s", others[i].message);
    return key_fail(error, SESSILE_ERR_ARGUMENT,
                    "this is no private key: it has no line that begins with '-----BEGIN'");
}

static int read_text(struct reader text, const struct passphrase *passphrase, sessile_key **key,
                     struct key_error *error)
{
    struct armor armor;

    if (text.left > KEY_FILE_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key file has %zu bytes, and at most %d are allowed",
                        text.left, KEY_FILE_MAX);
    if (passphrase->size > KEY_PASSPHRASE_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the passphrase has %zu bytes, and at most %d are allowed",
                        passphrase->size, KEY_PASSPHRASE_MAX);
    if (armor_find(text, &armor) < 0)
        return fail_without_block(text, error);
    if (!armor_has_label(&armor, OPENSSH_LABEL))
        return pem_read(text, passphrase, key, error);
    if (!text_is_blank(armor.before) || !text_is_blank(armor.after))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "there is text around the private key");
    return openssh_read(&armor, passphrase, key, error);
}

int sessile_key_read(const void *data, size_t size, const void *passphrase, size_t passphrase_size, sessile_key **key,
                     char *error, size_t error_size)
{
    struct key_error told = key_error_of(error, error_size);
    struct passphrase given = {passphrase, passphrase ? passphrase_size : 0};

    if (!key)
        return SESSILE_ERR_ARGUMENT;
    *key = NULL;
    if (!data && size)
        return key_done(&told, SESSILE_ERR_ARGUMENT);
    return key_done(&told, read_text(reader_of(data, size), &given, key, &told));
}

/* ---- Writing ---- */

static int write_text(const sessile_key *key, int format, const struct passphrase *passphrase, const char *cipher,
                      int rounds, struct writer *out)
{
    if (!key->is_private || passphrase->size > KEY_PASSPHRASE_MAX)
        return SESSILE_ERR_ARGUMENT;
    if (format == SESSILE_KEY_OPENSSH)
        return openssh_write(key, passphrase, cipher, rounds, out);
    if (format == SESSILE_KEY_PKCS8 || format == SESSILE_KEY_PEM)
        return pem_write(key, format, passphrase, out);
    return SESSILE_ERR_ARGUMENT;
}

int sessile_key_write(sessile_key *key, int format, const void *passphrase, size_t passphrase_size, const char *cipher,
                      int rounds, void *data, size_t size)
{
    struct passphrase given = {passphrase, passphrase ? passphrase_size : 0};
    struct writer out = {0};

    if (!key || (!data && size))
        return SESSILE_ERR_ARGUMENT;
    if (!size && rounds >= 0 && rounds <= BCRYPT_ROUNDS_MAX)
        rounds = 1; /* only the length is wanted, which is the same */
    return key_give(&out, key_done(NULL, write_text(key, format, &given, cipher, rounds, &out)), data, size);
}
