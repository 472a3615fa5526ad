/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in and out of libcrypto's keys. OSSL_PARAM_BLD is not used, since it frees what it holds without wiping it.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "session/memory.h"
#include "ssh/key/types.h"

/* No number of a key is larger: RSA's modulus. */
#define NUMBER_MAX (KEY_RSA_MAX / 8)

void key_params_number(struct key_params *params, const char *name, const BIGNUM *number)
{
    size_t size = (size_t)BN_num_bytes(number);
    uint8_t *room;

    if (params->count == KEY_PARAMS_MAX || !(room = mem_alloc(size))) {
        params->failed = 1;
        return;
    }
    if (BN_bn2nativepad(number, room, (int)size) < 0)
        params->failed = 1;
    params->owned[params->count] = room;
    params->list[params->count++] = OSSL_PARAM_construct_BN(name, room, size);
}

void key_params_octets(struct key_params *params, const char *name, const void *data, size_t size)
{
    if (params->count == KEY_PARAMS_MAX)
        params->failed = 1;
    else
        params->list[params->count++] = OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data, size);
}

void key_params_text(struct key_params *params, const char *name, const char *text)
{
    if (params->count == KEY_PARAMS_MAX)
        params->failed = 1;
    else
        params->list[params->count++] = OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)text, 0);
}

static void params_wipe(struct key_params *params)
{
    for (size_t i = 0; i < params->count; i++)
        if (params->owned[i])
            mem_wipe_free(params->owned[i], params->list[i].data_size);
    memset(params, 0, sizeof *params);
}

int key_params_make(struct key_params *params, const char *type, int selection, EVP_PKEY **pkey)
{
    EVP_PKEY_CTX *context = NULL;
    int r = SESSILE_ERR_MEMORY;

    *pkey = NULL;
    params->list[params->count] = OSSL_PARAM_construct_end();
    ERR_clear_error();
    if (!params->failed && (context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL)) != NULL &&
        EVP_PKEY_fromdata_init(context) == 1)
        r = EVP_PKEY_fromdata(context, pkey, selection, params->list) == 1 ? 0
                                                                           : key_openssl_failure(SESSILE_ERR_ARGUMENT);
    EVP_PKEY_CTX_free(context);
    params_wipe(params);
    ERR_clear_error();
    return r;
}

BIGNUM *key_number_of(const EVP_PKEY *pkey, const char *name)
{
    uint8_t *room = mem_alloc(NUMBER_MAX);
    OSSL_PARAM params[2];
    BIGNUM *number = NULL;

    if (!room)
        return NULL;
    params[0] = OSSL_PARAM_construct_BN(name, room, NUMBER_MAX);
    params[1] = OSSL_PARAM_construct_end();
    if (EVP_PKEY_get_params(pkey, params) == 1 && OSSL_PARAM_modified(params))
        number = BN_native2bn(room, (int)params[0].return_size, NULL);
    mem_wipe_free(room, NUMBER_MAX);
    return number;
}

void key_put_padded(struct writer *w, const BIGNUM *number, size_t width)
{
    uint8_t *room = put_room(w, width);

    if (room && BN_bn2binpad(number, room, (int)width) < 0)
        w->failed = 1;
}

void key_put_number(struct writer *w, const BIGNUM *number)
{
    uint8_t room[NUMBER_MAX];
    size_t size = (size_t)BN_num_bytes(number);

    if (size > sizeof room || BN_bn2binpad(number, room, (int)size) < 0)
        w->failed = 1;
    else
        put_mpint(w, room, size);
    mem_wipe(room, sizeof room);
}
