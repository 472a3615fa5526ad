/* SPDX-License-Identifier: Apache-2.0
 *
 * The message table against a second one, written from the RFCs and OpenSSH's PROTOCOL: every role, phase and number,
 * in a key exchange and out of it, strict and not; and sessions that meet these messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ssh/ssh.h"
#include "ssh_attack.h"
#include "ssh_trust.h"

/* What a peer's message meets: H it is handled, I dropped, U answered by UNIMPLEMENTED, R the end of the session. A
 * string has a letter for each of: before the first KEXINIT; the first exchange's method; its NEWKEYS; the service
 * being asked for; authentication; open; a later exchange's method; its NEWKEYS. */
#define COLUMNS 8
#define ALL "HHHHHHHH"
#define NEVER "RRRRRRRR"
/* RFC 4253, section 11.4: UNIMPLEMENTED for what is not known. */
#define UNKNOWN "UUUUUUUU"
/* The same, above 49: section 7.1 forbids all of these during an exchange. */
#define UNKNOWN_ABOVE "RRRUUURR"

static const struct {
    int from;
    int to;
    const char *client; /* a client takes from a server */
    const char *server;
} oracle[] = {
    {0, 0, UNKNOWN, UNKNOWN},
    {1, 1, ALL, ALL},                 /* DISCONNECT: RFC 4253, 11.1 */
    {2, 4, ALL, ALL},                 /* IGNORE, UNIMPLEMENTED, DEBUG: 11.2 to 11.4 */
    {5, 5, NEVER, "RRRHHRRR"},        /* SERVICE_REQUEST: section 10, which has no limit to how often */
    {6, 6, "RRRHRRRR", NEVER},        /* SERVICE_ACCEPT */
    {7, 7, "RRRHHRRR", "RRRHHRRR"},   /* EXT_INFO: RFC 8308, 2.4 */
    {8, 19, UNKNOWN, UNKNOWN},        /* NEWCOMPRESS is not offered; the rest is free */
    {20, 20, "HRRHHHRR", "HRRHHHRR"}, /* KEXINIT: RFC 4253, 7.1 and 9 */
    {21, 21, "RRHRRRRH", "RRHRRRRH"}, /* NEWKEYS: 7.3 */
    {22, 29, UNKNOWN, UNKNOWN},
    {30, 30, NEVER, "RHRRRRHR"}, /* KEXDH_INIT: section 8; RFC 5656, 4 */
    {31, 31, "RHRRRRHR", NEVER}, /* KEXDH_REPLY; GEX_GROUP: RFC 4419, 3 */
    {32, 32, NEVER, "RHRRRRHR"}, /* GEX_INIT */
    {33, 33, "RHRRRRHR", NEVER}, /* GEX_REPLY */
    {34, 34, NEVER, "RHRRRRHR"}, /* GEX_REQUEST */
    {35, 49, NEVER, NEVER},      /* methods' numbers that no method here has */
    {50, 50, NEVER, "RRRRHIRR"}, /* USERAUTH_REQUEST: RFC 4252, 5 and 5.3 */
    {51, 53, "RRRRHRRR", NEVER}, /* FAILURE, SUCCESS, BANNER: 5.1, 5.4 */
    {54, 59, UNKNOWN_ABOVE, UNKNOWN_ABOVE},
    {60, 60, "RRRRHRRR", NEVER}, /* PK_OK, PASSWD_CHANGEREQ, INFO_REQUEST: 7, 8; RFC 4256, 3.2 */
    {61, 61, NEVER, "RRRRHRRR"}, /* INFO_RESPONSE: RFC 4256, 3.4 */
    {62, 79, UNKNOWN_ABOVE, UNKNOWN_ABOVE},
    {80, 82, "RRRRRHRR", "RRRRRHRR"}, /* global requests and answers: RFC 4254, 4 */
    {83, 89, UNKNOWN_ABOVE, UNKNOWN_ABOVE},
    {90, 100, "RRRRRHRR", "RRRRRHRR"}, /* channels: RFC 4254, 5 */
    {101, 191, UNKNOWN_ABOVE, UNKNOWN_ABOVE},
    {192, 193, "RRRUUHRR", "RRRUUHRR"}, /* PING, PONG: OpenSSH's PROTOCOL, 1.9 */
    {194, 255, UNKNOWN_ABOVE, UNKNOWN_ABOVE},
};

