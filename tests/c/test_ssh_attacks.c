/* SPDX-License-Identifier: Apache-2.0
 *
 * What SSH implementations got wrong at least once, tried on whole sessions. Here is what the layers' own tests cannot
 * show, because it takes a peer with keys, or two phases, or the public calls; they have, each for its layer:
 *
 *   messages of the other role, or before their time (CVE-2018-10933, -7750, CVE-2025-32433): test_ssh_messages
 *   success, keys, signatures, prompts, users that change (CVE-2024-45337, CVE-2023-46445): test_ssh_auth_forged
 *   strict key exchange, guesses, negotiation (CVE-2023-48795, CVE-2025-8277): test_ssh_kex_init
 *   points, groups, public values, messages out of turn (CVE-2025-11625): test_ssh_kex_bad; host keys:
 * test_ssh_kex_trust packet and padding lengths, tags (CVE-2019-3855 ff., CVE-2024-43410): test_ssh_packet_forged
 *   sequence numbers and counters that repeat, what waits for keys: test_ssh_packet_limits
 *   compression bombs: test_ssh_compression
 *   failing allocations and derivations (CVE-2025-26465, -8114): test_ssh_memory and the layers' *_memory
 *   channels: unknown, undecided, closed, windows, tiny packets, floods: test_ssh_channel, test_ssh_window
 *   requests and replies, unasked, queued, too short: test_ssh_requests, test_ssh_global
 *   forwarded, agent and X11 channels that nobody asked for: test_ssh_forward
 *   keys, moduli, bcrypt rounds, certificates, patterns: test_ssh_key*, test_ssh_certificate, test_ssh_known_hosts
 *   agent frames: test_ssh_agent */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ssh_attack.h"
#include "ssh_open.h"
#include "ssh_trust.h"

static struct attack a;

/* ---- before authentication ---- */

/* CVE-2025-32433, CVE-2018-7750: the whole of it, with an eager application behind. */
static void no_channel_opens_before_authentication(void **state)
{
    (void)state;
    for (int point = ATTACK_FIRST; point <= ATTACK_AUTH; point++) {
        attack_begin(&a, SESSILE_SERVER, (enum attack_point)point, NULL, NULL);
        attack_put(&a, "bsuuu", MSG_CHANNEL_OPEN, "session", 0u, 1u << 20, 32768u);
        attack_send(&a, "busbs", MSG_CHANNEL_REQUEST, 0u, "exec", 1, "id");
        assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "CHANNEL_OPEN (90), which a server does not take", 2);
        assert_int_equal(a.victim->questions, 0);
        assert_int_equal(a.victim->flow_count, 0);
        attack_end(&a);
    }
}

/* Everything that a server would need is on its way while the client is asked about the host key: none of it is looked
 * at, and nothing goes out. */
static void nothing_is_taken_while_the_host_key_is_in_question(void **state)
{
    size_t flights;

    (void)state;
    attack_prepare(&a, SESSILE_CLIENT, NULL, NULL);
    a.victim->answers[SESSILE_QUESTION_SSH_HOST_KEY] = SSH_KEEP;
    attack_lead(&a, ATTACK_METHOD);
    attack_until(&a, MSG_KEXINIT);
    attack_handle(&a);
    attack_until(&a, MSG_KEX_INIT);
    flights = a.victim->flights;
    attack_handle(&a); /* KEX_REPLY, NEWKEYS, EXT_INFO */
    assert_non_null(a.victim->question);
    attack_put(&a, "bs", MSG_SERVICE_ACCEPT, "ssh-userauth");
    attack_send(&a, "bsb", MSG_USERAUTH_FAILURE, "password", 0);
    assert_int_equal(a.victim->flights, flights);
    assert_int_equal(a.victim->questions, 1);
    ssh_refuse(a.victim, 0);
    attack_run(&a);
    assert_true(a.victim->closed);
    assert_int_equal(a.victim->error, SESSILE_ERR_REFUSED);
    assert_int_equal(ssh_peer_saw(a.victim, "how"), 0);
    attack_end(&a);
}

