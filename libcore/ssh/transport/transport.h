/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport layer (RFC 4253): identification, packets, key exchange. Three parts meet here: packet.c (with ciphers,
 * MACs, compression) protects one packet; kex.c (with negotiation and the methods) makes keys; messages.c decides what
 * may come.
 */
#ifndef SSH_TRANSPORT_TRANSPORT_H
#define SSH_TRANSPORT_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include <sessile/session.h>

#include "codec/reader.h"
#include "codec/writer.h"

struct ssh;
struct kex;

/* The largest packet that is taken, length field and tag included, and the largest payload that is sent. RFC 4253,
 * section 6.1 asks for 35000. */
#define PACKET_MAX 65536
#define PAYLOAD_MAX 65000
/* The longest identification line, CR LF included (section 4.2), and how much may come before it. */
#define IDENT_MAX 255
#define IDENT_LINES_MAX 1024
#define IDENT_BYTES_MAX 65536
#define SESSION_ID_MAX 64
/* What waits for the end of a key exchange. */
#define WAITING_MAX 262144

#define DIRECTION_IN 0
#define DIRECTION_OUT 1

/* Key material for one direction, from the exchange hash (section 7.2): wiped by its maker. */
struct packet_material {
    const uint8_t *key;
    const uint8_t *iv;
    const uint8_t *mac_key;
};

/* ---- Algorithms: each list is a table in its file ---- */

struct cipher {
    const char *name;
    const char *algorithm; /* libcrypto's name */
    size_t key_size;
    size_t iv_size;
    size_t block_size;   /* what the packet's length is a multiple of, at least 8 */
    size_t tag_size;     /* AEAD; 0: takes a MAC */
    uint64_t max_blocks; /* before new keys (RFC 4344), counted in blocks; 0: no such limit */
    /* packet.h has the functions' struct, so that key.c may find sizes without it */
    const struct cipher_functions *functions;
};
struct mac {
    const char *name;
    const char *digest;
    size_t key_size;
    size_t tag_size;
    int etm; /* encrypt-then-MAC */
};
struct compression {
    const char *name;
    int delayed; /* from the user's authentication on */
    int none;
};
/* NULL: not known, or not in this libcrypto. */
const struct cipher *cipher_find(const char *name, size_t size);
const struct mac *mac_find(const char *name, size_t size);
const struct compression *compression_find(const char *name, size_t size);
/* In order of preference; NULL past the end. */
const struct cipher *cipher_at(size_t index);
const struct mac *mac_at(size_t index);
const struct compression *compression_at(size_t index);

/* ---- One direction ---- */

struct direction {
    const struct cipher *cipher; /* NULL: in the clear */
    const struct mac *mac;       /* NULL with AEAD */
    const struct compression *compression;
    void *cipher_state; /* cipher->functions' */
    void *mac_state;
    void *zip;           /* zlib's, once it is on */
    uint32_t sequence;   /* of the next packet */
    uint32_t remembered; /* in: the length field where it was decrypted already, 0: not */
    uint8_t first[16];   /* in: the first block, where the length is inside it */
    uint64_t packets;    /* since these keys */
    uint64_t bytes;
};

struct transport {
    struct direction in;
    struct direction out;
    struct kex *kex;       /* while a key exchange is on */
    struct writer waiting; /* messages that wait for its end: each with its size, 4 bytes, in front */
    char *peer_ident;      /* without CR LF */
    char *signatures;      /* the peer's server-sig-algs, or NULL */
    uint8_t *scratch;      /* the packet being taken apart: while somebody is inside */
    size_t scratch_size;
    size_t scratch_used; /* what is to be wiped */
    uint8_t *inflated;   /* the same, decompressed: PACKET_MAX */
    size_t inflated_used;
    uint32_t ident_lines;
    uint32_t ident_bytes;
    uint8_t session_id[SESSION_ID_MAX];
    uint8_t session_id_size; /* 0: the first key exchange is not complete */
    uint8_t last_number;     /* of the message being handled */
    uint8_t before_last;     /* of the one handled before it */
    unsigned strict : 1;
    unsigned ident_sent : 1;
    unsigned want_rekey : 1;      /* ours, as soon as no exchange is on */
    unsigned peer_ext_info : 1;   /* the peer takes EXT_INFO */
    unsigned got_ext_info : 2;    /* how often */
    unsigned peer_host_bound : 1; /* publickey-hostbound@openssh.com */
    unsigned peer_ping : 1;
    unsigned host_key_certified : 1; /* the host key was shown as a certificate */
    unsigned authenticated : 1;      /* delayed compression is on */
    unsigned disconnected : 1;       /* DISCONNECT was sent or has come: nothing more is sent */
    /* The algorithms in use, static names. */
    const char *kex_name;
    const char *host_key_name;
};

