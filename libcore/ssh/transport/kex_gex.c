/* SPDX-License-Identifier: Apache-2.0
 *
 * diffie-hellman-group-exchange-sha256 (RFC 4419): the client says how large a group it wants, the server chooses one,
 * and Diffie-Hellman follows in it. What a client sent is hashed as it was sent. A server's group is not tested for
 * primality, which takes seconds: who chooses a bad one gives away nothing but the session it is in anyway. The older
 * request with a single size (message 30) is not taken. */
#include <openssl/err.h>

#include "ssh/config.h"
#include "ssh/transport/kex.h"
#include "ssh/transport/moduli.h"

#define SIZE_MINIMUM 0
#define SIZE_PREFERRED 1
#define SIZE_MAXIMUM 2

static void put_number(struct writer *w, const BIGNUM *number)
{
    size_t size = (size_t)BN_num_bytes(number), begin = put_begin32(w);
    uint8_t *room;

    if (BN_num_bits(number) % 8 == 0)
        put_u8(w, 0);
    room = put_room(w, size);
    if (room && BN_bn2binpad(number, room, (int)size) < 0)
        w->failed = 1;
    put_end32(w, begin);
}

int kex_gex_send_request(struct ssh *ssh, struct kex *kex)
{
    const sessile_ssh_config *config = ssh->config;
    uint8_t room[MESSAGE_ROOM];
    struct writer w = writer_in(room, sizeof room);

    kex->sizes[SIZE_MINIMUM] = (uint32_t)config->group_minimum;
    kex->sizes[SIZE_PREFERRED] = (uint32_t)config->group_preferred;
    kex->sizes[SIZE_MAXIMUM] = (uint32_t)config->group_maximum;
    put_u8(&w, MSG_KEX_GEX_REQUEST);
    for (size_t i = 0; i < 3; i++)
        put_u32(&w, kex->sizes[i]);
    return ssh_send_message(ssh, &w);
}

static uint32_t within(uint32_t value, uint32_t least, uint32_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* The group that suits the sizes asked for and the config's bounds. */
static int choose(struct ssh *ssh, struct kex *kex)
{
    const sessile_ssh_config *config = ssh->config;
    uint32_t least = (uint32_t)config->group_minimum, most = (uint32_t)config->group_maximum;
    uint32_t minimum = kex->sizes[SIZE_MINIMUM], maximum = kex->sizes[SIZE_MAXIMUM];
    uint32_t preferred = kex->sizes[SIZE_PREFERRED];
    int result = SESSILE_ERR_ARGUMENT;

    if (minimum <= preferred && preferred <= maximum && maximum >= least && minimum <= most)
        result = moduli_choose(config->moduli, config->moduli_size, within(minimum, least, most),
                               within(preferred, least, most), within(maximum, least, most), &kex->p, &kex->g);
    if (result != SESSILE_ERR_ARGUMENT)
        return result < 0 ? kex_fail(ssh, kex, result, "a group") : SESSILE_OK;
    return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_NEGOTIATION,
                    "the client wants a group of %lu to %lu bits, best %lu: there is none within %lu and %lu",
                    (unsigned long)minimum, (unsigned long)maximum, (unsigned long)preferred, (unsigned long)least,
                    (unsigned long)most);
}

int kex_gex_recv_request(struct ssh *ssh, struct kex *kex, struct reader *r)
{
    struct writer w = {0};
    int result;

    for (size_t i = 0; i < 3; i++)
        kex->sizes[i] = get_u32(r);
    if (!reader_done(r))
        return SESSILE_OK; /* the dispatcher's to say */
    if ((result = choose(ssh, kex)) < 0)
        return result;
    put_u8(&w, MSG_KEX_REPLY); /* 31 is KEX_DH_GEX_GROUP here */
    put_number(&w, kex->p);
    put_number(&w, kex->g);
    kex->due = MSG_KEX_GEX_INIT;
    return ssh_send_message(ssh, &w);
}

int kex_gex_check(struct kex *kex)
{
    uint32_t bits = (uint32_t)BN_num_bits(kex->p);
    BIGNUM *top = BN_dup(kex->p);
    int result = SESSILE_ERR_PROTOCOL;

    if (!top || BN_sub_word(top, 1) != 1) {
        result = key_openssl_failure(SESSILE_ERR_MEMORY);
    } else if (bits < kex->sizes[SIZE_MINIMUM] || bits > kex->sizes[SIZE_MAXIMUM]) {
        kex->why = "its size is not within what was asked for";
    } else if (!BN_is_odd(kex->p)) {
        kex->why = "its modulus is even";
    } else if (BN_cmp(kex->g, BN_value_one()) <= 0 || BN_cmp(kex->g, top) >= 0) {
        kex->why = "its generator is not between 1 and p - 1";
    } else {
        result = SESSILE_OK;
    }
    BN_free(top);
    return result;
}

int kex_gex_recv_group(struct ssh *ssh, struct kex *kex, struct reader *r)
{
    struct reader p = get_mpint(r), g = get_mpint(r);
    int result;

    if (!reader_done(r))
        return SESSILE_OK; /* the dispatcher's to say */
    ERR_clear_error();
    kex->p = BN_bin2bn(p.data, (int)p.left, NULL);
    kex->g = BN_bin2bn(g.data, (int)g.left, NULL);
    result = kex->p && kex->g ? kex_gex_check(kex) : key_openssl_failure(SESSILE_ERR_MEMORY);
    return result < 0 ? kex_fail(ssh, kex, result, "the server's group") : SESSILE_OK;
}

const struct kex_method kex_method_gex_sha256 = {
    .name = "diffie-hellman-group-exchange-sha256",
    .digest = "SHA256",
    .public_is_mpint = 1,
    .group_exchange = 1,
    .begin = dh_begin,
    .complete = dh_complete,
    .release = kex_pair_release,
};
