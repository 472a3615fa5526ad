/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and configs stay until the process ends. Key exchange is curve25519 and host keys are Ed25519 wherever an input
 * does not ask for more: a handshake is what an input costs. */
#include "ssh_setup.h"

#include <string.h>

#define ITEMS 48

static sessile_key *keys[SSH_KEYS];

static void certify(unsigned index, int kind, const char *principal)
{
    const char *names[] = {principal, "other"};
    sessile_key *certificate = NULL, *with = NULL;

    expect(sessile_certificate_sign(keys[index], keys[SSH_KEY_AUTHORITY], NULL, kind, 7, "fuzz", names, 2, 0,
                                    UINT64_MAX, NULL, 0, NULL, 0, &certificate) == 0);
    expect(sessile_key_with_certificate(keys[index], certificate, &with) == 0);
    sessile_key_free(certificate);
    sessile_key_free(keys[index]);
    keys[index] = with;
}

static void make_keys(void)
{
    static const char *const types[SSH_KEYS] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-ed25519",
                                                "ecdsa-sha2-nistp256", "ssh-ed25519"};

    for (unsigned i = 0; i < SSH_KEYS; i++)
        expect(sessile_key_generate(types[i], 0, "fuzz", &keys[i]) == 0);
    certify(SSH_KEY_HOST, SESSILE_CERTIFICATE_HOST, SSH_FUZZ_HOST);
    certify(SSH_KEY_USER, SESSILE_CERTIFICATE_USER, SSH_FUZZ_USER);
}

void ssh_fuzz_begin(void)
{
    fuzz_begin();
    if (keys[0])
        return;
    make_keys();
    fuzz_begin();
}

sessile_key *ssh_fuzz_key(unsigned index)
{
    return keys[index % SSH_KEYS];
}

/* The public half alone. */
static sessile_key *public_of(unsigned index)
{
    uint8_t blob[2048];
    sessile_key *key = NULL;
    int size = sessile_key_blob(keys[index], 0, blob, sizeof blob);

    expect(size > 0 && sessile_key_from_blob(blob, (size_t)size, &key, NULL, 0) == 0);
    return key;
}

/* ---- configs ---- */

static void set_suite(sessile_ssh_config *config, unsigned suite)
{
    static const struct {
        const char *cipher;
        const char *mac;
        const char *compression;
    } suites[SSH_SETUP_SUITE + 1] = {
        {"aes128-gcm@openssh.com", NULL, NULL},
        {"chacha20-poly1305@openssh.com", NULL, NULL},
        {"aes128-ctr", "hmac-sha2-256-etm@openssh.com", NULL},
        {"aes256-ctr", "hmac-sha2-512", NULL},
        {"aes256-gcm@openssh.com", NULL, "zlib@openssh.com"},
        {"aes192-ctr", "hmac-sha2-256", "zlib@openssh.com"},
        {NULL, NULL, NULL},
        {"chacha20-poly1305@openssh.com", NULL, "zlib@openssh.com,none"},
    };

    if (suites[suite].cipher)
        expect(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_CIPHERS, suites[suite].cipher) == 0);
    if (suites[suite].mac)
        expect(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_MACS, suites[suite].mac) == 0);
    if (suites[suite].compression)
        expect(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_COMPRESSION, suites[suite].compression) == 0);
}

static void set_limits(sessile_ssh_config *config)
{
    expect(sessile_ssh_config_set_limit(config, SESSILE_SSH_LIMIT_CHANNELS, 6) == 0);
    expect(sessile_ssh_config_set_limit(config, SESSILE_SSH_LIMIT_WINDOW, 65536) == 0);
    expect(sessile_ssh_config_set_limit(config, SESSILE_SSH_LIMIT_MEMORY, 1 << 20) == 0);
    expect(sessile_ssh_config_set_rekey(config, 100000, 64) == 0);
}

/* Which is the first choice goes with the suite, so that two ends of one suite do meet at each of them. */
static const char *kex_of(unsigned number)
{
    static const char *const every[] = {
        "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256",
        "ecdh-sha2-nistp256,diffie-hellman-group14-sha256,curve25519-sha256,diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group-exchange-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,curve25519-sha256",
        "diffie-hellman-group14-sha256,diffie-hellman-group-exchange-sha256,curve25519-sha256,ecdh-sha2-nistp256",
    };

    return number & SSH_SETUP_KEX ? every[number & 3] : "curve25519-sha256,curve25519-sha256@libssh.org";
}