/* KEXINIT, the method's message, NEWKEYS, and the service's. */
#define EARLY_PACKETS 4

/* That many packets are taken, and no other. */
static void fill_up(int packets)
{
    for (int i = 1; i < packets; i++)
        attack_put(&a, "bs", MSG_IGNORE, "x");
    assert_attack_alive(&a); /* the last one */
    attack_send(&a, "bs", MSG_IGNORE, "x");
    assert_attack_failed(&a, SESSILE_ERR_LIMIT, "before authentication", 2);
}

static void packets_before_authentication_are_counted(void **state)
{
    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        attack_begin(&a, role, ATTACK_AUTH, NULL, NULL);
        fill_up(1000 - EARLY_PACKETS);
        attack_end(&a);
        attack_begin(&a, role, ATTACK_OPEN, NULL, NULL);
        for (int i = 0; i < 2000; i++)
            attack_put(&a, "bs", MSG_IGNORE, "x");
        assert_attack_alive(&a);
        attack_end(&a);
    }
}

/* It makes more work than it is. */
static void a_key_exchange_before_authentication_counts_for_many_packets(void **state)
{
    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        attack_begin(&a, role, ATTACK_AUTH, NULL, NULL);
        attack_kexinit(&a);
        fill_up(1000 - EARLY_PACKETS - 50);
        attack_end(&a);
    }
}

/* RFC 8308, section 2.4; CVE-2023-46445. */
static void ext_info_has_its_places(void **state)
{
    (void)state;
    attack_begin(&a, SESSILE_SERVER, ATTACK_SERVICE, NULL, NULL);
    attack_send(&a, "buss", MSG_EXT_INFO, 1u, "ext", "value");
    assert_attack_alive(&a);
    attack_send(&a, "bu", MSG_EXT_INFO, 0u);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "out of place", 2);
    attack_end(&a);
    attack_begin(&a, SESSILE_SERVER, ATTACK_SERVICE, NULL, NULL);
    attack_put(&a, "bs", MSG_IGNORE, "x"); /* no longer the first */
    attack_send(&a, "bu", MSG_EXT_INFO, 0u);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "out of place", 2);
    attack_end(&a);
    attack_begin(&a, SESSILE_SERVER, ATTACK_AUTH, NULL, NULL);
    attack_send(&a, "bu", MSG_EXT_INFO, 0u);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "out of place", 2);
    attack_end(&a);
    attack_begin(&a, SESSILE_CLIENT, ATTACK_AUTH, NULL, NULL);
    attack_send(&a, "bu", MSG_EXT_INFO, 0u); /* a server may once more */
    attack_send(&a, "bu", MSG_EXT_INFO, 0u);
    assert_attack_alive(&a);
    attack_send(&a, "bu", MSG_EXT_INFO, 0u);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "out of place", 2);
    attack_end(&a);
    attack_begin(&a, SESSILE_CLIENT, ATTACK_AUTH, NULL, NULL);
    attack_send(&a, "bu", MSG_EXT_INFO, 0xffffffffu);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "4294967295 extensions", 2);
    attack_end(&a);
}

/* CVE-2023-48795: a packet slipped in before the keys, to be paid for by one taken out after them. */
static void a_packet_slipped_into_the_handshake_ends_it(void **state)
{
    uint8_t packet[64];
    size_t size = open_packet("\2\0\0\0\0", 5, packet);

    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        struct ssh_pair pair;
        struct ssh_peer *peer = role == SESSILE_CLIENT ? &pair.client : &pair.server;
        sessile_ssh_config *client = ssh_client_config(NULL), *server = ssh_server_config(NULL);

        ssh_pair_init(&pair, client, server);
        assert_int_equal(ssh_pair_start(&pair), SESSILE_OK);
        ssh_peer_move(peer);
        ssh_peer_inject(peer, packet, size); /* between its peer's line and KEXINIT */
        ssh_pair_run(&pair);
        assert_ssh_failed(peer, SESSILE_ERR_PROTOCOL, "strict key exchange");
        assert_false(pair.client.ready || pair.server.ready);
        ssh_pair_free(&pair);
        sessile_ssh_config_free(client);
        sessile_ssh_config_free(server);
    }
}

