/* SPDX-License-Identifier: Apache-2.0
 *
 * A session of ours against a peer that does as the test says. The peer has a session of its own, which leads as far as
 * the test wants it and is then no more than a pair of sealed directions: what the other side sends is opened and
 * shown, and any message at all can be sealed and sent.
 */
#ifndef TESTS_SSH_ATTACK_H
#define TESTS_SSH_ATTACK_H

#include "ssh/ssh.h"

#include "ssh_pair.h"

/* How far it leads. What the victim takes next: */
enum attack_point {
    ATTACK_FIRST,        /* a KEXINIT: both lines are sent */
    ATTACK_METHOD,       /* a message of the key exchange's method */
    ATTACK_NEWKEYS,      /* NEWKEYS */
    ATTACK_SERVICE,      /* SERVICE_REQUEST; from a server SERVICE_ACCEPT */
    ATTACK_AUTH,         /* a server: a request; a client: an answer to its "none" */
    ATTACK_OPEN,         /* channels */
    ATTACK_AGAIN_METHOD, /* as above, in a second key exchange, which the attacker began */
    ATTACK_AGAIN_NEWKEYS,
    ATTACK_POINTS
};

#define ATTACK_PAYLOAD 66000

struct attack {
    struct ssh_pair pair;
    struct ssh_peer *victim;
    struct ssh_peer *own; /* the attacker's */
    struct ssh *ssh;      /* its session's */
    sessile_ssh_config *client, *server;
    struct direction later; /* keys that it will send with after NEWKEYS */
    int has_later;
    uint8_t payload[ATTACK_PAYLOAD]; /* of the message that attack_next() read last */
    size_t size;
    struct journal said; /* names of all messages read */
};

/* Lead there. The configs are taken over, NULL for those of ssh_pair.h; the cipher must be chacha20-poly1305, which
 * keeps no state from packet to packet. */
void attack_begin(struct attack *attack, int victim, enum attack_point point, sessile_ssh_config *client,
                  sessile_ssh_config *server);
/* The same in two steps, for tests that want other settings in between. */
void attack_prepare(struct attack *attack, int victim, sessile_ssh_config *client, sessile_ssh_config *server);
void attack_lead(struct attack *attack, enum attack_point point);
void attack_end(struct attack *attack);

/* Seal a message and let it arrive; in the format of ssh_open.h. */
void attack_send(struct attack *attack, const char *format, ...);
/* The same, but it arrives with what is sent next. */
void attack_put(struct attack *attack, const char *format, ...);
void attack_put_bytes(struct attack *attack, const void *payload, size_t size);
/* Let arrive what is on its way. */
void attack_run(struct attack *attack);
/* After ATTACK_*NEWKEYS: send NEWKEYS, and use the new keys from then on. */
void attack_newkeys(struct attack *attack);
/* Begin a key exchange: KEXINIT. */
void attack_kexinit(struct attack *attack);
/* Have the attacker's session handle the message that was read last. */
void attack_handle(struct attack *attack);

/* Read the next message that the victim has sent: its number; -1 where there is none. */
int attack_next(struct attack *attack);
/* Read all; what the victim has said since it began. */
const char *attack_said(struct attack *attack);
/* Read until a message of that number, which there must be; a reader of what is behind its number. */
struct reader attack_until(struct attack *attack, int number);
/* The number that the next packet sent will have on the victim's side. */
uint32_t attack_sequence(const struct attack *attack);

/* The victim has failed like this, and has told the attacker by DISCONNECT with that reason (0: by none). */
#define assert_attack_failed(attack, code, part, reason)                                                               \
    attack_assert_failed((attack), (code), (part), (reason), __FILE__, __LINE__)
void attack_assert_failed(struct attack *attack, int code, const char *part, int reason, const char *file, int line);
/* The victim goes on: an IGNORE is taken, and nothing has failed. */
#define assert_attack_alive(attack) attack_assert_alive((attack), __FILE__, __LINE__)
void attack_assert_alive(struct attack *attack, const char *file, int line);

#endif