static void set_common(sessile_ssh_config *config, unsigned number)
{
    expect(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_KEX, kex_of(number)) == 0);
    expect(sessile_ssh_config_insecure_keylog(config, 1) == 0);
    set_suite(config, number & SSH_SETUP_SUITE);
    if (number & SSH_SETUP_SMALL)
        set_limits(config);
}

static void set_trust(sessile_ssh_config *config)
{
    sessile_known_hosts *known = NULL;
    sessile_krl *krl = NULL;
    char text[2048];
    int size = sessile_known_hosts_line(SSH_FUZZ_HOST, 22, keys[SSH_KEY_HOST], 1, text, sizeof text);

    expect(size > 0 && size < (int)sizeof text);
    expect(sessile_known_hosts_read(text, (size_t)size, NULL, &known, NULL, 0) == 0);
    expect(sessile_ssh_config_set_known_hosts(config, known) == 0);
    sessile_known_hosts_free(known);
    size = sessile_key_write_public(keys[SSH_KEY_USER_P256], SESSILE_KEY_LINE, text, sizeof text);
    expect(sessile_krl_read(text, (size_t)size, &krl, NULL, 0) == 0);
    expect(sessile_ssh_config_set_krl(config, krl) == 0);
    sessile_krl_free(krl);
}

static void set_client(sessile_ssh_config *config, unsigned number)
{
    sessile_key *half;

    if (number & SSH_SETUP_TRUST)
        set_trust(config);
    if (number & SSH_SETUP_METHODS)
        expect(sessile_ssh_config_ask_new_host_keys(config, 1) == 0);
    if (!(number & SSH_SETUP_KEYS))
        return;
    half = public_of(SSH_KEY_USER_P256);
    expect(sessile_ssh_config_add_user_key(config, half) == 0);
    expect(sessile_ssh_config_add_user_key(config, keys[SSH_KEY_USER]) == 0);
    sessile_key_free(half);
}

static void set_server(sessile_ssh_config *config, unsigned number)
{
    static const char banner[] = "Hello\r\n\033[1m";
    sessile_key *half;

    expect(sessile_ssh_config_add_host_key(config, keys[SSH_KEY_HOST]) == 0);
    if (number & SSH_SETUP_TRUST)
        expect(sessile_ssh_config_set_algorithms(config, SESSILE_SSH_HOST_KEYS, "^ssh-ed25519-cert-v01@openssh.com") ==
               0);
    half = public_of(SSH_KEY_HOST_P256);
    if (number & SSH_SETUP_KEYS)
        expect(sessile_ssh_config_add_host_key(config, number & SSH_SETUP_KEX ? keys[SSH_KEY_HOST_P256] : half) == 0);
    sessile_key_free(half);
    if (!(number & SSH_SETUP_METHODS))
        return;
    expect(sessile_ssh_config_set_banner(config, banner, sizeof banner - 1) == 0);
    expect(sessile_ssh_config_set_auth_methods(config, "publickey,password keyboard-interactive,none hostbased") == 0);
}

sessile_ssh_config *ssh_setup(int role, unsigned number)
{
    static sessile_ssh_config *made[2][256];
    sessile_ssh_config **config = &made[role][number & 0xff];

    if (*config)
        return *config;
    expect((*config = sessile_ssh_config_new(role)));
    set_common(*config, number);
    if (role == SESSILE_CLIENT)
        set_client(*config, number);
    else
        set_server(*config, number);
    expect(sessile_ssh_config_check(*config) == 0);
    return *config;
}

/* ---- answers ---- */

void ssh_fuzz_read(sessile_question *question)
{
    const void *data;
    size_t size;

    for (int item = 0; item < ITEMS; item++)
        for (size_t i = 0; i < sessile_question_count(question, item); i++) {
            expect(sessile_question_get(question, item, i, &data, &size) == 0);
            expect(((const uint8_t *)data)[size] == 0);
        }
    expect(sessile_question_get(question, ITEMS, 0, &data, &size) == SESSILE_ERR_ARGUMENT);
}

