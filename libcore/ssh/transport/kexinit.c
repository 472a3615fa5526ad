/* SPDX-License-Identifier: Apache-2.0
 *
 * KEXINIT (RFC 4253, section 7.1): written, read, and what follows from the two of them: the algorithms, whether the
 * exchange is strict (OpenSSH's PROTOCOL, section 1.10), whether the peer takes EXT_INFO (RFC 8308, section 2.1), and
 * what becomes of a packet that the peer sent on a guess. We never guess.
 *
 * A name-list may be empty, have empty names, and have names that nobody knows, of any length and with any byte: they
 * are in common with nothing. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/config.h"
#include "ssh/transport/kex.h"

#define KEXINIT_ROOM 4096
#define LIST_MAX 16384

#define EXT_INFO_CLIENT "ext-info-c"
#define EXT_INFO_SERVER "ext-info-s"
#define STRICT_CLIENT "kex-strict-c-v00@openssh.com"
#define STRICT_SERVER "kex-strict-s-v00@openssh.com"

enum list {
    LIST_KEX,
    LIST_HOST_KEY,
    LIST_CIPHER_TO_SERVER,
    LIST_CIPHER_TO_CLIENT,
    LIST_MAC_TO_SERVER,
    LIST_MAC_TO_CLIENT,
    LIST_COMPRESSION_TO_SERVER,
    LIST_COMPRESSION_TO_CLIENT,
    LIST_LANGUAGE_TO_SERVER,
    LIST_LANGUAGE_TO_CLIENT,
    LISTS
};

static const char *const list_names[LISTS] = {
    "key exchange",
    "host key",
    "cipher, client to server",
    "cipher, server to client",
    "MAC, client to server",
    "MAC, server to client",
    "compression, client to server",
    "compression, server to client",
    "language, client to server",
    "language, server to client",
};

struct kexinit {
    struct reader lists[LISTS];
    int guess; /* first_kex_packet_follows */
};

/* ---- writing ---- */

static int is_first(const struct ssh *ssh)
{
    return ssh->phase == SSH_KEX;
}

static void put_name(struct writer *w, size_t begin, const char *name, size_t size)
{
    if (w->size > begin)
        put_u8(w, ',');
    put_bytes(w, name, size);
}

static void put_methods(const struct ssh *ssh, struct writer *w)
{
    size_t begin = put_begin32(w);
    const char *list = ssh->config->lists[SESSILE_SSH_KEX];

    put_name(w, begin, list, strlen(list));
    if (is_first(ssh) && ssh->role == SESSILE_CLIENT) {
        put_name(w, begin, EXT_INFO_CLIENT, strlen(EXT_INFO_CLIENT));
        put_name(w, begin, STRICT_CLIENT, strlen(STRICT_CLIENT));
    } else if (is_first(ssh)) {
        put_name(w, begin, STRICT_SERVER, strlen(STRICT_SERVER));
    }
    put_end32(w, begin);
}

/* A client puts first what it knows the host by; at a rekey what was negotiated before, since the key must be the
 * same. */
static void put_client_host_keys(const struct ssh *ssh, struct writer *w)
{
    const char *list = ssh->config->lists[SESSILE_SSH_HOST_KEYS], *name;
    char known[KEX_KNOWN_ROOM];
    const char *preferred = known;
    size_t begin = put_begin32(w), size;

    if (is_first(ssh))
        kex_host_key_known(ssh, known);
    else
        preferred = ssh->transport.host_key_name;
    for (int round = 1; round >= 0; round--)
        for (size_t at = 0; (name = names_next(list, &at, &size));)
            if (names_have(preferred, name, size) == round)
                put_name(w, begin, name, size);
    put_end32(w, begin);
}

static void put_init(const struct ssh *ssh, const struct kex *kex, struct writer *w)
{
    const sessile_ssh_config *config = ssh->config;

    put_u8(w, MSG_KEXINIT);
    put_bytes(w, kex->cookie, sizeof kex->cookie);
    put_methods(ssh, w);
    if (ssh->role == SESSILE_CLIENT)
        put_client_host_keys(ssh, w);
    else
        put_text32(w, config->host_key_offer);
    for (int kind = SESSILE_SSH_CIPHERS; kind <= SESSILE_SSH_COMPRESSION; kind++) {
        put_text32(w, config->lists[kind]);
        put_text32(w, config->lists[kind]);
    }
    put_text32(w, ""); /* languages */
    put_text32(w, "");
    put_u8(w, 0); /* no guess */
    put_u32(w, 0);
}