static const struct {
    enum ssh_phase phase;
    enum kex_stage stage;
} columns[COLUMNS] = {
    {SSH_KEX, KEX_STAGE_NONE},     {SSH_KEX, KEX_STAGE_METHOD},   {SSH_KEX, KEX_STAGE_NEWKEYS},
    {SSH_SERVICE, KEX_STAGE_NONE}, {SSH_AUTH, KEX_STAGE_NONE},    {SSH_OPEN, KEX_STAGE_NONE},
    {SSH_OPEN, KEX_STAGE_METHOD},  {SSH_OPEN, KEX_STAGE_NEWKEYS},
};

static char expected(int role, int column, int number, int strict)
{
    for (size_t i = 0; i < sizeof oracle / sizeof oracle[0]; i++)
        if (number >= oracle[i].from && number <= oracle[i].to) {
            char letter = (role == SESSILE_CLIENT ? oracle[i].client : oracle[i].server)[column];
            /* OpenSSH's PROTOCOL, 1.10: in the first exchange nothing that is not needed for it. */
            int needed = number == 1 || (number >= 20 && number <= 21) || (number >= 30 && number <= 34);

            return strict && (column == 1 || column == 2) && !needed ? 'R' : letter;
        }
    return '?';
}

static char letter_of(enum message_verdict verdict)
{
    switch (verdict) {
    case MESSAGE_HANDLE:
        return 'H';
    case MESSAGE_IGNORE:
        return 'I';
    case MESSAGE_UNIMPLEMENTED:
        return 'U';
    default:
        return 'R';
    }
}

static void check_cell(int role, int column, int number, int strict, enum ssh_phase phase)
{
    char verdict = letter_of(message_verdict(role, phase, columns[column].stage, strict, number));

    if (verdict != expected(role, column, number, strict))
        fail_msg("role %d, column %d, message %d, strict %d: %c, and the RFCs say %c", role, column, number, strict,
                 verdict, expected(role, column, number, strict));
}

static void every_cell_is_what_the_rfcs_say(void **state)
{
    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++)
        for (int column = 0; column < COLUMNS; column++)
            for (int strict = 0; strict <= 1; strict++)
                for (int number = 0; number <= 255; number++)
                    check_cell(role, column, number, strict, columns[column].phase);
}

static void a_later_exchange_is_the_same_before_and_after_authentication(void **state)
{
    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++)
        for (int column = 6; column < COLUMNS; column++)
            for (int number = 0; number <= 255; number++) {
                check_cell(role, column, number, 0, SSH_AUTH);
                check_cell(role, column, number, 1, SSH_SERVICE);
            }
}

static void nothing_is_taken_before_the_identification(void **state)
{
    (void)state;
    for (int role = SESSILE_CLIENT; role <= SESSILE_SERVER; role++)
        for (int number = 0; number <= 255; number++)
            assert_int_equal(message_verdict(role, SSH_IDENT, KEX_STAGE_NONE, 0, number), MESSAGE_REFUSE);
}

/* The oracle has each number once. */
static void the_oracle_leaves_no_number_out(void **state)
{
    int next = 0;

    (void)state;
    for (size_t i = 0; i < sizeof oracle / sizeof oracle[0]; i++) {
        assert_int_equal(oracle[i].from, next);
        next = oracle[i].to + 1;
    }
    assert_int_equal(next, 256);
}

