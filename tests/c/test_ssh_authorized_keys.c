/* SPDX-License-Identifier: Apache-2.0
 *
 * authorized_keys and principals files: who is let in, and what he may do then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "harness.h"
#include "ssh/trust/options.h"
#include "ssh/trust/pattern.h"
#include "ssh_trust.h"

#define CERTIFICATE(...) trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){__VA_ARGS__})

static char error[512];

/* Who asks; what is not set is as below. */
struct asking {
    const char *user;
    const char *address;
    const char *host;
    int64_t now;
    int zone;
};

static const struct asking usual = {"alice", "192.0.2.7", NULL, TRUST_NOW, 0};

static sessile_authorized_keys *read_keys(const char *text, int zone)
{
    sessile_authorized_keys *keys = NULL;
    char *full = trust_text(text);

    assert_int_equal(sessile_authorized_keys_read(full, strlen(full), zone, &keys, error, sizeof error), 0);
    assert_string_equal(error, "");
    free(full);
    return keys;
}

/* The grant, or NULL with error filled. */
static sessile_grant *ask(const char *text, sessile_key *key, const struct asking *a)
{
    sessile_authorized_keys *keys = read_keys(text, a->zone);
    sessile_grant *grant;
    int result =
        sessile_authorized_keys_match(keys, key, a->user, a->address, a->host, a->now, &grant, error, sizeof error);

    sessile_authorized_keys_free(keys);
    if (result == SESSILE_OK) {
        assert_non_null(grant);
        assert_string_equal(error, "");
        return grant;
    }
    assert_int_equal(result, SESSILE_ERR_VERIFY);
    assert_null(grant);
    assert_true(error[0] != 0);
    return NULL;
}

static sessile_grant *grant_of(const char *text)
{
    sessile_grant *grant = ask(text, trust_key("ed25519 a"), &usual);

    if (!grant)
        fail_msg("%s: %s", text, error);
    return grant;
}

static void refused(const char *text, sessile_key *key, const struct asking *a, const char *why)
{
    sessile_grant *grant = ask(text, key, a);

    if (grant)
        fail_msg("%s: let in", text);
    if (!strstr(error, why))
        fail_msg("'%s' is not in: %s", why, error);
}

/* ---- plain keys ---- */

static void a_line_without_options_allows_all(void **state)
{
    sessile_grant *grant = grant_of("# mine\n\n{ed25519 b} b\n{ed25519 a} a comment\n");

    (void)state;
    assert_int_equal(sessile_grant_line(grant), 4);
    assert_null(sessile_grant_command(grant));
    for (int what = SESSILE_GRANT_PTY; what <= SESSILE_GRANT_USER_RC; what++)
        assert_int_equal(sessile_grant_allows(grant, what), 1);
    assert_int_equal(sessile_grant_allows(grant, 0), 0);
    assert_int_equal(sessile_grant_allows(grant, 6), 0);
    assert_int_equal(sessile_grant_needs_touch(grant), 1);
    assert_int_equal(sessile_grant_needs_verification(grant), 0);
    assert_int_equal(sessile_grant_allows_open(grant, "anywhere", 1), 1);
    assert_int_equal(sessile_grant_allows_listen(grant, "localhost", 8080), 1);
    assert_int_equal(sessile_grant_environment_count(grant), 0);
    assert_null(sessile_grant_environment(grant, 0));
    sessile_grant_free(grant);
}

static void a_key_that_is_not_there_is_refused(void **state)
{
    (void)state;
    refused("", trust_key("ed25519 a"), &usual, "no line has the key");
    refused("{ed25519 b}\n{ecdsa a}\n", trust_key("ed25519 a"), &usual, "no line has the key");
    refused("#{ed25519 a}\n", trust_key("ed25519 a"), &usual, "no line has the key");
    refused("cert-authority {ed25519 a}\n", trust_key("ed25519 a"), &usual, "no line has the key");
}

static void the_first_line_that_lets_in_decides(void **state)
{
    sessile_grant *grant = grant_of("from=\"10.0.0.1\",command=\"a\" {ed25519 a}\ncommand=\"b\" {ed25519 a}\n"
                                    "{ed25519 a}\n");

    (void)state;
    assert_string_equal(sessile_grant_command(grant), "b");
    assert_int_equal(sessile_grant_line(grant), 2);
    sessile_grant_free(grant);
}

static void a_grant_outlives_its_file(void **state)
{
    sessile_grant *grant = grant_of("command=\"echo \\\"hello\\\" \\\\x\" {ed25519 a}\n");

    (void)state;
    assert_ptr_equal(sessile_grant_keep(grant), grant);
    sessile_grant_free(grant);
    assert_string_equal(sessile_grant_command(grant), "echo \"hello\" \\\\x");
    sessile_grant_free(grant);
}

/* ---- flags ---- */