int kexinit_send(struct ssh *ssh, struct kex *kex)
{
    uint8_t room[KEXINIT_ROOM];
    struct writer w = writer_in(room, sizeof room);

    ERR_clear_error();
    if (RAND_bytes(kex->cookie, sizeof kex->cookie) != 1)
        return kex_fail(ssh, kex, key_openssl_failure(SESSILE_ERR_CRYPTO), "our cookie");
    put_init(ssh, kex, &w);
    kex->own_init = w.failed ? NULL : mem_copy(w.data, w.size);
    kex->own_init_size = w.size;
    if (!kex->own_init) {
        writer_free(&w);
        return ssh_no_memory(ssh, "KEXINIT");
    }
    kex->own_sent = 1;
    return ssh_send_message(ssh, &w);
}

/* ---- reading ---- */

static void get_init(struct reader *r, struct kexinit *init)
{
    get_bytes(r, KEX_COOKIE);
    for (size_t i = 0; i < LISTS; i++)
        init->lists[i] = get_sub32(r);
    init->guess = get_u8(r) != 0;
    get_u32(r); /* reserved */
}

static int check_sizes(struct ssh *ssh, const struct kexinit *init)
{
    for (size_t i = 0; i < LISTS; i++)
        if (init->lists[i].left > LIST_MAX)
            return ssh_protocol(ssh, "KEXINIT: the list of algorithms (%s) has %zu bytes, and at most %d are taken",
                                list_names[i], init->lists[i].left, LIST_MAX);
    return SESSILE_OK;
}

/* The next name of a list; an empty one is none. 0 at the end. */
static int get_name(struct reader *list, struct reader *name)
{
    while (list->left) {
        const uint8_t *comma = memchr(list->data, ',', list->left);
        size_t size = comma ? (size_t)(comma - list->data) : list->left;

        *name = reader_of(get_bytes(list, size), size);
        if (comma)
            get_u8(list);
        if (size)
            return 1;
    }
    *name = reader_of(NULL, 0);
    return 0;
}

static int same_name(const struct reader *a, const struct reader *b)
{
    return a->left == b->left && (a->left == 0 || memcmp(a->data, b->data, a->left) == 0);
}

static int list_has(struct reader list, const struct reader *name)
{
    struct reader other;

    while (get_name(&list, &other))
        if (same_name(&other, name))
            return 1;
    return 0;
}

static int list_has_text(struct reader list, const char *text)
{
    struct reader name = reader_of(text, strlen(text));

    return list_has(list, &name);
}

/* ---- negotiation ---- */

struct negotiation {
    struct ssh *ssh;
    struct kex *kex;
    struct kexinit own;
    struct kexinit peer;
};

/* Take an algorithm, if there is one of that name. */
static int take(struct negotiation *n, enum list list, const struct reader *name)
{
    struct kex *kex = n->kex;
    const char *text = (const char *)name->data;
    int outward = ((list - LIST_CIPHER_TO_SERVER) % 2 == 0) == (n->ssh->role == SESSILE_CLIENT);
    int direction = outward ? DIRECTION_OUT : DIRECTION_IN;

    switch (list) {
    case LIST_KEX:
        return (kex->method = kex_method_find(text, name->left)) != NULL;
    case LIST_HOST_KEY:
        return (kex->host_key_algorithm = key_algorithm_find(text, name->left)) != NULL;
    case LIST_CIPHER_TO_SERVER:
    case LIST_CIPHER_TO_CLIENT:
        return (kex->ciphers[direction] = cipher_find(text, name->left)) != NULL;
    case LIST_MAC_TO_SERVER:
    case LIST_MAC_TO_CLIENT:
        return (kex->macs[direction] = mac_find(text, name->left)) != NULL;
    default:
        return (kex->compressions[direction] = compression_find(text, name->left)) != NULL;
    }
}