/* How far the peer is with a key exchange. */
enum kex_stage {
    KEX_STAGE_NONE,    /* it may send KEXINIT */
    KEX_STAGE_METHOD,  /* its KEXINIT has come: the method's messages follow */
    KEX_STAGE_NEWKEYS, /* and they have come */
    KEX_STAGES
};

/* ident.c */
int ident_send(struct ssh *ssh);
/* engine->unit in SSH_IDENT: takes one line. On the SSH line enters SSH_KEX, having sent KEXINIT. */
int ident_unit(struct ssh *ssh, const uint8_t *data, size_t size);
/* Our line, without CR LF, as it is hashed. */
void ident_own(const struct ssh *ssh, struct writer *w);

/* packet.c */
/* engine->unit after that: one packet, authenticated, decrypted, decompressed, dispatched. Bad length and bad MAC are
 * one error. */
int packet_unit(struct ssh *ssh, const uint8_t *data, size_t size);
/* session_need() for the smallest packet that may come next. */
void packet_need(struct ssh *ssh);
/* Seal one packet into the outbox now: payload in two parts (body may be NULL, 0), a message's number first. After
 * DISCONNECT: drops it. 0 or a negative code: the session is over, without a word to the peer. */
int packet_seal(struct ssh *ssh, const void *head, size_t head_size, const void *body, size_t body_size);
/* How many bytes one packet of a payload of that size takes on the wire, at most. */
size_t packet_size(const struct ssh *ssh, size_t payload_size);
/* Use new keys in a direction (direction->cipher etc. are set from the names; counters since keys go to 0; sequence
 * goes to 0 where strict). 0 or a negative code: the old keys are gone either way, and in the latter case the session
 * is over and nothing more is sent. */
int packet_use(struct ssh *ssh, int direction, const struct cipher *cipher, const struct mac *mac,
               const struct compression *compression, const struct packet_material *material);
/* The user is authenticated: delayed compression begins, in both directions (server: after USERAUTH_SUCCESS is sealed).
 */
int packet_authenticated(struct ssh *ssh);
/* Whether a direction has to have new keys soon (RFC 4344, the config). Where a packet says so, and no key exchange is
 * on, transport.want_rekey is set: kex_begin() clears it. */
int packet_wants_rekey(const struct ssh *ssh, int direction);
void packet_rest(struct ssh *ssh); /* at rest: give back scratch */
void packet_free(struct ssh *ssh);

/* kex.c */
/* Send KEXINIT, if none was sent yet in this exchange. */
int kex_begin(struct ssh *ssh);
/* r stands behind the number: the payload begins one byte before. */
int kex_recv_init(struct ssh *ssh, struct reader *r);
int kex_recv_method(struct ssh *ssh, struct reader *r, int number); /* 30 to 49 */
int kex_recv_newkeys(struct ssh *ssh, struct reader *r);
/* The answer about a host key (SSH_HOST_KEY), or the server's signature (SSH_SIGN). */
void kex_answered(struct ssh *ssh, sessile_question *question);
enum kex_stage kex_stage(const struct ssh *ssh);
/* Whether we have sent KEXINIT and not NEWKEYS yet. */
int kex_sending(const struct ssh *ssh);
/* Whether the next message of 30 to 49 is a wrong guess of the peer's, to be dropped; asking clears it. */
int kex_drops_guess(struct ssh *ssh);
void kex_free(struct ssh *ssh);

/* ext_info.c */
int ext_info_send(struct ssh *ssh); /* right after our first NEWKEYS, where the peer takes it */
int ext_info_recv(struct ssh *ssh, struct reader *r);

/* send.c: what waited for the end of a key exchange goes out. */
int ssh_send_waiting(struct ssh *ssh);

/* basic.c: DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, PING, PONG */
int basic_recv_disconnect(struct ssh *ssh, struct reader *r);
int basic_recv_ignore(struct ssh *ssh, struct reader *r);
int basic_recv_unimplemented(struct ssh *ssh, struct reader *r);
int basic_recv_debug(struct ssh *ssh, struct reader *r);
int basic_recv_ping(struct ssh *ssh, struct reader *r);
int basic_recv_pong(struct ssh *ssh, struct reader *r);
int basic_send_unimplemented(struct ssh *ssh, uint32_t sequence);
void basic_send_disconnect(struct ssh *ssh, int reason, const char *description);

#endif