static void flags_take_away_and_give(void **state)
{
    static const struct {
        const char *options;
        int what;
        int allowed;
    } flags[] = {
        {"no-pty", SESSILE_GRANT_PTY, 0},
        {"NO-PTY", SESSILE_GRANT_PTY, 0},
        {"no-pty", SESSILE_GRANT_USER_RC, 1},
        {"no-port-forwarding", SESSILE_GRANT_PORT_FORWARDING, 0},
        {"no-agent-forwarding", SESSILE_GRANT_AGENT_FORWARDING, 0},
        {"no-X11-forwarding", SESSILE_GRANT_X11_FORWARDING, 0},
        {"no-user-rc", SESSILE_GRANT_USER_RC, 0},
        {"restrict", SESSILE_GRANT_PTY, 0},
        {"restrict", SESSILE_GRANT_PORT_FORWARDING, 0},
        {"restrict", SESSILE_GRANT_AGENT_FORWARDING, 0},
        {"restrict", SESSILE_GRANT_X11_FORWARDING, 0},
        {"restrict", SESSILE_GRANT_USER_RC, 0},
        {"restrict,pty", SESSILE_GRANT_PTY, 1},
        {"restrict,pty", SESSILE_GRANT_PORT_FORWARDING, 0},
        {"pty,restrict", SESSILE_GRANT_PTY, 0},
        {"restrict,X11-forwarding,no-x11-forwarding", SESSILE_GRANT_X11_FORWARDING, 0},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        sessile_grant *grant;

        snprintf(text, sizeof text, "%s {ed25519 a}\n", flags[i].options);
        grant = grant_of(text);
        if (sessile_grant_allows(grant, flags[i].what) != flags[i].allowed)
            fail_msg("%s: %d", flags[i].options, flags[i].what);
        sessile_grant_free(grant);
    }
}

static void security_keys_have_flags_of_their_own(void **state)
{
    sessile_grant *grant = grant_of("no-touch-required,verify-required {ed25519 a}\n");

    (void)state;
    assert_int_equal(sessile_grant_needs_touch(grant), 0);
    assert_int_equal(sessile_grant_needs_verification(grant), 1);
    sessile_grant_free(grant);
    assert_int_equal(sessile_grant_needs_touch(NULL), 1);
    assert_int_equal(sessile_grant_needs_verification(NULL), 1);
    assert_int_equal(sessile_grant_allows(NULL, SESSILE_GRANT_PTY), 0);
}

/* ---- lines that cannot be read ---- */

static void a_line_with_bad_options_is_skipped_and_told(void **state)
{
    static const struct {
        const char *options;
        const char *reason;
    } lines[] = {
        {"unknown", "the option 'unknown' is not known"},
        {"no-restrict", "the option 'no-restrict' is not known"},
        {"no-cert-authority", "is not known"},
        {"pty,", "separated by single commas"},
        {"pty,,user-rc", "the option '' is not known"},
        {"pty=\"yes\"", "the option 'pty' is not known"},
        {"command", "the option 'command' is not known"},
        {"command=ls", "double quotes"},
        {"command=\"ls", "does not end"},
        {"command=\"ls\\\"", "does not end"},
        {"command=\"l\x01s\"", "control character"},
        {"command=\"a\",command=\"b\"", "command= is there twice"},
        {"command=\"a\"pty", "separated by single commas"},
        {"from=\"\"", "from= is empty"},
        {"from=\"a\",from=\"b\"", "from= is there twice"},
        {"expiry-time=\"2026\"", "expiry-time='2026' is no time"},
        {"expiry-time=\"20260230\"", "is no time"},
        {"expiry-time=\"202601012460\"", "is no time"},
        {"environment=\"A\"", "not NAME=value"},
        {"environment=\"=b\"", "not NAME=value"},
        {"environment=\"A-B=b\"", "not NAME=value"},
        {"permitopen=\"host\"", "not a host and a port"},
        {"permitopen=\"80\"", "not a host and a port"},
        {"permitopen=\":80\"", "not a host and a port"},
        {"permitopen=\"host:0\"", "not a host and a port"},
        {"permitopen=\"host:65536\"", "not a host and a port"},
        {"permitopen=\"a:b:80\"", "not a host and a port"},
        {"permitlisten=\"host:x\"", "not a host and a port"},
        {"permitlisten=\"\"", "not a host and a port"},
        {"tunnel=\"x\"", "tunnel="},
        {"principals=\"alice\"", "without cert-authority"},
    };
    sessile_authorized_keys *keys;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(text, sizeof text, "{ed25519 b}\n%s {ed25519 a}\n", lines[i].options);
        keys = read_keys(text, 0);
        assert_int_equal(sessile_authorized_keys_count(keys), 1);
        assert_int_equal(sessile_authorized_keys_bad_count(keys), 1);
        assert_int_equal(sessile_authorized_keys_bad_line(keys, 0), 2);
        if (!strstr(sessile_authorized_keys_bad_reason(keys, 0), lines[i].reason))
            fail_msg("%s: %s", lines[i].options, sessile_authorized_keys_bad_reason(keys, 0));
        sessile_authorized_keys_free(keys);
        refused(text, trust_key("ed25519 a"), &usual, "no line has the key");
    }
}

