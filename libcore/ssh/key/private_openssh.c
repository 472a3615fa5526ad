/* SPDX-License-Identifier: Apache-2.0
 *
 * openssh-key-v1 (OpenSSH's PROTOCOL.key): a public key in front, and the private key with its comment, encrypted by
 * what bcrypt_pbkdf makes of a passphrase. One key a file. What is behind the encryption is believed in only where two
 * equal numbers at its start say that the passphrase was right, and where the key in it is the one in front.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/key/bcrypt_pbkdf.h"
#include "ssh/key/private.h"

#define MAGIC "openssh-key-v1" /* and its NUL byte */
#define SALT_SIZE 16
#define ROUNDS_DEFAULT 24
#define TAG_SIZE 16
#define SECRET_MAX 64
#define POLY1305_KEY 32

struct cipher {
    const char *name;
    /* data is replaced by its encryption, or the other way round; tag is written, or checked. 0; ERR_PASSPHRASE where
     * the tag is another. */
    int (*apply)(const struct cipher *cipher, int encrypt, const uint8_t *secret, struct writer *data,
                 uint8_t tag[TAG_SIZE]);
    const char *evp;
    size_t key_size;
    size_t iv_size;
    size_t block_size;
    size_t tag_size;
    int writable;
};

/* ---- Ciphers ---- */