/* ---- packets whose length lies, in the clear and under keys ---- */

static void a_length_that_cannot_be_ends_the_session_at_once(void **state)
{
    static const uint32_t lengths[] = {0, 1, 4, 5, 7, 11, 13, 65533, 0x7fffffff, 0x80000000, 0xffffffff};
    uint8_t bytes[16] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
            struct writer w = writer_in(bytes, sizeof bytes);

            attack_begin(&a, role, ATTACK_FIRST, NULL, NULL);
            put_u32(&w, lengths[i]);
            ssh_peer_inject(a.victim, bytes, 4); /* no more is needed to know */
            attack_run(&a);
            assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "packet 0", 2);
            assert_int_equal(sessile_session_want(a.victim->session), 0);
            attack_end(&a);
            attack_begin(&a, role, ATTACK_OPEN, NULL, NULL); /* whatever that decrypts to */
            attack_said(&a);
            ssh_peer_inject(a.victim, bytes, sizeof bytes);
            for (int j = 0; j < 8192 && !a.victim->closed; j++) {
                ssh_peer_inject(a.victim, bytes, sizeof bytes);
                attack_run(&a);
                assert_true(sessile_session_want(a.victim->session) <= sessile_session_want_max(a.victim->session));
            }
            assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "bad length or authentication", 5);
            attack_end(&a);
        }
}

/* ---- floods ---- */

/* A peer that asks and asks, and never reads: what it is answered is bounded by the hold. */
static void a_flood_of_what_is_answered_is_bounded_where_the_wire_is_held(void **state)
{
    static const char *const floods[] = {"PING", "keepalive", "unknown"};

    (void)state;
    for (size_t flood = 0; flood < 3; flood++)
        for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
            attack_begin(&a, role, ATTACK_OPEN, NULL, NULL);
            attack_said(&a);
            sessile_session_hold(a.victim->session, 1);
            for (int i = 0; i < 20000; i++)
                if (flood == 0)
                    attack_put(&a, "bs", MSG_PING, "0123456789012345678901234567890123456789");
                else if (flood == 1)
                    attack_put(&a, "bsb", MSG_GLOBAL_REQUEST, "keepalive@openssh.com", 1);
                else
                    attack_put(&a, "b", 201);
            attack_run(&a);
            assert_false(a.victim->closed);
            if (a.own->wire.size - a.own->taken > 200000)
                fail_msg("%s: %zu bytes of answers to a wire that is held", floods[flood],
                         a.own->wire.size - a.own->taken);
            assert_true(a.victim->taken < a.victim->wire.size);
            sessile_session_hold(a.victim->session, 0); /* then it goes on */
            attack_run(&a);
            assert_attack_alive(&a);
            attack_end(&a);
        }
}

/* The victim has begun a key exchange, and the peer never answers it: what waits behind it is bounded. */
static void a_flood_behind_a_withheld_kexinit_ends_the_session(void **state)
{
    (void)state;
    for (int flood = 0; flood < 2; flood++)
        for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
            attack_begin(&a, role, ATTACK_OPEN, NULL, NULL);
            assert_int_equal(sessile_ssh_rekey(a.victim->session), SESSILE_OK);
            for (int i = 0; i < 100000 && !a.victim->closed; i++) {
                if (flood)
                    attack_put(&a, "bs", MSG_PING, "0123456789012345678901234567890123456789");
                else
                    attack_put(&a, "bsb", MSG_GLOBAL_REQUEST, "keepalive@openssh.com", 1);
                if (i % 100 == 0)
                    attack_run(&a);
            }
            attack_run(&a);
            assert_true(a.victim->closed);
            assert_int_equal(a.victim->error, SESSILE_ERR_LIMIT);
            attack_end(&a);
        }
}