static void a_line_without_a_key_is_skipped(void **state)
{
    sessile_authorized_keys *keys = read_keys("pty\nssh-ed25519\npty ssh-dss AAAA\ncommand=\"a b\" {ed25519 a}\n", 0);

    (void)state;
    assert_int_equal(sessile_authorized_keys_count(keys), 1);
    assert_int_equal(sessile_authorized_keys_bad_count(keys), 3);
    sessile_authorized_keys_free(keys);
}

/* ---- from ---- */

static void from_matches_addresses_and_names(void **state)
{
    static const struct {
        const char *list;
        const char *address;
        const char *host;
        int result;
    } peers[] = {
        {"192.0.2.7", "192.0.2.7", NULL, 1},
        {"192.0.2.7", "192.0.2.8", NULL, 0},
        {"192.0.2.0/24", "192.0.2.8", NULL, 1},
        {"192.0.2.0/24", "192.0.3.8", NULL, 0},
        {"192.0.2.0/24", "::ffff:192.0.2.8", NULL, 1},
        {"192.0.2.*", "::ffff:192.0.2.8", NULL, 1},
        {"192.0.2.1/24", "192.0.2.1", NULL, PATTERN_BAD},
        {"192.0.2.0/33", "192.0.2.1", NULL, PATTERN_BAD},
        {"192.0.2.0/24,", "192.0.2.1", NULL, 1},
        {"192.0.2.0/24,,a", "192.0.2.1", NULL, PATTERN_BAD},
        {"2001:db8::/32", "2001:db8:1::1", NULL, 1},
        {"2001:db8::/32", "2001:db9::1", NULL, 0},
        {"fe80::/10", "fe80::1%eth0", NULL, 1},
        {"::1", "::1", NULL, 1},
        {"0.0.0.0/0", "::1", NULL, 0},
        {"*", "192.0.2.1", NULL, 1},
        {"192.0.2.?", "192.0.2.1", NULL, 1},
        {"!192.0.2.1,*", "192.0.2.1", NULL, PATTERN_NEGATED},
        {"*,!192.0.2.1", "192.0.2.1", NULL, PATTERN_NEGATED},
        {"*,!192.0.2.0/24", "192.0.2.1", NULL, PATTERN_NEGATED},
        {"*,!192.0.2.1", "192.0.2.2", NULL, 1},
        {"*.example", "192.0.2.1", "www.example", 1},
        {"*.Example", "192.0.2.1", "WWW.example", 1},
        {"*.example", "192.0.2.1", NULL, 0},
        {"*.example", "192.0.2.1", "www.other", 0},
        {"192.0.2.1,!www.example", "192.0.2.1", "www.example", PATTERN_NEGATED},
        {"*.example", "not an address", "www.example", PATTERN_BAD},
        {"", "192.0.2.1", NULL, PATTERN_BAD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        int result = pattern_peer_match(span_of(peers[i].list), peers[i].address, peers[i].host);

        if (result != peers[i].result)
            fail_msg("%s, %s: %d", peers[i].list, peers[i].address, result);
    }
}

static void from_decides_who_is_let_in(void **state)
{
    struct asking a = usual;

    (void)state;
    sessile_grant_free(grant_of("from=\"192.0.2.0/24\" {ed25519 a}\n"));
    refused("from=\"10.0.0.0/8\" {ed25519 a}\n", trust_key("ed25519 a"), &a, "from= does not have");
    refused("from=\"10.0.0.1/8\" {ed25519 a}\n", trust_key("ed25519 a"), &a, "cannot be understood");
    refused("from=\"!192.0.2.7,*\" {ed25519 a}\n", trust_key("ed25519 a"), &a, "line 1 has the key");
    a.address = NULL;
    refused("from=\"*\" {ed25519 a}\n", trust_key("ed25519 a"), &a, "the peer's address is not known");
}

/* Whom it would exclude is never found out. */
static void a_negated_pattern_in_from_that_is_too_long_excludes_all(void **state)
{
    static const char *const hosts[] = {"www.example", NULL};
    char pattern[PATTERN_MAX + 2] = {0}, text[PATTERN_MAX + 64];
    struct asking a = usual;

    (void)state;
    memset(pattern, 'x', PATTERN_MAX);
    for (size_t i = 0; i < 2; i++) {
        a.host = hosts[i];
        pattern[PATTERN_MAX] = 0;
        snprintf(text, sizeof text, "from=\"!%s,*\" {ed25519 a}\n", pattern);
        sessile_grant_free(ask(text, trust_key("ed25519 a"), &a));
        assert_string_equal(error, "");
        pattern[PATTERN_MAX] = 'x';
        snprintf(text, sizeof text, "from=\"!%s,*\" {ed25519 a}\n", pattern);
        refused(text, trust_key("ed25519 a"), &a, "from= does not have");
        snprintf(text, sizeof text, "from=\"*,!%s\" {ed25519 a}\n", pattern);
        refused(text, trust_key("ed25519 a"), &a, "from= does not have");
    }
}

/* ---- times ---- */

static void expiry_times_are_read(void **state)
{
    static const struct {
        const char *text;
        int zone;
        int64_t seconds;
    } times[] = {
        {"19700101", 0, 1}, /* 0 is never */
        {"19700102", 0, 86400},
        {"20260101", 0, 1767225600},
        {"20260101Z", 3600, 1767225600},
        {"20260101utc", 3600, 1767225600},
        {"20260101", 3600, 1767222000},
        {"20260101", -3600, 1767229200},
        {"202601010102", 0, 1767225600 + 3720},
        {"20260101010203Z", 0, 1767225600 + 3723},
        {"20240229", 0, 1709164800},
        {"20000229", 0, 951782400},
        {"99991231235960", 0, 253402300800},
    };
    static const char *const none[] = {"",         "Z",          "2026010",      "202601011", "20260001",
                                       "20261301", "20260100",   "20260132",     "20230229",  "21000229",
                                       "19691231", "2026010124", "202601010060", "2026o101",  "20260101235961"};
    int64_t seconds;

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_int_equal(options_time(span_of(times[i].text), times[i].zone, &seconds), 0);
        if (seconds != times[i].seconds)
            fail_msg("%s: %lld", times[i].text, (long long)seconds);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (options_time(span_of(none[i]), 0, &seconds) == 0)
            fail_msg("%s", none[i]);
}

static void a_key_ends_at_its_time(void **state)
{
    const char *text = "expiry-time=\"20260102Z\",expiry-time=\"20260101Z\" {ed25519 a}\n";
    struct asking a = usual;
    sessile_grant *grant;

    (void)state;
    grant = ask(text, trust_key("ed25519 a"), &a);
    assert_non_null(grant);
    sessile_grant_free(grant);
    a.now = TRUST_NOW + 1;
    refused(text, trust_key("ed25519 a"), &a, "expiry-time= has passed");
    a.now = -1;
    refused(text, trust_key("ed25519 a"), &a, "the time is not known");
    a.now = TRUST_NOW - 3599;
    a.zone = 3600;
    refused("expiry-time=\"20260101\" {ed25519 a}\n", trust_key("ed25519 a"), &a, "expiry-time= has passed");
}

/* ---- environment and places ---- */

static void the_first_of_each_variable_counts(void **state)
{
    sessile_grant *grant = grant_of("environment=\"A=1\",environment=\"B_2=x=\\\"y\\\"\",environment=\"A=2\","
                                    "environment=\"AB=\" {ed25519 a}\n");

    (void)state;
    assert_int_equal(sessile_grant_environment_count(grant), 3);
    assert_string_equal(sessile_grant_environment(grant, 0), "A=1");
    assert_string_equal(sessile_grant_environment(grant, 1), "B_2=x=\"y\"");
    assert_string_equal(sessile_grant_environment(grant, 2), "AB=");
    assert_null(sessile_grant_environment(grant, 3));
    sessile_grant_free(grant);
}

static void places_to_open_are_names_not_patterns(void **state)
{
    sessile_grant *grant = grant_of("permitopen=\"host:80\",permitopen=\"[2001:db8::1]:*\",permitopen=\"*:22\","
                                    "permitopen=\"a*:81\" {ed25519 a}\n");

    (void)state;
    assert_int_equal(sessile_grant_allows_open(grant, "host", 80), 1);
    assert_int_equal(sessile_grant_allows_open(grant, "host", 81), 0);
    assert_int_equal(sessile_grant_allows_open(grant, "2001:db8::1", 9999), 1);
    assert_int_equal(sessile_grant_allows_open(grant, "anything", 22), 1);
    assert_int_equal(sessile_grant_allows_open(grant, "abc", 81), 0);
    assert_int_equal(sessile_grant_allows_open(grant, "host", -1), 0);
    assert_int_equal(sessile_grant_allows_open(grant, "anything", 22 + 65536), 0);
    assert_int_equal(sessile_grant_allows_open(grant, NULL, 22), 0);
    assert_int_equal(sessile_grant_allows_listen(grant, "localhost", 22), 1);
    sessile_grant_free(grant);
}

static void places_to_listen_may_be_patterns(void **state)
{
    sessile_grant *grant = grant_of("permitlisten=\"8080\",permitlisten=\"local*:9090\" {ed25519 a}\n");

    (void)state;
    assert_int_equal(sessile_grant_allows_listen(grant, "", 8080), 1);
    assert_int_equal(sessile_grant_allows_listen(grant, "localhost", 9090), 1);
    assert_int_equal(sessile_grant_allows_listen(grant, "LOCALHOST", 9090), 1);
    assert_int_equal(sessile_grant_allows_listen(grant, "127.0.0.1", 9090), 0);
    assert_int_equal(sessile_grant_allows_listen(grant, "localhost", 9091), 0);
    sessile_grant_free(grant);
    grant = grant_of("no-port-forwarding,permitlisten=\"8080\",permitopen=\"*:*\" {ed25519 a}\n");
    assert_int_equal(sessile_grant_allows_listen(grant, "localhost", 8080), 0);
    assert_int_equal(sessile_grant_allows_open(grant, "host", 80), 0);
    sessile_grant_free(grant);
}

static void tunnels_are_read_and_lead_to_nothing(void **state)
{
    (void)state;
    sessile_grant_free(grant_of("tunnel=\"0\" {ed25519 a}\n"));
    sessile_grant_free(grant_of("tunnel=\"any\" {ed25519 a}\n"));
}

/* ---- certificates ---- */

static sessile_grant *ask_certificate(const char *text, sessile_key *certificate, const struct asking *a)
{
    sessile_grant *grant = ask(text, certificate, a);

    sessile_key_free(certificate);
    return grant;
}

static void certificate_refused(const char *text, sessile_key *certificate, const char *why)
{
    refused(text, certificate, &usual, why);
    sessile_key_free(certificate);
}

static void a_certificate_by_an_authority_on_a_line_is_let_in(void **state)
{
    sessile_grant *grant = ask_certificate("cert-authority {ecdsa ca}\n",
                                           CERTIFICATE(.extensions = {"permit-pty", "permit-user-rc"}), &usual);

    (void)state;
    assert_non_null(grant);
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_PTY), 1);
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_USER_RC), 1);
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_PORT_FORWARDING), 0);
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_AGENT_FORWARDING), 0);
    assert_int_equal(sessile_grant_allows_open(grant, "host", 80), 0);
    sessile_grant_free(grant);
}