static int run_evp(EVP_CIPHER_CTX *context, int encrypt, struct writer *data, uint8_t tag[TAG_SIZE], int tagged)
{
    int done = 0;

    if (tagged && !encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    if (EVP_CipherUpdate(context, data->data, &done, data->data, (int)data->size) != 1 || (size_t)done != data->size)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    if (EVP_CipherFinal_ex(context, data->data + done, &done) != 1)
        return tagged && !encrypt ? SESSILE_ERR_PASSPHRASE : key_openssl_failure(SESSILE_ERR_CRYPTO);
    if (tagged && encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    return 0;
}

static int apply_evp(const struct cipher *cipher, int encrypt, const uint8_t *secret, struct writer *data,
                     uint8_t tag[TAG_SIZE])
{
    EVP_CIPHER *evp = EVP_CIPHER_fetch(NULL, cipher->evp, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int r;

    if (!evp || !context || EVP_CipherInit_ex2(context, evp, secret, secret + cipher->key_size, encrypt, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(context, 0) != 1)
        r = key_openssl_failure(SESSILE_ERR_CRYPTO);
    else
        r = run_evp(context, encrypt, data, tag, cipher->tag_size != 0);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(evp);
    return r;
}

static int run_chacha20(const uint8_t *secret, uint8_t counter, uint8_t *data, size_t size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t iv[16] = {counter};
    int done = 0, r = 0;

    if (!context || EVP_CipherInit_ex2(context, EVP_chacha20(), secret, iv, 1, NULL) != 1 ||
        EVP_CipherUpdate(context, data, &done, data, (int)size) != 1)
        r = key_openssl_failure(SESSILE_ERR_CRYPTO);
    EVP_CIPHER_CTX_free(context);
    return r;
}

static int make_poly1305(const uint8_t *secret, const struct writer *data, uint8_t tag[TAG_SIZE])
{
    uint8_t key[POLY1305_KEY] = {0};
    size_t size = 0;
    int r = run_chacha20(secret, 0, key, sizeof key);

    if (!r &&
        !EVP_Q_mac(NULL, "POLY1305", NULL, NULL, NULL, key, sizeof key, data->data, data->size, tag, TAG_SIZE, &size))
        r = key_openssl_failure(SESSILE_ERR_CRYPTO);
    mem_wipe(key, sizeof key);
    return r;
}

/* PROTOCOL.chacha20poly1305 for packet number 0, without a length: only the first half of the key is used. */
static int apply_chacha20(const struct cipher *cipher, int encrypt, const uint8_t *secret, struct writer *data,
                          uint8_t tag[TAG_SIZE])
{
    uint8_t real[TAG_SIZE];
    int r = 0;

    (void)cipher;
    if (encrypt)
        r = run_chacha20(secret, 1, data->data, data->size);
    if (!r)
        r = make_poly1305(secret, data, real);
    if (r)
        return r;
    if (encrypt) {
        memcpy(tag, real, sizeof real);
        return 0;
    }
    return CRYPTO_memcmp(tag, real, sizeof real) ? SESSILE_ERR_PASSPHRASE
                                                 : run_chacha20(secret, 1, data->data, data->size);
}

/* The first is the default. CBC is what ssh-keygen once wrote. */
static const struct cipher ciphers[] = {
    {"aes256-ctr", apply_evp, "AES-256-CTR", 32, 16, 16, 0, 1},
    {"aes256-gcm@openssh.com", apply_evp, "AES-256-GCM", 32, 12, 16, TAG_SIZE, 1},
    {"chacha20-poly1305@openssh.com", apply_chacha20, NULL, 64, 0, 8, TAG_SIZE, 1},
    {"aes128-ctr", apply_evp, "AES-128-CTR", 16, 16, 16, 0, 0},
    {"aes192-ctr", apply_evp, "AES-192-CTR", 24, 16, 16, 0, 0},
    {"aes128-gcm@openssh.com", apply_evp, "AES-128-GCM", 16, 12, 16, TAG_SIZE, 0},
    {"aes256-cbc", apply_evp, "AES-256-CBC", 32, 16, 16, 0, 0},
    {"aes192-cbc", apply_evp, "AES-192-CBC", 24, 16, 16, 0, 0},
    {"aes128-cbc", apply_evp, "AES-128-CBC", 16, 16, 16, 0, 0},
};
static const struct cipher unencrypted = {"none", NULL, NULL, 0, 0, 8, 0, 0};

static const struct cipher *find_cipher(struct reader name)
{
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++)
        if (strlen(ciphers[i].name) == name.left && !memcmp(ciphers[i].name, name.data, name.left))
            return &ciphers[i];
    return NULL;
}

static int is_text(struct reader string, const char *text)
{
    return string.left == strlen(text) && !memcmp(string.data, text, string.left);
}

/* secret: key and IV of the cipher. */
static int derive(const struct cipher *cipher, const struct passphrase *passphrase, struct reader salt, uint32_t rounds,
                  uint8_t secret[SECRET_MAX])
{
    return bcrypt_pbkdf(passphrase->data, passphrase->size, salt.data, salt.left, rounds, secret,
                        cipher->key_size + cipher->iv_size);
}

/* ---- Reading ---- */

/* The file's fields. */
struct envelope {
    struct reader cipher_name;
    struct reader kdf_name;
    struct reader kdf_options;
    struct reader public_part;
    struct reader private_part;
    struct reader tag;
    const struct cipher *cipher;
};

static int fail_name(struct key_error *error, const char *what, struct reader name)
{
    char shown[128];

    return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the private key's %s '%s' is not known", what,
                    text_escape(shown, sizeof shown, name.data, name.left));
}

static int choose_cipher(struct envelope *e, struct key_error *error)
{
    if (is_text(e->cipher_name, "none") != is_text(e->kdf_name, "none") ||
        (is_text(e->kdf_name, "none") && e->kdf_options.left))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key's cipher and key derivation do not fit together");
    e->cipher = is_text(e->cipher_name, "none") ? &unencrypted : find_cipher(e->cipher_name);
    if (!e->cipher)
        return fail_name(error, "cipher", e->cipher_name);
    if (e->cipher->apply && !is_text(e->kdf_name, "bcrypt"))
        return fail_name(error, "key derivation", e->kdf_name);
    return 0;
}

static int read_envelope(struct reader r, struct envelope *e, struct key_error *error)
{
    const uint8_t *magic = get_bytes(&r, sizeof MAGIC);
    uint32_t count;
    int code;

    if (!magic || memcmp(magic, MAGIC, sizeof MAGIC) != 0)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key does not begin with '" MAGIC "'");
    e->cipher_name = get_sub32(&r);
    e->kdf_name = get_sub32(&r);
    e->kdf_options = get_sub32(&r);
    count = get_u32(&r);
    if (!r.failed && count != 1)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the file has %u private keys instead of one", (unsigned)count);
    e->public_part = get_sub32(&r);
    e->private_part = get_sub32(&r);
    if (r.failed)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key is cut short");
    if ((code = choose_cipher(e, error)) < 0)
        return code;
    e->tag = reader_of(r.data, e->cipher->tag_size);
    get_bytes(&r, e->cipher->tag_size);
    if (!reader_done(&r))
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key does not end where its cipher says");
    if (!e->private_part.left || e->private_part.left % e->cipher->block_size)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private part has %zu bytes, which are no whole blocks of %zu",
                        e->private_part.left, e->cipher->block_size);
    return 0;
}

/* Said before a passphrase is asked for. */
static int check_type(struct reader public_part, struct key_error *error)
{
    struct reader name = get_sub32(&public_part);
    int certificate = 0;
    const struct key_type *type = key_type_find((const char *)name.data, name.left, &certificate);

    if (name.failed)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key's public part is cut short");
    if (!type)
        return fail_name(error, "type", name);
    if (type->security_key)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED,
                        "this file only names a key in a security key: an agent has to sign with it");
    if (certificate)
        return key_fail(error, SESSILE_ERR_UNSUPPORTED, "the private key has a certificate instead of a public key");
    return 0;
}

