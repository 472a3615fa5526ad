/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of files and messages (OpenSSH's PROTOCOL.sshsig). What is signed is never the message itself, but a
 * structure with its hash and a namespace, and begins as nothing does that is signed in an SSH session.
 */
#include <string.h>

#include <openssl/evp.h>

#include "session/error.h"
#include "ssh/key/armor.h"
#include "ssh/key/key.h"

#define MAGIC "SSHSIG" /* without a NUL byte */
#define MAGIC_SIZE (sizeof MAGIC - 1)
#define VERSION 1
#define LABEL "SSH SIGNATURE"
#define TEXT_MAX KEY_FILE_MAX
#define NAMESPACE_MAX 1024

struct hash {
    const char *name;
    const EVP_MD *(*digest)(void);
};

/* The first is the default. */
static const struct hash hashes[] = {{"sha512", EVP_sha512}, {"sha256", EVP_sha256}};

static const struct hash *find_hash(const void *name, size_t size)
{
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        if (strlen(hashes[i].name) == size && !memcmp(hashes[i].name, name, size))
            return &hashes[i];
    return NULL;
}

static int is_namespace(const char *name_space)
{
    return name_space && name_space[0] && strlen(name_space) <= NAMESPACE_MAX;
}

/* What the key signs. */
static int put_signed(struct writer *out, const char *name_space, const struct hash *hash, const void *message,
                      size_t size)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;

    if (EVP_Digest(message, size, digest, &digest_size, hash->digest(), NULL) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    put_bytes(out, MAGIC, MAGIC_SIZE);
    put_text32(out, name_space);
    put_text32(out, "");
    put_text32(out, hash->name);
    put_sized32(out, digest, digest_size);
    return out->failed ? SESSILE_ERR_MEMORY : 0;
}

/* ---- Signing ---- */

static void put_blob(struct writer *out, const sessile_key *key, const char *name_space, const struct hash *hash,
                     const struct writer *signature)
{
    size_t size;
    const uint8_t *blob = key_wire_blob(key, key->certificate != NULL, &size);

    put_bytes(out, MAGIC, MAGIC_SIZE);
    put_u32(out, VERSION);
    put_sized32(out, blob, size);
    put_text32(out, name_space);
    put_text32(out, "");
    put_text32(out, hash->name);
    put_sized32(out, signature->data, signature->size);
}

/* A signature of the greatest size that the key's can have: what is asked for is only how long the text will be. */
static int put_largest(sessile_key *key, struct writer *out)
{
    int size = sessile_key_sign(key, NULL, NULL, 0, NULL, 0);
    uint8_t *room = size < 0 ? NULL : put_room(out, (size_t)size);

    if (room)
        memset(room, 0, (size_t)size);
    return size < 0 ? size : 0;
}

static int make_signature(const sessile_key *key, const char *name_space, const struct hash *hash, const void *message,
                          size_t size, struct writer *out)
{
    struct writer input = {0};
    int r = put_signed(&input, name_space, hash, message, size);

    if (!r)
        r = key_sign(key, key_algorithm_best(key->type), input.data, input.size, out);
    writer_free(&input);
    return r;
}

static int put_text(const sessile_key *key, const char *name_space, const struct hash *hash,
                    const struct writer *signature, struct writer *out)
{
    struct writer blob = {0};
    int r = signature->failed ? SESSILE_ERR_MEMORY : 0;

    if (!r) {
        put_blob(&blob, key, name_space, hash, signature);
        r = blob.failed ? SESSILE_ERR_MEMORY : 0;
    }
    if (!r)
        armor_write(out, LABEL, blob.data, blob.size, ARMOR_WIDTH);
    writer_free(&blob);
    return r;
}

int sessile_key_sshsig(sessile_key *key, const char *name_space, const char *hash, const void *message,
                       size_t message_size, void *data, size_t size)
{
    const struct hash *chosen = hash ? find_hash(hash, strlen(hash)) : &hashes[0];
    struct writer signature = {0}, out = {0};
    int r;

    if (!key || !key->is_private || !chosen || !is_namespace(name_space) || (!message && message_size) ||
        (!data && size))
        return SESSILE_ERR_ARGUMENT;
    r = size ? make_signature(key, name_space, chosen, message, message_size, &signature)
             : put_largest(key, &signature);
    if (!r)
        r = put_text(key, name_space, chosen, &signature, &out);
    writer_free(&signature);
    return key_give(&out, key_done(NULL, r), data, size);
}

/* ---- Verifying ---- */

/* A signature's fields. */
struct sshsig {
    struct reader key;
    struct reader name_space;
    struct reader reserved;
    struct reader hash;
    struct reader signature;
};

static int parse(struct reader r, struct sshsig *s, struct key_error *error)
{
    const uint8_t *magic = get_bytes(&r, MAGIC_SIZE);
    uint32_t version = get_u32(&r);

    memset(s, 0, sizeof *s);
    if (!magic || memcmp(magic, MAGIC, MAGIC_SIZE) != 0)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the signature does not begin with '" MAGIC "'");
    if (!r.failed && version != VERSION)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the signature's version is %u instead of %d",
                        (unsigned)version, VERSION);
    s->key = get_sub32(&r);
    s->name_space = get_sub32(&r);
    s->reserved = get_sub32(&r);
    s->hash = get_sub32(&r);
    s->signature = get_sub32(&r);
    if (!reader_done(&r))
        return key_fail(error, SESSILE_ERR_ARGUMENT,
                        r.failed ? "the signature is cut short" : "something follows the signature");
    if (s->reserved.left)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the signature's reserved field has %zu bytes",
                        s->reserved.left);
    return 0;
}