static void put(sessile_question *question, int item, const char *text)
{
    int result = sessile_question_put(question, item, text, strlen(text));

    expect(result == 0 || result == SESSILE_ERR_GONE || result == SESSILE_ERR_MEMORY || result == SESSILE_ERR_LIMIT);
}

static void give_method(sessile_question *question, unsigned how)
{
    static const char *const methods[] = {"password", "keyboard-interactive", "publickey", "none", "hostbased"};
    const char *method = methods[how % 5];

    put(question, SESSILE_ITEM_METHOD, method);
    if (how % 5 == 0)
        put(question, SESSILE_ITEM_PASSWORD, how & 8 ? "" : "secret");
    if (how % 5 == 2 || how % 5 == 4)
        sessile_ssh_question_use_key(question, keys[how & 8 ? SSH_KEY_USER_P256 : SSH_KEY_USER]);
    if (how % 5 == 4) {
        put(question, SESSILE_ITEM_HOST, "client.test");
        put(question, SESSILE_ITEM_USER, "local");
    }
}

static void give_responses(sessile_question *question, unsigned how)
{
    size_t count = sessile_question_count(question, SESSILE_ITEM_PROMPT);

    for (size_t i = 0; i < count && i < 300; i++)
        put(question, SESSILE_ITEM_RESPONSE, how & 1 ? "" : "answer");
}

static void give_signature(sessile_question *question, unsigned how)
{
    const void *data = "", *algorithm = "", *blob = "";
    size_t data_size = 0, size = 0, blob_size = 0;
    uint8_t signature[512], own[2048];
    int length;

    sessile_question_get(question, SESSILE_ITEM_DATA, 0, &data, &data_size);
    sessile_question_get(question, SESSILE_ITEM_ALGORITHM, 0, &algorithm, &size);
    sessile_question_get(question, SESSILE_ITEM_KEY, 0, &blob, &blob_size);
    for (unsigned i = 0; i < SSH_KEYS; i++) {
        length = sessile_key_blob(keys[i], 0, own, sizeof own);
        if (length < 0 || (size_t)length != blob_size || memcmp(own, blob, blob_size) != 0)
            continue;
        length = sessile_key_sign(keys[i], algorithm, data, data_size, signature, sizeof signature);
        if (length > 0 && how & 16)
            signature[length - 1] ^= 1;
        if (length > 0)
            sessile_question_put(question, SESSILE_ITEM_SIGNATURE, signature, (size_t)length);
    }
}

/* The first round of keyboard-interactive. */
static void give_prompts(sessile_question *question, unsigned how)
{
    const void *method = "";
    size_t size = 0;

    sessile_question_get(question, SESSILE_ITEM_METHOD, 0, &method, &size);
    if (size != 20 || memcmp(method, "keyboard-interactive", 20) != 0)
        return;
    put(question, SESSILE_ITEM_NAME, "name");
    put(question, SESSILE_ITEM_INSTRUCTION, "");
    for (unsigned i = 0; i < (how & 3); i++) {
        put(question, SESSILE_ITEM_PROMPT, "?");
        put(question, SESSILE_ITEM_ECHO, i ? "1" : "0");
    }
}

int ssh_fuzz_accept(sessile_question *question, unsigned how)
{
    switch (sessile_question_kind(question)) {
    case SESSILE_QUESTION_SSH_AUTHENTICATE:
        give_method(question, how);
        break;
    case SESSILE_QUESTION_SSH_PASSWORD_CHANGE:
        put(question, SESSILE_ITEM_PASSWORD, "secret");
        put(question, SESSILE_ITEM_NEW_PASSWORD, "changed");
        break;
    case SESSILE_QUESTION_SSH_PROMPTS:
        give_responses(question, how);
        break;
    case SESSILE_QUESTION_SSH_SIGN:
        give_signature(question, how);
        break;
    case SESSILE_QUESTION_SSH_USER:
        give_prompts(question, how);
        break;
    case SESSILE_QUESTION_SSH_FORWARD:
        put(question, SESSILE_ITEM_PORT, "2222");
        break;
    default:
        break;
    }
    return sessile_question_accept(question);
}