/* ---- sessions: the same columns, as attack_begin() leads there ---- */

static struct attack a;

/* Whether to try a number that ends the session: each takes a session of its own, so of those that nobody has a name
 * for only some are. */
static int is_tried(int number)
{
    return number <= 104 || number % 19 == 3 || number == 192 || number == 193 || number == 255;
}

/* In the first exchange the attacker is strict, as every peer of ours. */
static char expected_of_session(int role, int column, int number)
{
    return expected(role, column, number, column == ATTACK_METHOD || column == ATTACK_NEWKEYS);
}

static int goes_on(void)
{
    attack_put(&a, "bs", MSG_IGNORE, "");
    attack_run(&a);
    return !a.victim->closed;
}

static void meet_unknown(int role, int column)
{
    attack_begin(&a, role, (enum attack_point)column, NULL, NULL);
    attack_said(&a);
    for (int number = 0; number <= 255; number++) {
        uint32_t sequence = attack_sequence(&a);
        struct reader r;

        if (expected_of_session(role, column, number) != 'U')
            continue;
        attack_send(&a, "b", number);
        r = attack_until(&a, MSG_UNIMPLEMENTED);
        assert_int_equal(get_u32(&r), sequence);
        assert_int_equal(attack_next(&a), -1);
    }
    assert_false(a.victim->closed);
    attack_end(&a);
}

static void meet_refused(int role, int column, int number)
{
    attack_begin(&a, role, (enum attack_point)column, NULL, NULL);
    attack_send(&a, "b", number);
    if (!strstr(sessile_session_error_text(a.victim->session), "does not take"))
        print_error("role %d, column %d, message %d\n", role, column, number);
    assert_attack_failed(&a, SESSILE_ERR_PROTOCOL, "does not take in the phase", 2);
    attack_end(&a);
}

/* It has no fields: a handler says so, where the message has some. */
static void meet_handled(int role, int column, int number)
{
    const char *text;

    attack_begin(&a, role, (enum attack_point)column, NULL, NULL);
    attack_said(&a);
    attack_send(&a, "b", number);
    text = sessile_session_error_text(a.victim->session);
    if (strstr(text, "does not take") || strstr(attack_said(&a), "UNIMPLEMENTED"))
        fail_msg("role %d, column %d, message %d is not handled: %s", role, column, number, text);
    attack_end(&a);
}

static void meet_ignored(int role, int column, int number)
{
    attack_begin(&a, role, (enum attack_point)column, NULL, NULL);
    attack_said(&a);
    attack_send(&a, "b", number);
    assert_int_equal(attack_next(&a), -1);
    assert_true(goes_on());
    attack_end(&a);
}

static void meet_all(int role, int column)
{
    meet_unknown(role, column);
    for (int number = 0; number <= 255; number++)
        switch (expected_of_session(role, column, number)) {
        case 'R':
            if (is_tried(number))
                meet_refused(role, column, number);
            break;
        case 'H':
            meet_handled(role, column, number);
            break;
        case 'I':
            meet_ignored(role, column, number);
            break;
        default:
            break;
        }
}

static void a_client_does_what_the_table_says(void **state)
{
    (void)state;
    for (int column = 0; column < COLUMNS; column++)
        meet_all(SESSILE_CLIENT, column);
}

static void a_server_does_what_the_table_says(void **state)
{
    (void)state;
    for (int column = 0; column < COLUMNS; column++)
        meet_all(SESSILE_SERVER, column);
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
        cmocka_unit_test(the_oracle_leaves_no_number_out),
        cmocka_unit_test(every_cell_is_what_the_rfcs_say),
        cmocka_unit_test(a_later_exchange_is_the_same_before_and_after_authentication),
        cmocka_unit_test(nothing_is_taken_before_the_identification),
        cmocka_unit_test(a_client_does_what_the_table_says),
        cmocka_unit_test(a_server_does_what_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, drop_keys);
}