static void kexinit_upon_kexinit_is_refused(void **state)
{
    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++)
        for (int point = ATTACK_AGAIN_METHOD; point <= ATTACK_AGAIN_NEWKEYS; point++) {
            attack_begin(&a, role, (enum attack_point)point, NULL, NULL);
            attack_send(&a, "b", MSG_KEXINIT);
            assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "KEXINIT (20), which a", 2);
            attack_end(&a);
        }
}

/* ---- new keys ---- */

/* What was sent before the peer knew of the exchange is taken; what is sent after its own KEXINIT is not (RFC 4253,
 * section 7.1). */
static void data_that_crosses_a_kexinit_is_taken_and_data_behind_ones_own_is_not(void **state)
{
    (void)state;
    for (int late = 0; late <= 1; late++) {
        attack_begin(&a, SESSILE_SERVER, ATTACK_OPEN, NULL, NULL);
        attack_send(&a, "bsuuu", MSG_CHANNEL_OPEN, "session", 0u, 1u << 20, 32768u);
        attack_send(&a, "busbs", MSG_CHANNEL_REQUEST, 0u, "exec", 1, "cat");
        assert_int_equal(sessile_ssh_rekey(a.victim->session), SESSILE_OK);
        attack_said(&a);
        if (late)
            attack_kexinit(&a);
        attack_send(&a, "bus", MSG_CHANNEL_DATA, 0u, "crossing");
        if (late) {
            assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "CHANNEL_DATA (94), which a server does not take", 2);
            assert_int_equal(a.victim->flows[0].data.size, 0);
        } else {
            assert_true(ssh_bytes_are(&a.victim->flows[0].data, "crossing"));
        }
        attack_end(&a);
    }
}

static void another_host_key_in_a_later_exchange_ends_the_session(void **state)
{
    sessile_key *before;

    (void)state;
    attack_begin(&a, SESSILE_CLIENT, ATTACK_OPEN, NULL, NULL);
    before = a.server->host_keys[0];
    a.server->host_keys[0] = trust_key("ed25519 mallory");
    attack_kexinit(&a);
    attack_until(&a, MSG_KEXINIT);
    attack_handle(&a);
    attack_until(&a, MSG_KEX_INIT);
    attack_handle(&a);
    assert_true(a.victim->closed);
    assert_int_equal(a.victim->error, SESSILE_ERR_VERIFY);
    assert_int_equal(ssh_peer_saw(a.victim, "host_key"), 1); /* the first time: nobody is asked again */
    a.server->host_keys[0] = before;
    attack_end(&a);
}

/* ---- what nobody asked for ---- */

static void replies_and_channels_that_nobody_asked_for_end_the_session(void **state)
{
    (void)state;
    attack_begin(&a, SESSILE_CLIENT, ATTACK_OPEN, NULL, NULL);
    attack_send(&a, "bsuuususu", MSG_CHANNEL_OPEN, "forwarded-tcpip", 0u, 1024u, 1024u, "", 22u, "h", 1u);
    attack_send(&a, "bsuuusu", MSG_CHANNEL_OPEN, "x11", 1u, 1024u, 1024u, "h", 1u);
    attack_send(&a, "bsuuu", MSG_CHANNEL_OPEN, "auth-agent@openssh.com", 2u, 1024u, 1024u);
    attack_send(&a, "bsuuu", MSG_CHANNEL_OPEN, "session", 3u, 1024u, 1024u);
    assert_has(attack_said(&a), "CHANNEL_OPEN_FAILURE CHANNEL_OPEN_FAILURE CHANNEL_OPEN_FAILURE CHANNEL_OPEN_FAILURE");
    assert_int_equal(ssh_peer_saw(a.victim, "channel"), 0);
    attack_send(&a, "b", MSG_REQUEST_SUCCESS);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "", 2);
    attack_end(&a);
}

/* ---- the peer's words ---- */

static void what_the_peer_says_is_escaped_where_it_may_reach_a_terminal(void **state)
{
    (void)state;
    attack_begin(&a, SESSILE_CLIENT, ATTACK_OPEN, NULL, NULL);
    attack_send(&a, "buss", MSG_DISCONNECT, 2u, "\033]0;owned\007\r\nroot#", "");
    assert_true(a.victim->closed);
    assert_null(strpbrk(sessile_session_error_text(a.victim->session), "\033\007\r\n"));
    assert_has(sessile_session_error_text(a.victim->session), "\\x1b]0;owned\\x07\\x0d\\x0aroot#");
    assert_null(strpbrk(journal_text(&a.victim->log), "\033\007\r\n"));
    attack_end(&a);
}