static void a_certificate_that_is_not_good_is_refused(void **state)
{
    (void)state;
    certificate_refused("{ecdsa ca}\n", CERTIFICATE(0), "no line has the certificate's authority");
    certificate_refused("{ed25519 a}\n", CERTIFICATE(0), "no line has the certificate's authority");
    certificate_refused("cert-authority {ecdsa b}\n", CERTIFICATE(0), "no line has the certificate's authority");
    certificate_refused("cert-authority {ecdsa ca}\n", CERTIFICATE(.principal = "bob"), "is not for 'alice'");
    certificate_refused("cert-authority {ecdsa ca}\n", CERTIFICATE(.nobody = 1), "has no principals");
    certificate_refused("cert-authority {ecdsa ca}\n", CERTIFICATE(.before = TRUST_NOW), "was valid until");
    certificate_refused("cert-authority {ecdsa ca}\n", CERTIFICATE(.kind = SESSILE_CERTIFICATE_HOST), "is for a host");
    certificate_refused("cert-authority {ecdsa ca}\n", CERTIFICATE(.address = "10.0.0.0/8"), "is not for the address");
    certificate_refused("cert-authority,from=\"10.0.0.1\" {ecdsa ca}\n", CERTIFICATE(0), "from=");
}

static void without_address_or_time_a_certificate_that_needs_them_is_refused(void **state)
{
    struct asking a = usual;
    sessile_key *bound = CERTIFICATE(.address = "192.0.2.0/24");
    sessile_grant *grant = ask("cert-authority {ecdsa ca}\n", bound, &a);

    (void)state;
    assert_non_null(grant);
    sessile_grant_free(grant);
    a.address = NULL;
    refused("cert-authority {ecdsa ca}\n", bound, &a, "the peer's is not known");
    a = usual;
    a.now = -1;
    refused("cert-authority {ecdsa ca}\n", bound, &a, "the time is not known");
    sessile_key_free(bound);
}