static int decrypt(const struct envelope *e, const struct passphrase *passphrase, struct writer *private_part,
                   struct key_error *error)
{
    struct reader options = e->kdf_options, salt = get_sub32(&options);
    uint32_t rounds = get_u32(&options);
    uint8_t secret[SECRET_MAX], tag[TAG_SIZE] = {0};
    int r;

    if (!reader_done(&options) || !salt.left || salt.left > BCRYPT_SALT_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key's salt or rounds are missing or malformed");
    if (!rounds || rounds > BCRYPT_ROUNDS_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT,
                        "the private key wants %u rounds of bcrypt, and 1 to %d are allowed", (unsigned)rounds,
                        BCRYPT_ROUNDS_MAX);
    if (!passphrase->size)
        return passphrase_fail(passphrase, error);
    if (e->tag.left)
        memcpy(tag, e->tag.data, e->tag.left);
    if (!(r = derive(e->cipher, passphrase, salt, rounds, secret)))
        r = e->cipher->apply(e->cipher, 0, secret, private_part, tag);
    mem_wipe(secret, sizeof secret);
    return r == SESSILE_ERR_PASSPHRASE ? passphrase_fail(passphrase, error) : r;
}

static int check_padding(struct reader *r, struct key_error *error)
{
    if (r->left > UINT8_MAX)
        return key_fail(error, SESSILE_ERR_ARGUMENT, "%zu bytes follow the private key's comment", r->left);
    for (uint8_t expected = 1; r->left; expected++)
        if (get_u8(r) != expected)
            return key_fail(error, SESSILE_ERR_ARGUMENT, "the private key's padding is not 1, 2, 3 and so on");
    return 0;
}

static int check_public(const sessile_key *key, struct reader public_part, struct key_error *error)
{
    if (key->blob_size == public_part.left && !memcmp(key->blob, public_part.data, public_part.left))
        return 0;
    return key_fail(error, SESSILE_ERR_ARGUMENT, "the file's public and private key do not belong together");
}

/* What follows the two numbers. */
static int read_key(struct reader r, struct reader public_part, sessile_key **key, struct key_error *error)
{
    struct reader comment;
    int code = key_read_private(&r, key, error);

    if (code < 0)
        return code;
    comment = get_sub32(&r);
    if (r.failed)
        code = key_fail(error, SESSILE_ERR_ARGUMENT, "the private key's comment is cut short");
    else if ((code = key_set_comment(*key, comment.data, comment.left)) == SESSILE_ERR_ARGUMENT)
        key_say(error, "the private key's comment has %zu bytes, and at most %d are allowed", comment.left,
                KEY_COMMENT_MAX);
    if (!code)
        code = check_padding(&r, error);
    if (!code)
        code = check_public(*key, public_part, error);
    if (code < 0) {
        sessile_key_free(*key);
        *key = NULL;
    }
    return code;
}

static int read_private(const struct envelope *e, const struct passphrase *passphrase, sessile_key **key,
                        struct key_error *error)
{
    struct writer plain = {0};
    uint32_t first, second;
    struct reader r;
    int code = 0;

    put_bytes(&plain, e->private_part.data, e->private_part.left);
    if (plain.failed)
        return SESSILE_ERR_MEMORY;
    if (e->cipher->apply)
        code = decrypt(e, passphrase, &plain, error);
    if (!code) {
        r = reader_of(plain.data, plain.size);
        first = get_u32(&r);
        second = get_u32(&r);
        if (first == second && !r.failed)
            code = read_key(r, e->public_part, key, error);
        else
            code = e->cipher->apply ? passphrase_fail(passphrase, error)
                                    : key_fail(error, SESSILE_ERR_ARGUMENT, "the private key's check numbers differ");
    }
    writer_free(&plain);
    return code;
}

int openssh_read(const struct armor *armor, const struct passphrase *passphrase, sessile_key **key,
                 struct key_error *error)
{
    struct writer file = {0};
    struct envelope e;
    int code = armor_read(armor, &file);