static int fail_common(struct negotiation *n, enum list list)
{
    char own[ESCAPED_ROOM], peer[ESCAPED_ROOM];

    return ssh_fail(n->ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_NEGOTIATION,
                    "no algorithm in common (%s): ours \"%s\", the peer's \"%s\"", list_names[list],
                    reader_escape(own, &n->own.lists[list]), reader_escape(peer, &n->peer.lists[list]));
}

/* The first name of the client's that is also the server's. Markers are the name of no algorithm. */
static int choose(struct negotiation *n, enum list list)
{
    int client = n->ssh->role == SESSILE_CLIENT;
    struct reader wanted = client ? n->own.lists[list] : n->peer.lists[list];
    struct reader offered = client ? n->peer.lists[list] : n->own.lists[list];
    struct reader name;

    while (get_name(&wanted, &name))
        if (list_has(offered, &name) && take(n, list, &name))
            return SESSILE_OK;
    return fail_common(n, list);
}

static int is_aead(const struct negotiation *n, enum list mac_list)
{
    int outward = (mac_list == LIST_MAC_TO_SERVER) == (n->ssh->role == SESSILE_CLIENT);

    return n->kex->ciphers[outward ? DIRECTION_OUT : DIRECTION_IN]->tag_size != 0;
}

/* All methods here need a host key that signs, and all host keys do: any pair of them fits. */
static int choose_all(struct negotiation *n)
{
    int result = SESSILE_OK;

    for (enum list list = LIST_KEX; list <= LIST_COMPRESSION_TO_CLIENT && result == SESSILE_OK; list++) {
        if ((list == LIST_MAC_TO_SERVER || list == LIST_MAC_TO_CLIENT) && is_aead(n, list))
            continue;
        result = choose(n, list);
    }
    return result;
}

/* A guess is right where both sides like the same method and the same kind of host key best. */
static int guess_is_wrong(const struct negotiation *n)
{
    for (enum list list = LIST_KEX; list <= LIST_HOST_KEY; list++) {
        struct reader own = n->own.lists[list], peer = n->peer.lists[list], a, b;

        get_name(&own, &a);
        get_name(&peer, &b);
        if (!same_name(&a, &b))
            return 1;
    }
    return 0;
}

/* Markers count in the first exchange only. */
static int take_markers(struct negotiation *n)
{
    struct ssh *ssh = n->ssh;
    struct transport *t = &ssh->transport;
    int client = ssh->role == SESSILE_CLIENT;
    struct reader list = n->peer.lists[LIST_KEX];

    t->peer_ext_info = list_has_text(list, client ? EXT_INFO_SERVER : EXT_INFO_CLIENT) != 0;
    t->strict = list_has_text(list, client ? STRICT_SERVER : STRICT_CLIENT) != 0;
    if (!t->strict && ssh->config->require_strict)
        return ssh_fail(ssh, DISCONNECT_KEY_EXCHANGE_FAILED, SESSILE_ERR_NEGOTIATION,
                        "the peer does not know strict key exchange, which the config requires");
    if (t->strict && t->in.sequence != 1) /* sequence: of the packet after this one */
        return ssh_protocol(ssh, "strict key exchange: %lu packets came before the peer's KEXINIT",
                            (unsigned long)(t->in.sequence - 1));
    return SESSILE_OK;
}

int kexinit_negotiate(struct ssh *ssh, struct kex *kex, struct reader *r)
{
    struct negotiation n = {.ssh = ssh, .kex = kex};
    struct reader own = reader_of(kex->own_init, kex->own_init_size);
    int result;

    get_init(r, &n.peer);
    if (!reader_done(r))
        return SESSILE_OK; /* the dispatcher's to say */
    get_u8(&own);
    get_init(&own, &n.own);
    if ((result = check_sizes(ssh, &n.peer)) < 0 || (is_first(ssh) && (result = take_markers(&n)) < 0) ||
        (result = choose_all(&n)) < 0)
        return result;
    kex->drop_guess = n.peer.guess && guess_is_wrong(&n);
    return SESSILE_OK;
}