static void principals_take_the_place_of_the_user(void **state)
{
    sessile_grant *grant = ask_certificate("cert-authority,principals=\"carol,bob\" {ecdsa ca}\n",
                                           CERTIFICATE(.principal = "bob"), &usual);

    (void)state;
    assert_non_null(grant);
    sessile_grant_free(grant);
    certificate_refused("cert-authority,principals=\"bob\" {ecdsa ca}\n", CERTIFICATE(0), "principals= has none");
    certificate_refused("cert-authority,principals=\"*\" {ecdsa ca}\n", CERTIFICATE(0), "principals= has none");
    certificate_refused("cert-authority,principals=\"\" {ecdsa ca}\n", CERTIFICATE(0), "principals= has none");
    certificate_refused("cert-authority,principals=\"alice\" {ecdsa ca}\n", CERTIFICATE(.nobody = 1),
                        "principals= has none");
}

static void both_must_allow_what_is_allowed(void **state)
{
    sessile_grant *grant =
        ask_certificate("cert-authority,no-pty {ecdsa ca}\n",
                        CERTIFICATE(.extensions = {"permit-agent-forwarding", "permit-pty"}), &usual);

    (void)state;
    assert_non_null(grant);
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_PTY), 0);
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_AGENT_FORWARDING), 1);
    sessile_grant_free(grant);
    grant = ask_certificate("cert-authority,no-touch-required {ecdsa ca}\n", CERTIFICATE(.verify = 1), &usual);
    assert_non_null(grant);
    assert_int_equal(sessile_grant_needs_touch(grant), 1);
    assert_int_equal(sessile_grant_needs_verification(grant), 1);
    sessile_grant_free(grant);
    grant = ask_certificate("cert-authority,no-touch-required,verify-required {ecdsa ca}\n",
                            CERTIFICATE(.extensions = {"no-touch-required"}), &usual);
    assert_non_null(grant);
    assert_int_equal(sessile_grant_needs_touch(grant), 0);
    assert_int_equal(sessile_grant_needs_verification(grant), 1);
    sessile_grant_free(grant);
}