/* ---- identification (RFC 4253, section 4.2) ---- */

static sessile_ssh_config *lone_config;
static struct ssh_pair lone;

static struct ssh_peer *open_lone(int role)
{
    lone_config = role == SESSILE_CLIENT ? ssh_client_config(NULL) : ssh_server_config(NULL);
    ssh_pair_init(&lone, role == SESSILE_CLIENT ? lone_config : NULL, role == SESSILE_SERVER ? lone_config : NULL);
    assert_int_equal(ssh_pair_start(&lone), SESSILE_OK);
    return role == SESSILE_CLIENT ? &lone.client : &lone.server;
}

static void close_lone(void)
{
    ssh_pair_free(&lone);
    sessile_ssh_config_free(lone_config);
}

/* What a line does to a client and to a server: NULL where it is taken; else a part of the text. */
static const struct {
    const char *line;
    const char *client, *server;
} lines[] = {
    {"SSH-2.0-x\r\n", NULL, NULL},
    {"SSH-2.0-x\n", NULL, NULL}, /* old implementations (section 5.2) */
    {"SSH-2.0-x y z\r\n", NULL, NULL},
    {"SSH-1.99-x\r\n", NULL, "version 2.0"},
    {"SSH-1.5-x\r\n", "version 2.0", "version 2.0"},
    {"SSH-2.1-x\r\n", "version 2.0", "version 2.0"},
    {"SSH-\r\n", "version 2.0", "version 2.0"},
    {"SSH-2.0-\033[2J\r\n", "control character", "control character"},
    {"SSH-2.0-x\ry\r\n", "control character", "control character"},
    {"GET / HTTP/1.1\r\n", "", "does not begin with SSH-"},
    {"\r\n", "", "does not begin with SSH-"},
    {"SSH_2.0-x\r\n", "", "does not begin with SSH-"},
};

static void identification_lines_are_taken_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++)
            for (int bytewise = 0; bytewise <= 1; bytewise++) {
                struct ssh_peer *peer = open_lone(role);
                const char *part = role == SESSILE_CLIENT ? lines[i].client : lines[i].server;

                lone.policy = bytewise ? SSH_WIRE_BYTES : SSH_WIRE_WHOLE;
                ssh_peer_inject(peer, lines[i].line, strlen(lines[i].line));
                ssh_pair_run(&lone);
                if (part && *part) {
                    assert_ssh_failed(peer, part[0] == 'v' ? SESSILE_ERR_NEGOTIATION : SESSILE_ERR_PROTOCOL, part);
                } else {
                    assert_false(peer->closed);
                    assert_int_equal(peer->taken, strlen(lines[i].line));
                    assert_int_equal(ssh_of(peer->session)->phase, part ? SSH_IDENT : SSH_KEX);
                }
                close_lone();
            }
}

static void a_nul_byte_is_in_no_line(void **state)
{
    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
        struct ssh_peer *peer = open_lone(role);

        ssh_peer_inject(peer, "SSH-2.0-a\0b\r\n", 13);
        ssh_pair_run(&lone);
        assert_ssh_failed(peer, SESSILE_ERR_PROTOCOL, "control character");
        close_lone();
    }
    ssh_peer_inject(open_lone(SESSILE_CLIENT), "hello\0\r\n", 8);
    ssh_pair_run(&lone);
    assert_ssh_failed(&lone.client, SESSILE_ERR_PROTOCOL, "NUL");
    close_lone();
}