static int check_fields(const struct sshsig *s, const char *name_space, const struct hash **hash,
                        struct key_error *error)
{
    char shown[128];

    if (s->name_space.left != strlen(name_space) || memcmp(s->name_space.data, name_space, s->name_space.left) != 0)
        return key_fail(error, SESSILE_ERR_VERIFY, "the signature is for the namespace '%s'",
                        text_escape(shown, sizeof shown, s->name_space.data, s->name_space.left));
    if (!(*hash = find_hash(s->hash.data, s->hash.left)))
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the signature's hash '%s' is not known",
                        text_escape(shown, sizeof shown, s->hash.data, s->hash.left));
    return 0;
}

static int check_signature(const sessile_key *key, const struct sshsig *s, const struct writer *input,
                           struct key_error *error)
{
    const struct key_algorithm *algorithm = key_algorithm_of_signature(key, s->signature.data, s->signature.left);
    int flags = 0, r;

    if (!algorithm)
        return key_fail(error, SESSILE_ERR_VERIFY, "the signature's algorithm is none that a %s key may sign with",
                        key->type->name);
    r = key_verify(key, algorithm, input->data, input->size, s->signature.data, s->signature.left, &flags);
    if (r < 0)
        return key_fail(error, r, "the signature does not fit the message");
    if (key->type->security_key && !(flags & KEY_SK_PRESENCE))
        return key_fail(error, SESSILE_ERR_VERIFY, "the security key signed without anybody present");
    return 0;
}

static int verify(const struct sshsig *s, const char *name_space, const void *message, size_t size,
                  sessile_key **signer, struct key_error *error)
{
    const struct hash *hash;
    struct writer input = {0};
    sessile_key *key = NULL;
    int r = check_fields(s, name_space, &hash, error);

    if (!r)
        r = key_from_blob(s->key.data, s->key.left, &key, error);
    if (!r)
        r = put_signed(&input, name_space, hash, message, size);
    if (!r)
        r = check_signature(key, s, &input, error);
    writer_free(&input);
    if (r < 0)
        sessile_key_free(key);
    else
        *signer = key;
    return r;
}

static int verify_text(struct reader text, const char *name_space, const void *message, size_t size,
                       sessile_key **signer, struct key_error *error)
{
    struct writer blob = {0};
    struct armor armor;
    struct sshsig s;
    int r;

    if (text.left > TEXT_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the signature has %zu bytes, and at most %d are allowed",
                        text.left, TEXT_MAX);
    if (armor_find(text, &armor) < 0 || !armor_has_label(&armor, LABEL) || !text_is_blank(armor.before) ||
        !text_is_blank(armor.after))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "there is no '" LABEL "', or something around it");
    if ((r = armor_read(&armor, &blob)) == SESSILE_ERR_ARGUMENT)
        key_say(error, "the signature is not base64");
    if (!r)
        r = parse(reader_of(blob.data, blob.size), &s, error);
    if (!r)
        r = verify(&s, name_space, message, size, signer, error);
    writer_free(&blob);
    return r;
}

int sessile_sshsig_verify(const void *text, size_t text_size, const char *name_space, const void *message,
                          size_t message_size, sessile_key **signer, char *error, size_t error_size)
{
    struct key_error told = key_error_of(error, error_size);

    if (!signer)
        return SESSILE_ERR_ARGUMENT;
    *signer = NULL;
    if (!is_namespace(name_space) || (!text && text_size) || (!message && message_size))
        return key_done(&told, SESSILE_ERR_ARGUMENT);
    return key_done(&told, verify_text(reader_of(text, text_size), name_space, message, message_size, signer, &told));
}