static void forced_commands_agree_or_refuse(void **state)
{
    sessile_grant *grant = ask_certificate("cert-authority {ecdsa ca}\n", CERTIFICATE(.command = "true"), &usual);

    (void)state;
    assert_non_null(grant);
    assert_string_equal(sessile_grant_command(grant), "true");
    sessile_grant_free(grant);
    grant = ask_certificate("cert-authority,command=\"true\" {ecdsa ca}\n", CERTIFICATE(.command = "true"), &usual);
    assert_non_null(grant);
    assert_string_equal(sessile_grant_command(grant), "true");
    sessile_grant_free(grant);
    grant = ask_certificate("cert-authority,command=\"false\" {ecdsa ca}\n", CERTIFICATE(0), &usual);
    assert_non_null(grant);
    assert_string_equal(sessile_grant_command(grant), "false");
    sessile_grant_free(grant);
    certificate_refused("cert-authority,command=\"false\" {ecdsa ca}\n", CERTIFICATE(.command = "true"), "differ");
}

/* ---- authorities of all users, and principals files ---- */

static sessile_principals *read_principals(const char *text)
{
    sessile_principals *principals;

    assert_int_equal(sessile_principals_read(text, strlen(text), 0, &principals, error, sizeof error), 0);
    return principals;
}

/* Takes the certificate and principals over. */
static int ask_authorities(const char *text, sessile_principals *principals, sessile_key *certificate,
                           sessile_grant **grant)
{
    sessile_authorized_keys *authorities = read_keys(text, 0);
    int result = sessile_authorities_match(authorities, principals, certificate, "alice", "192.0.2.7", NULL, TRUST_NOW,
                                           grant, error, sizeof error);

    assert_true((result == SESSILE_OK) == (*grant != NULL));
    sessile_authorized_keys_free(authorities);
    sessile_principals_free(principals);
    sessile_key_free(certificate);
    return result;
}

static void a_trusted_authority_lets_in_whom_it_names(void **state)
{
    sessile_grant *grant;

    (void)state;
    assert_int_equal(ask_authorities("{ecdsa ca}\n", NULL, CERTIFICATE(.extensions = {"permit-pty"}), &grant), 0);
    assert_int_equal(sessile_grant_line(grant), 0);
    assert_null(sessile_grant_command(grant));
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_PTY), 1);
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_PORT_FORWARDING), 0);
    assert_int_equal(sessile_grant_environment_count(grant), 0);
    sessile_grant_free(grant);
    assert_int_equal(ask_authorities("{ecdsa b}\n", NULL, CERTIFICATE(0), &grant), SESSILE_ERR_VERIFY);
    assert_string_equal(error, "the certificate's authority is not trusted");
    assert_int_equal(ask_authorities("{ecdsa ca}\n", NULL, CERTIFICATE(.principal = "bob"), &grant),
                     SESSILE_ERR_VERIFY);
    assert_int_equal(ask_authorities("from=\"10.0.0.1\" {ecdsa ca}\n", NULL, CERTIFICATE(0), &grant),
                     SESSILE_ERR_VERIFY);
    assert_int_equal(ask_authorities("{ed25519 a}\n", NULL, sessile_key_keep(trust_key("ed25519 a")), &grant),
                     SESSILE_ERR_VERIFY);
    assert_string_equal(error, "the key has no certificate");
}