static void a_line_is_as_long_as_the_rfc_says(void **state)
{
    char line[300];

    (void)state;
    for (size_t size = 254; size <= 256; size++)
        for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) {
            struct ssh_peer *peer = open_lone(role);

            memset(line, 'x', sizeof line);
            memcpy(line, "SSH-2.0-", 8);
            memcpy(line + size - 2, "\r\n", 2);
            ssh_peer_inject(peer, line, size);
            ssh_pair_run(&lone);
            if (size <= 255)
                assert_int_equal(ssh_of(peer->session)->phase, SSH_KEX);
            else
                assert_ssh_failed(peer, SESSILE_ERR_PROTOCOL, "255");
            close_lone();
        }
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++) { /* and told so before it ends */
        struct ssh_peer *peer = open_lone(role);

        memset(line, 'x', sizeof line);
        memcpy(line, "SSH-2.0-", 8);
        ssh_peer_inject(peer, line, sizeof line);
        ssh_pair_run(&lone);
        assert_ssh_failed(peer, SESSILE_ERR_PROTOCOL, "255");
        close_lone();
    }
}

static void lines_before_the_servers_own_are_bounded(void **state)
{
    char line[9000];
    struct ssh_peer *peer = open_lone(SESSILE_CLIENT);

    (void)state;
    memset(line, 'w', sizeof line);
    for (int i = 0; i < 500; i++)
        ssh_peer_inject(peer, "welcome\r\n", 9);
    ssh_peer_inject(peer, "SSH-2.0-x\r\n", 11);
    ssh_pair_run(&lone);
    assert_int_equal(ssh_of(peer->session)->phase, SSH_KEX);
    assert_string_equal(sessile_ssh_info(peer->session, SESSILE_SSH_INFO_PEER), "SSH-2.0-x");
    close_lone();
    peer = open_lone(SESSILE_CLIENT);
    for (int i = 0; i < 5000; i++)
        ssh_peer_inject(peer, "\n", 1);
    ssh_pair_run(&lone);
    assert_ssh_failed(peer, SESSILE_ERR_LIMIT, "no identification");
    close_lone();
    peer = open_lone(SESSILE_CLIENT); /* few and long ones */
    line[8000] = '\n';
    for (int i = 0; i < 20; i++)
        ssh_peer_inject(peer, line, 8001);
    ssh_pair_run(&lone);
    assert_ssh_failed(peer, SESSILE_ERR_LIMIT, "no identification");
    close_lone();
    peer = open_lone(SESSILE_CLIENT); /* one that does not end */
    line[8000] = 'w';
    ssh_peer_inject(peer, line, sizeof line);
    ssh_pair_run(&lone);
    assert_ssh_failed(peer, SESSILE_ERR_PROTOCOL, "8192");
    close_lone();
}

static int drop_keys(void **state)
{
    (void)state;
    trust_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_channel_opens_before_authentication),
        cmocka_unit_test(nothing_is_taken_while_the_host_key_is_in_question),
        cmocka_unit_test(packets_before_authentication_are_counted),
        cmocka_unit_test(a_key_exchange_before_authentication_counts_for_many_packets),
        cmocka_unit_test(ext_info_has_its_places),
        cmocka_unit_test(a_packet_slipped_into_the_handshake_ends_it),
        cmocka_unit_test(a_length_that_cannot_be_ends_the_session_at_once),
        cmocka_unit_test(a_flood_of_what_is_answered_is_bounded_where_the_wire_is_held),
        cmocka_unit_test(a_flood_behind_a_withheld_kexinit_ends_the_session),
        cmocka_unit_test(kexinit_upon_kexinit_is_refused),
        cmocka_unit_test(data_that_crosses_a_kexinit_is_taken_and_data_behind_ones_own_is_not),
        cmocka_unit_test(another_host_key_in_a_later_exchange_ends_the_session),
        cmocka_unit_test(replies_and_channels_that_nobody_asked_for_end_the_session),
        cmocka_unit_test(what_the_peer_says_is_escaped_where_it_may_reach_a_terminal),
        cmocka_unit_test(identification_lines_are_taken_or_refused),
        cmocka_unit_test(a_nul_byte_is_in_no_line),
        cmocka_unit_test(a_line_is_as_long_as_the_rfc_says),
        cmocka_unit_test(lines_before_the_servers_own_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