    memset(&e, 0, sizeof e);
    if (code == SESSILE_ERR_ARGUMENT)
        key_say(error, "the private key is not base64");
    if (!code)
        code = read_envelope(reader_of(file.data, file.size), &e, error);
    if (!code)
        code = check_type(e.public_part, error);
    if (!code)
        code = read_private(&e, passphrase, key, error);
    writer_free(&file);
    return code;
}

/* ---- Writing ---- */

static int put_private(const sessile_key *key, const struct cipher *cipher, struct writer *out)
{
    uint8_t check[4];
    uint8_t padding = 0;

    if (RAND_bytes(check, sizeof check) != 1)
        return key_openssl_failure(SESSILE_ERR_CRYPTO);
    put_bytes(out, check, sizeof check);
    put_bytes(out, check, sizeof check);
    key_write_private(key, out);
    put_text32(out, key->comment);
    while (out->size % cipher->block_size && !out->failed)
        put_u8(out, ++padding);
    return out->failed ? SESSILE_ERR_MEMORY : 0;
}

/* The private part in place of its plain text, and the tag behind it. */
static int encrypt(const struct cipher *cipher, const struct passphrase *passphrase, const uint8_t salt[SALT_SIZE],
                   uint32_t rounds, struct writer *private_part, uint8_t tag[TAG_SIZE])
{
    uint8_t secret[SECRET_MAX];
    int r = derive(cipher, passphrase, reader_of(salt, SALT_SIZE), rounds, secret);

    if (!r)
        r = cipher->apply(cipher, 1, secret, private_part, tag);
    mem_wipe(secret, sizeof secret);
    return r;
}

static void put_file(const sessile_key *key, const struct cipher *cipher, const uint8_t salt[SALT_SIZE],
                     uint32_t rounds, const struct writer *private_part, const uint8_t tag[TAG_SIZE],
                     struct writer *out)
{
    struct writer file = {0};
    size_t options;

    put_bytes(&file, MAGIC, sizeof MAGIC);
    put_text32(&file, cipher->name);
    put_text32(&file, cipher->apply ? "bcrypt" : "none");
    options = put_begin32(&file);
    if (cipher->apply) {
        put_sized32(&file, salt, SALT_SIZE);
        put_u32(&file, rounds);
    }
    put_end32(&file, options);
    put_u32(&file, 1);
    put_sized32(&file, key->blob, key->blob_size);
    put_sized32(&file, private_part->data, private_part->size);
    put_bytes(&file, tag, cipher->tag_size);
    if (!file.failed)
        armor_write(out, OPENSSH_LABEL, file.data, file.size, ARMOR_WIDTH);
    out->failed |= file.failed;
    writer_free(&file);
}

static int write_with(const sessile_key *key, const struct cipher *cipher, const struct passphrase *passphrase,
                      uint32_t rounds, struct writer *out)
{
    uint8_t salt[SALT_SIZE], tag[TAG_SIZE] = {0};
    struct writer private_part = {0};
    int r = put_private(key, cipher, &private_part);

    if (!r && RAND_bytes(salt, sizeof salt) != 1)
        r = key_openssl_failure(SESSILE_ERR_CRYPTO);
    if (!r && cipher->apply)
        r = encrypt(cipher, passphrase, salt, rounds, &private_part, tag);
    if (!r)
        put_file(key, cipher, salt, rounds, &private_part, tag, out);
    writer_free(&private_part);
    return r;
}

int openssh_write(const sessile_key *key, const struct passphrase *passphrase, const char *cipher, int rounds,
                  struct writer *out)
{
    const struct cipher *found = cipher ? find_cipher(reader_of(cipher, strlen(cipher))) : &ciphers[0];

    if (!found || !found->writable || rounds < 0 || rounds > BCRYPT_ROUNDS_MAX)
        return SESSILE_ERR_ARGUMENT;
    return write_with(key, passphrase->size ? found : &unencrypted, passphrase,
                      rounds ? (uint32_t)rounds : ROUNDS_DEFAULT, out);
}