static void a_principals_file_names_who_is_let_in(void **state)
{
    sessile_grant *grant;

    (void)state;
    assert_int_equal(ask_authorities("{ecdsa ca}\n",
                                     read_principals("# names\ncarol\nno-pty,command=\"a b\" bob # him\n"),
                                     CERTIFICATE(.principal = "bob", .extensions = {"permit-pty"}), &grant),
                     0);
    assert_int_equal(sessile_grant_line(grant), 3);
    assert_string_equal(sessile_grant_command(grant), "a b");
    assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_PTY), 0);
    sessile_grant_free(grant);
    assert_int_equal(ask_authorities("{ecdsa ca}\n", read_principals("bob\n"), CERTIFICATE(0), &grant),
                     SESSILE_ERR_VERIFY);
    assert_string_equal(error, "the certificate names none of the user's principals");
    assert_int_equal(ask_authorities("{ecdsa ca}\n", read_principals(""), CERTIFICATE(0), &grant), SESSILE_ERR_VERIFY);
    assert_int_equal(
        ask_authorities("{ecdsa ca}\n", read_principals("from=\"10.0.0.1\" alice\n"), CERTIFICATE(0), &grant),
        SESSILE_ERR_VERIFY);
    assert_non_null(strstr(error, "from="));
}

static void bad_lines_of_a_principals_file_are_skipped_and_told(void **state)
{
    sessile_principals *principals = read_principals("unknown alice\ncert-authority alice\nprincipals=\"a\" alice\n"
                                                     "pty alice bob\nal\x01ice\nalice\n");

    (void)state;
    assert_int_equal(sessile_principals_count(principals), 1);
    assert_int_equal(sessile_principals_bad_count(principals), 5);
    assert_int_equal(sessile_principals_bad_line(principals, 3), 4);
    assert_non_null(strstr(sessile_principals_bad_reason(principals, 4), "control character"));
    assert_non_null(strstr(sessile_principals_bad_reason(principals, 0), "'unknown'"));
    assert_ptr_equal(sessile_principals_keep(principals), principals);
    sessile_principals_free(principals);
    sessile_principals_free(principals);
}

/* ---- whatever comes ---- */

static void what_is_too_much_is_refused(void **state)
{
    size_t size = (16u << 20) + 1;
    char *text = need_memory(malloc(size));
    sessile_authorized_keys *keys;
    sessile_principals *principals;
    size_t used = 0;

    (void)state;
    memset(text, '#', size);
    assert_int_equal(sessile_authorized_keys_read(text, size, 0, &keys, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_null(keys);
    assert_non_null(strstr(error, "16777216"));
    assert_int_equal(sessile_principals_read(text, size, 0, &principals, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_authorized_keys_read("", 0, 86401, &keys, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_authorized_keys_read(NULL, 1, 0, &keys, error, sizeof error), SESSILE_ERR_ARGUMENT);
    for (int i = 0; i < 1025; i++)
        used += (size_t)snprintf(text + used, 64, "%senvironment=\"A%d=1\"", i ? "," : "", i);
    snprintf(text + used, 1024, " %s\n", trust_line("ed25519 a"));
    assert_int_equal(sessile_authorized_keys_read(text, strlen(text), 0, &keys, error, sizeof error), 0);
    assert_int_equal(sessile_authorized_keys_count(keys), 0);
    assert_string_equal(sessile_authorized_keys_bad_reason(keys, 0), "there are more than 1024 environment=");
    sessile_authorized_keys_free(keys);
    free(text);
}

static const char everything[] =
    "# all of it\n{ed25519 b}\nrestrict,pty,command=\"a \\\"b\\\"\",from=\"*.example,!192.0.2.0/24,2001:db8::/32\","
    "environment=\"A=b\",permitopen=\"[::1]:80\",permitlisten=\"8080\",expiry-time=\"20300101Z\",tunnel=\"any\" "
    "{ed25519 a} comment\ncert-authority,principals=\"alice,bob\",no-touch-required,verify-required {ecdsa ca}\nbad\n";

static void mutated_files_do_no_harm(void **state)
{
    sessile_key *certificate = CERTIFICATE(.command = "true");
    sessile_key *keys[] = {trust_key("ed25519 a"), certificate};
    char *text = trust_text(everything);
    uint32_t random = 2;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        sessile_authorized_keys *list;
        sessile_principals *names;
        size_t size = strlen(text);
        uint8_t *mutated = trust_mutate(text, &size, &random);

        assert_int_equal(sessile_authorized_keys_read(mutated, size, 0, &list, error, sizeof error), 0);
        assert_int_equal(sessile_principals_read(mutated, size, 0, &names, error, sizeof error), 0);
        free(mutated);
        for (int k = 0; k < 2; k++) {
            sessile_grant *grant;
            int result = sessile_authorized_keys_match(list, keys[k], "alice", "192.0.2.7", "www.example", TRUST_NOW,
                                                       &grant, error, sizeof error);

            assert_true(result == SESSILE_OK || result == SESSILE_ERR_VERIFY);
            sessile_grant_allows_open(grant, "::1", 80);
            sessile_grant_allows_listen(grant, "", 8080);
            sessile_grant_free(grant);
            sessile_authorities_match(list, names, certificate, "alice", "192.0.2.7", NULL, TRUST_NOW, &grant, NULL, 0);
            sessile_grant_free(grant);
        }
        sessile_authorized_keys_free(list);
        sessile_principals_free(names);
    }
    free(text);
    sessile_key_free(certificate);
}

/* What is left without memory: what there is with it, or an error; never a grant of more. */
static int read_and_match(const char *text, sessile_key *certificate)
{
    sessile_authorized_keys *keys;
    sessile_principals *principals = NULL;
    sessile_grant *grant;
    int result = sessile_authorized_keys_read(text, strlen(text), 0, &keys, error, sizeof error);

    if (result < 0)
        return result;
    result = sessile_authorized_keys_match(keys, certificate, "alice", "192.0.2.7", NULL, TRUST_NOW, &grant, error,
                                           sizeof error);
    if (result == SESSILE_OK) {
        assert_string_equal(sessile_grant_command(grant), "true");
        assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_PTY), 0);
        assert_int_equal(sessile_grant_allows(grant, SESSILE_GRANT_USER_RC), 1);
        assert_int_equal(sessile_grant_allows_open(grant, "host", 80), 0);
        assert_int_equal(sessile_grant_environment_count(grant), 1);
        sessile_grant_free(grant);
        result = sessile_principals_read("no-pty alice\nbad alice\n", 23, 0, &principals, error, sizeof error);
    }
    sessile_principals_free(principals);
    sessile_authorized_keys_free(keys);
    return result;
}

static void without_memory_there_is_an_error(void **state)
{
    sessile_key *certificate = CERTIFICATE(.command = "true", .extensions = {"permit-pty", "permit-user-rc"});
    char *text = trust_text("bad\nenvironment=\"A=b\",cert-authority,permitopen=\"h:1\",no-pty,command=\"true\","
                            "principals=\"alice\",from=\"192.0.2.7\" {ecdsa ca}\n");
    size_t before = failing_blocks(FAILING_OURS);
    int hit;

    (void)state;
    assert_int_equal(read_and_match(text, certificate), 0);
    for (int which = FAILING_OURS; which <= FAILING_OPENSSL; which++)
        for (size_t i = 0;; i++) {
            int result;

            failing_at(which, i, 0);
            result = read_and_match(text, certificate);
            hit = failing_hit();
            failing_off();
            assert_int_equal(failing_blocks(FAILING_OURS), before);
            if (!hit) {
                assert_int_equal(result, 0);
                break;
            }
            if (which == FAILING_OURS)
                assert_int_equal(result, SESSILE_ERR_MEMORY);
        }
    free(text);
    sessile_key_free(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_without_options_allows_all),
        cmocka_unit_test(a_key_that_is_not_there_is_refused),
        cmocka_unit_test(the_first_line_that_lets_in_decides),
        cmocka_unit_test(a_grant_outlives_its_file),
        cmocka_unit_test(flags_take_away_and_give),
        cmocka_unit_test(security_keys_have_flags_of_their_own),
        cmocka_unit_test(a_line_with_bad_options_is_skipped_and_told),
        cmocka_unit_test(a_line_without_a_key_is_skipped),
        cmocka_unit_test(from_matches_addresses_and_names),
        cmocka_unit_test(from_decides_who_is_let_in),
        cmocka_unit_test(a_negated_pattern_in_from_that_is_too_long_excludes_all),
        cmocka_unit_test(expiry_times_are_read),
        cmocka_unit_test(a_key_ends_at_its_time),
        cmocka_unit_test(the_first_of_each_variable_counts),
        cmocka_unit_test(places_to_open_are_names_not_patterns),
        cmocka_unit_test(places_to_listen_may_be_patterns),
        cmocka_unit_test(tunnels_are_read_and_lead_to_nothing),
        cmocka_unit_test(a_certificate_by_an_authority_on_a_line_is_let_in),
        cmocka_unit_test(a_certificate_that_is_not_good_is_refused),
        cmocka_unit_test(without_address_or_time_a_certificate_that_needs_them_is_refused),
        cmocka_unit_test(principals_take_the_place_of_the_user),
        cmocka_unit_test(both_must_allow_what_is_allowed),
        cmocka_unit_test(forced_commands_agree_or_refuse),
        cmocka_unit_test(a_trusted_authority_lets_in_whom_it_names),
        cmocka_unit_test(a_principals_file_names_who_is_let_in),
        cmocka_unit_test(bad_lines_of_a_principals_file_are_skipped_and_told),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(mutated_files_do_no_harm),
        cmocka_unit_test(without_memory_there_is_an_error),
    };
    int failed;

    failing_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    trust_free();
    return failed;
}
