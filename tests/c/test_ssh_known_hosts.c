/* SPDX-License-Identifier: Apache-2.0
 *
 * known_hosts: what a file says about a host's key, and lines for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "harness.h"
#include "ssh/trust/pattern.h"
#include "ssh_trust.h"

#define HOST_CERTIFICATE(...) trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){.kind = 2, __VA_ARGS__})

static char error[256];

static sessile_known_hosts *read_text(const char *text, sessile_known_hosts *before)
{
    sessile_known_hosts *known = NULL;
    char *full = trust_text(text);

    assert_int_equal(sessile_known_hosts_read(full, strlen(full), before, &known, error, sizeof error), 0);
    free(full);
    return known;
}

static int check_key(const char *text, const char *host, int port, sessile_key *key, int64_t now)
{
    sessile_known_hosts *known = read_text(text, NULL);
    int result = sessile_known_hosts_check(known, host, port, key, now, NULL, NULL, error, sizeof error);

    sessile_known_hosts_free(known);
    return result;
}

static int check(const char *text, const char *host, int port)
{
    return check_key(text, host, port, trust_key("ed25519 a"), TRUST_NOW);
}

static int check_certificate(const char *text, const char *host, int port, sessile_key *certificate)
{
    int result = check_key(text, host, port, certificate, TRUST_NOW);

    sessile_key_free(certificate);
    return result;
}

/* ---- names ---- */

static void a_plain_name_is_found(void **state)
{
    (void)state;
    assert_int_equal(check("host {ed25519 a}\n", "host", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("host {ed25519 a}", "HOST", 0), SESSILE_HOST_KNOWN);
    assert_int_equal(check("HoSt {ed25519 a} a comment\r\n", "host", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("host {ed25519 a}\n", "hosts", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("host {ed25519 a}\n", "hos", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("", "host", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("#host {ed25519 a}\n", "host", 22), SESSILE_HOST_UNKNOWN);
}

static void any_name_of_a_list_is_found(void **state)
{
    (void)state;
    assert_int_equal(check("host,192.0.2.1 {ed25519 a}\n", "192.0.2.1", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("host,192.0.2.1 {ed25519 a}\n", "host", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("host,192.0.2.1 {ed25519 a}\n", "192.0.2.2", 22), SESSILE_HOST_UNKNOWN);
}

static void patterns_match_and_negated_ones_exclude(void **state)
{
    (void)state;
    assert_int_equal(check("*.example {ed25519 a}\n", "www.example", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("*.example {ed25519 a}\n", "example", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("w?w.example {ed25519 a}\n", "wxw.example", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("w?w.example {ed25519 a}\n", "ww.example", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("*.example,!bad.example {ed25519 a}\n", "good.example", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("*.example,!bad.example {ed25519 a}\n", "bad.example", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("!bad.example,*.example {ed25519 a}\n", "bad.example", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("!bad.example {ed25519 a}\n", "good.example", 22), SESSILE_HOST_UNKNOWN);
}

/* Whom it would exclude is never found out. */
static void a_negated_pattern_that_is_too_long_excludes_all(void **state)
{
    static const char *const forms[] = {"!%s,* {ed25519 a}\n", "*,!%s {ed25519 a}\n"};
    char pattern[PATTERN_MAX + 2] = {0}, text[PATTERN_MAX + 64];

    (void)state;
    memset(pattern, 'x', PATTERN_MAX);
    for (int longer = 0; longer <= 1; longer++) {
        pattern[PATTERN_MAX] = longer ? 'x' : 0;
        for (size_t i = 0; i < 2; i++) {
            snprintf(text, sizeof text, forms[i], pattern);
            assert_int_equal(check(text, "host", 22), longer ? SESSILE_HOST_UNKNOWN : SESSILE_HOST_KNOWN);
        }
    }
}

static void a_port_is_part_of_the_name(void **state)
{
    (void)state;
    assert_int_equal(check("[host]:2222 {ed25519 a}\n", "host", 2222), SESSILE_HOST_KNOWN);
    assert_int_equal(check("[host]:2222 {ed25519 a}\n", "host", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("[host]:2222 {ed25519 a}\n", "host", 2223), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("[*]:2222 {ed25519 a}\n", "host", 2222), SESSILE_HOST_KNOWN);
    assert_int_equal(check("[2001:db8::1]:2222 {ed25519 a}\n", "2001:db8::1", 2222), SESSILE_HOST_KNOWN);
}

static void a_key_without_a_port_serves_at_ports_of_which_nothing_is_known(void **state)
{
    (void)state;
    assert_int_equal(check("host {ed25519 a}\n", "host", 2222), SESSILE_HOST_KNOWN);
    assert_int_equal(check("host {ed25519 b}\n", "host", 2222), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check("host {ed25519 a}\n[host]:2222 {ed25519 b}\n", "host", 2222), SESSILE_HOST_CHANGED);
    assert_int_equal(check("@revoked host {ed25519 a}\n", "host", 2222), SESSILE_HOST_REVOKED);
}

static void hashed_names_are_found(void **state)
{
    /* What ssh-keygen -H made of host.example. */
    static const char text[] = "|1|gcR7CHnmIdnlcxVnQGZcaYFGaaw=|7s0hCQtuUv0UhlX+p82aVa4bZHg= {ed25519 a}\n";
    char made[512];
    int size;

    (void)state;
    size = sessile_known_hosts_line("Host.Example", 2222, trust_key("ed25519 a"), 1, made, sizeof made - 1);
    assert_true(size > 0);
    made[size] = 0;
    assert_int_equal(strncmp(made, "|1|", 3), 0);
    assert_null(strstr(made, "xample"));
    assert_int_equal(check(made, "host.example", 2222), SESSILE_HOST_KNOWN);
    assert_int_equal(check(made, "host.example", 22), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check(made, "other.example", 2222), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check(text, "host.example", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check(text, "other.example", 22), SESSILE_HOST_UNKNOWN);
}

static void names_that_could_be_more_than_one_are_refused(void **state)
{
    static const char *const names[] = {"", "a,b", "*", "a?", "!a", "a b", "a\n", "|1|x", "#a", "\xc3\xa4"};
    char longest[PATTERN_HOST_MAX + 2] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(check("* {ed25519 a}\n", names[i], 22), SESSILE_ERR_ARGUMENT);
    memset(longest, 'a', PATTERN_HOST_MAX);
    assert_int_equal(check("* {ed25519 a}\n", longest, 65535), SESSILE_HOST_KNOWN);
    assert_int_equal(check("* {ed25519 a}\n", longest, 65536), SESSILE_ERR_ARGUMENT);
    assert_int_equal(check("* {ed25519 a}\n", longest, -1), SESSILE_ERR_ARGUMENT);
    longest[PATTERN_HOST_MAX] = 'a';
    assert_int_equal(check("* {ed25519 a}\n", longest, 22), SESSILE_ERR_ARGUMENT);
}

static void a_hostile_pattern_costs_no_more_than_its_length(void **state)
{
    char pattern[PATTERN_MAX + 1];
    char text[PATTERN_MAX + 1];

    (void)state;
    for (size_t i = 0; i < PATTERN_MAX; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    memset(text, 'a', PATTERN_MAX);
    pattern[PATTERN_MAX] = text[PATTERN_MAX] = 0;
    assert_int_equal(pattern_match(span_of(pattern), span_of(text), 0), 1);
    pattern[PATTERN_MAX - 1] = 'b';
    assert_int_equal(pattern_match(span_of(pattern), span_of(text), 0), 0);
}

static void the_last_star_is_the_one_that_gives_way(void **state)
{
    (void)state;
    assert_int_equal(pattern_match(span_of("*ab*c"), span_of("aababxcabc"), 0), 1);
    assert_int_equal(pattern_match(span_of("*ab*c"), span_of("aababxcab"), 0), 0);
    assert_int_equal(pattern_match(span_of("a*?b"), span_of("ab"), 0), 0);
    assert_int_equal(pattern_match(span_of("a*?b"), span_of("axb"), 0), 1);
    assert_int_equal(pattern_match(span_of("***"), span_of(""), 0), 1);
    assert_int_equal(pattern_match(span_of(""), span_of(""), 0), 1);
    assert_int_equal(pattern_match(span_of("?"), span_of(""), 0), 0);
}

/* ---- keys ---- */

static void another_key_of_the_type_is_a_change(void **state)
{
    (void)state;
    assert_int_equal(check("host {ed25519 b}\n", "host", 22), SESSILE_HOST_CHANGED);
    assert_int_equal(check("host {ed25519 b}\nhost {ecdsa a}\n", "host", 22), SESSILE_HOST_CHANGED);
    assert_int_equal(check("host {ed25519 b}\nhost {ed25519 a}\n", "host", 22), SESSILE_HOST_KNOWN);
}

static void keys_of_other_types_only_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(check("host {ecdsa a}\n", "host", 22), SESSILE_HOST_OTHER);
    assert_int_equal(check("host {ecdsa a}\nhost {ed25519 a}\n", "host", 22), SESSILE_HOST_KNOWN);
}

static void a_revoked_key_is_revoked_wherever_it_stands(void **state)
{
    (void)state;
    assert_int_equal(check("@revoked * {ed25519 a}\nhost {ed25519 a}\n", "host", 22), SESSILE_HOST_REVOKED);
    assert_int_equal(check("host {ed25519 a}\n@revoked host {ed25519 a}\n", "host", 22), SESSILE_HOST_REVOKED);
    assert_int_equal(check("host {ed25519 a}\n@revoked * {ed25519 a} a\fcomment\x1b\n", "host", 22),
                     SESSILE_HOST_REVOKED);
    assert_int_equal(check("host {ed25519 a}\n@revoked other {ed25519 a}\n", "host", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("host {ed25519 a}\n@revoked host {ed25519 b}\n", "host", 22), SESSILE_HOST_KNOWN);
    assert_int_equal(check("@cert-authority host {ed25519 a}\n", "host", 22), SESSILE_HOST_UNKNOWN);
}

static void what_decided_is_told(void **state)
{
    sessile_known_hosts *user = read_text("# mine\n\nhost {ecdsa b}\nhost {ed25519 b}\n", NULL);
    sessile_known_hosts *all = read_text("other {ed25519 b}\nhost {ed25519 a}\n", user);
    size_t file, line;

    (void)state;
    sessile_known_hosts_free(user);
    assert_int_equal(
        sessile_known_hosts_check(all, "host", 22, trust_key("ed25519 a"), TRUST_NOW, &file, &line, NULL, 0),
        SESSILE_HOST_KNOWN);
    assert_int_equal(file, 2);
    assert_int_equal(line, 2);
    assert_int_equal(
        sessile_known_hosts_check(all, "host", 22, trust_key("ed25519 c"), TRUST_NOW, &file, &line, NULL, 0),
        SESSILE_HOST_CHANGED);
    assert_int_equal(file, 1);
    assert_int_equal(line, 4);
    assert_int_equal(
        sessile_known_hosts_check(all, "nobody", 22, trust_key("ed25519 c"), TRUST_NOW, &file, &line, NULL, 0),
        SESSILE_HOST_UNKNOWN);
    assert_int_equal(file, 0);
    assert_int_equal(line, 0);
    sessile_known_hosts_free(all);
}

/* ---- certificates ---- */

static void a_certificate_by_a_trusted_authority_is_known(void **state)
{
    const char *text = "@cert-authority *.example {ecdsa ca}\n";

    (void)state;
    assert_int_equal(check_certificate(text, "www.example", 22, HOST_CERTIFICATE(.principal = "www.example")),
                     SESSILE_HOST_KNOWN);
    assert_string_equal(error, "");
    assert_int_equal(check_certificate(text, "WWW.example", 2222, HOST_CERTIFICATE(.principal = "www.example")),
                     SESSILE_HOST_KNOWN);
    assert_int_equal(check_certificate(text, "www.example", 22, HOST_CERTIFICATE(.principal = "*.example")),
                     SESSILE_HOST_KNOWN);
}

static void a_certificate_that_is_not_good_is_not_known(void **state)
{
    const char *text = "@cert-authority *.example {ecdsa ca}\n";

    (void)state;
    assert_int_equal(check_certificate(text, "www.example", 22, HOST_CERTIFICATE(.principal = "other.example")),
                     SESSILE_HOST_UNKNOWN);
    assert_string_equal(error, "the certificate is not for this host");
    assert_int_equal(check_certificate(text, "www.example", 22, HOST_CERTIFICATE(.nobody = 1)), SESSILE_HOST_UNKNOWN);
    assert_int_equal(
        check_certificate(text, "www.example", 22, HOST_CERTIFICATE(.principal = "www.example", .before = TRUST_NOW)),
        SESSILE_HOST_UNKNOWN);
    assert_non_null(strstr(error, "was valid until"));
    assert_int_equal(
        check_certificate(text, "www.example", 22,
                          trust_certificate("ed25519 a", "ecdsa ca", (struct trust_terms){.principal = "www.example"})),
        SESSILE_HOST_UNKNOWN);
    assert_non_null(strstr(error, "is for a user"));
    assert_int_equal(check_certificate(text, "www.else", 22, HOST_CERTIFICATE(.principal = "www.else")),
                     SESSILE_HOST_UNKNOWN);
    assert_int_equal(check_certificate("@cert-authority * {ecdsa b}\n", "www.example", 22,
                                       HOST_CERTIFICATE(.principal = "www.example")),
                     SESSILE_HOST_UNKNOWN);
    assert_int_equal(
        check_certificate("www.example {ecdsa ca}\n", "www.example", 22, HOST_CERTIFICATE(.principal = "www.example")),
        SESSILE_HOST_OTHER);
}

static void without_the_time_no_certificate_is_good(void **state)
{
    sessile_key *certificate = HOST_CERTIFICATE(.principal = "host");

    (void)state;
    assert_int_equal(check_key("@cert-authority * {ecdsa ca}\n", "host", 22, certificate, -1), SESSILE_HOST_UNKNOWN);
    assert_int_equal(check_key("@cert-authority * {ecdsa ca}\n", "host", 22, certificate, TRUST_NOW),
                     SESSILE_HOST_KNOWN);
    sessile_key_free(certificate);
}

static void the_key_in_a_certificate_counts_where_the_certificate_does_not(void **state)
{
    (void)state;
    assert_int_equal(check_certificate("host {ed25519 a}\n", "host", 22, HOST_CERTIFICATE(.principal = "host")),
                     SESSILE_HOST_KNOWN);
    assert_int_equal(check_certificate("host {ed25519 b}\n", "host", 22, HOST_CERTIFICATE(.principal = "host")),
                     SESSILE_HOST_CHANGED);
    assert_int_equal(check_certificate("@cert-authority * {ecdsa ca}\nhost {ed25519 b}\n", "host", 22,
                                       HOST_CERTIFICATE(.principal = "host", .before = 1)),
                     SESSILE_HOST_CHANGED);
}

static void a_revoked_authority_or_key_ends_a_certificate(void **state)
{
    (void)state;
    assert_int_equal(check_certificate("@cert-authority * {ecdsa ca}\n@revoked * {ecdsa ca}\n", "host", 22,
                                       HOST_CERTIFICATE(.principal = "host")),
                     SESSILE_HOST_REVOKED);
    assert_int_equal(check_certificate("@revoked * {ed25519 a}\n@cert-authority * {ecdsa ca}\n", "host", 22,
                                       HOST_CERTIFICATE(.principal = "host")),
                     SESSILE_HOST_REVOKED);
}

/* ---- lines that cannot be read ---- */

static void bad_lines_are_skipped_and_told(void **state)
{
    static const struct {
        const char *line;
        const char *reason;
    } lines[] = {
        {"host", "a key type and a key"},
        {"host ssh-ed25519", "a key type and a key"},
        {"@cert-authority", "the host and its key are missing"},
        {"@unknown host {ed25519 b}", "the marker '@unknown' is not known"},
        {"@revoked @revoked host {ed25519 b}", "two markers"},
        {"host ssh-dss AAAAB3NzaC1kc3MAAAAA", "the key type 'ssh-dss' is not known"},
        {"host ssh-ed25519 ????", "not in base64"},
        {"host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", "is cut short"},
        {"host ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAAIE/CrJlkb89/AHs/OCgqRJ7oogPwp6G9i+CuRA7yLEd4",
         "not of the type that the line says"},
        {"|2|AAAA|AAAA {ed25519 b}", "hashed in a way that is not known"},
        {"|1|AAAA|AAAA {ed25519 b}", "20 bytes of base64"},
        {"|1|gcR7CHnmIdnlcxVnQGZcaYFGaaw= {ed25519 b}", "20 bytes of base64"},
        {"ho\x01st {ed25519 b}", "control character"},
    };
    sessile_known_hosts *known;
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(text, sizeof text, "host {ed25519 a}\n%s\nhost {ecdsa a}\n", lines[i].line);
        known = read_text(text, NULL);
        assert_int_equal(sessile_known_hosts_count(known), 2);
        assert_int_equal(sessile_known_hosts_bad_count(known), 1);
        assert_int_equal(sessile_known_hosts_bad_line(known, 0), 2);
        assert_non_null(sessile_known_hosts_bad_reason(known, 0));
        if (lines[i].reason && !strstr(sessile_known_hosts_bad_reason(known, 0), lines[i].reason))
            fail_msg("line %zu: %s", i, sessile_known_hosts_bad_reason(known, 0));
        assert_true(strlen(sessile_known_hosts_bad_reason(known, 0)) > 0);
        assert_null(sessile_known_hosts_bad_reason(known, 1));
        assert_int_equal(sessile_known_hosts_bad_line(known, 1), 0);
        sessile_known_hosts_free(known);
    }
}

static void a_certificate_is_no_host_key(void **state)
{
    sessile_key *certificate = HOST_CERTIFICATE(.principal = "host");
    sessile_known_hosts *known;
    char text[4096] = "host ";
    int size = sessile_key_write_public(certificate, SESSILE_KEY_LINE, text + 5, sizeof text - 6);

    (void)state;
    assert_true(size > 0);
    known = read_text(text, NULL);
    assert_int_equal(sessile_known_hosts_count(known), 0);
    assert_string_equal(sessile_known_hosts_bad_reason(known, 0), "a certificate stands where a key must");
    sessile_known_hosts_free(known);
    sessile_key_free(certificate);
}

static void all_bad_lines_count_and_the_first_are_told(void **state)
{
    char *text = need_memory(calloc(1, 4096));
    sessile_known_hosts *known;

    (void)state;
    for (int i = 0; i < 150; i++)
        memcpy(text + i * 4, "bad\n", 4);
    known = read_text(text, NULL);
    assert_int_equal(sessile_known_hosts_bad_count(known), 150);
    assert_int_equal(sessile_known_hosts_bad_line(known, 99), 100);
    assert_int_equal(sessile_known_hosts_bad_line(known, 100), 0);
    sessile_known_hosts_free(known);
    free(text);
}

static void what_is_too_much_is_refused(void **state)
{
    sessile_known_hosts *known = NULL;
    sessile_known_hosts *next;
    size_t size = (16u << 20) + 1;
    char *text = need_memory(malloc(size));

    (void)state;
    memset(text, '#', size);
    assert_int_equal(sessile_known_hosts_read(text, size, NULL, &known, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_null(known);
    assert_non_null(strstr(error, "16777216"));
    assert_int_equal(sessile_known_hosts_read(text, size - 1, NULL, &known, error, sizeof error), 0);
    sessile_known_hosts_free(known);
    memset(text, 'a', size);
    assert_int_equal(sessile_known_hosts_read(text, size - 1, NULL, &known, error, sizeof error), 0);
    assert_non_null(strstr(sessile_known_hosts_bad_reason(known, 0), "the limit is 131072"));
    sessile_known_hosts_free(known);
    free(text);
    known = NULL;
    for (int i = 0; i < 64; i++) {
        next = read_text("", known);
        sessile_known_hosts_free(known);
        known = next;
    }
    assert_int_equal(sessile_known_hosts_read("", 0, known, &next, error, sizeof error), SESSILE_ERR_ARGUMENT);
    assert_string_equal(error, "there are more than 64 files");
    sessile_known_hosts_free(known);
}

static void nothing_is_an_argument(void **state)
{
    sessile_known_hosts *known = read_text("", NULL);

    (void)state;
    assert_int_equal(sessile_known_hosts_read(NULL, 1, NULL, &known, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_known_hosts_read("", 0, NULL, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_known_hosts_check(NULL, "host", 22, trust_key("ed25519 a"), 0, NULL, NULL, NULL, 0),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_known_hosts_check(known, NULL, 22, trust_key("ed25519 a"), 0, NULL, NULL, NULL, 0),
                     SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_known_hosts_check(known, "host", 22, NULL, 0, NULL, NULL, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_known_hosts_line("host", 22, NULL, 0, NULL, 0), SESSILE_ERR_ARGUMENT);
    assert_int_equal(sessile_known_hosts_algorithms(known, "host", 22, NULL, 1), SESSILE_ERR_ARGUMENT);
    sessile_known_hosts_free(known);
    sessile_known_hosts_free(NULL);
}

/* ---- what is known of a host ---- */

static void algorithms_is(const char *text, int port, const char *expected)
{
    sessile_known_hosts *known = read_text(text, NULL);
    char list[1024];
    int size = sessile_known_hosts_algorithms(known, "host", port, list, sizeof list - 1);

    assert_true(size >= 0);
    list[size] = 0;
    assert_string_equal(list, expected);
    assert_int_equal(sessile_known_hosts_algorithms(known, "host", port, NULL, 0), size);
    sessile_known_hosts_free(known);
}

static void the_algorithms_of_known_keys_are_listed(void **state)
{
    (void)state;
    algorithms_is("other {ed25519 a}\n", 22, "");
    algorithms_is("host {ed25519 a}\n", 22, "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519");
    algorithms_is("host {ed25519 a}\nhost {ecdsa a}\nhost {ed25519 b}\n", 22,
                  "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,"
                  "ssh-ed25519,ecdsa-sha2-nistp256");
    algorithms_is("@revoked host {ed25519 a}\n", 22, "");
    algorithms_is("host {ed25519 a}\n[host]:2222 {ecdsa a}\n", 2222,
                  "ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp256");
    algorithms_is("host {ed25519 a}\n", 2222, "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519");
}

static void an_authority_lists_all_algorithms_of_certificates(void **state)
{
    sessile_known_hosts *known = read_text("@cert-authority host {ecdsa ca}\n", NULL);
    char list[1024] = {0};
    int size = sessile_known_hosts_algorithms(known, "host", 22, list, sizeof list - 1);

    (void)state;
    assert_true(size > 0);
    assert_non_null(strstr(list, "ssh-ed25519-cert-v01@openssh.com,"));
    assert_non_null(strstr(list, "rsa-sha2-512-cert-v01@openssh.com"));
    assert_null(strstr(list, ",ssh-ed25519,"));
    sessile_known_hosts_free(known);
}

static void the_keys_of_a_host_are_listed(void **state)
{
    sessile_known_hosts *known = read_text("host {ed25519 a}\n@revoked host {ed25519 b}\n"
                                           "@cert-authority host {ecdsa ca}\nhost {ecdsa a}\n",
                                           NULL);
    sessile_key *key;

    (void)state;
    assert_int_equal(sessile_known_hosts_key(known, "host", 22, 0, &key), 0);
    assert_int_equal(sessile_key_equal(key, trust_key("ed25519 a")), 1);
    sessile_key_free(key);
    assert_int_equal(sessile_known_hosts_key(known, "host", 22, 1, &key), 0);
    assert_int_equal(sessile_key_equal(key, trust_key("ecdsa a")), 1);
    sessile_key_free(key);
    assert_int_equal(sessile_known_hosts_key(known, "host", 2222, 0, &key), SESSILE_ERR_ARGUMENT);
    assert_null(key);
    assert_int_equal(sessile_known_hosts_key(known, "host", 22, 2, &key), SESSILE_ERR_ARGUMENT);
    assert_null(key);
    sessile_known_hosts_free(known);
}

/* ---- lines to add ---- */

static void a_line_says_host_and_key(void **state)
{
    sessile_key *certificate = HOST_CERTIFICATE(.principal = "host");
    char expected[512];
    char line[512];
    int size = sessile_known_hosts_line("Host", 22, trust_key("ed25519 a"), 0, line, sizeof line - 1);

    (void)state;
    assert_true(size > 0);
    line[size] = 0;
    snprintf(expected, sizeof expected, "host %s\n", trust_line("ed25519 a"));
    assert_string_equal(line, expected);
    size = sessile_known_hosts_line("2001:db8::1", 2222, certificate, 0, line, sizeof line - 1);
    assert_true(size > 0);
    line[size] = 0;
    snprintf(expected, sizeof expected, "[2001:db8::1]:2222 %s\n", trust_line("ed25519 a"));
    assert_string_equal(line, expected);
    memset(line, 'x', sizeof line);
    assert_int_equal(sessile_known_hosts_line("2001:db8::1", 2222, certificate, 0, line, (size_t)size - 1), size);
    assert_int_equal(line[0], 'x');
    assert_int_equal(sessile_known_hosts_line("a,b", 22, certificate, 0, line, sizeof line), SESSILE_ERR_ARGUMENT);
    sessile_key_free(certificate);
}

static void two_hashes_of_one_name_differ(void **state)
{
    char a[512], b[512];

    (void)state;
    assert_true(sessile_known_hosts_line("host", 22, trust_key("ed25519 a"), 1, a, sizeof a) > 0);
    assert_true(sessile_known_hosts_line("host", 22, trust_key("ed25519 a"), 1, b, sizeof b) > 0);
    assert_memory_not_equal(a, b, 40);
}

/* ---- whatever comes ---- */

static const char everything[] = "# comment\nhost,*.example,!no.example {ed25519 a}\n@revoked * {ed25519 b}\n"
                                 "@cert-authority *.example {ecdsa ca}\n[host]:2222 {ecdsa a} a comment\n"
                                 "|1|gcR7CHnmIdnlcxVnQGZcaYFGaaw=|7s0hCQtuUv0UhlX+p82aVa4bZHg= {ed25519 a}\nbad\n";

static void mutated_files_do_no_harm(void **state)
{
    sessile_key *certificate = HOST_CERTIFICATE(.principal = "host");
    char *text = trust_text(everything);
    sessile_known_hosts *known;
    uint32_t random = 1;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        size_t size = strlen(text);
        uint8_t *mutated = trust_mutate(text, &size, &random);
        int result;

        assert_int_equal(sessile_known_hosts_read(mutated, size, NULL, &known, error, sizeof error), 0);
        free(mutated);
        result =
            sessile_known_hosts_check(known, "host", 2222, certificate, TRUST_NOW, NULL, NULL, error, sizeof error);
        assert_true(result >= 0 && result <= SESSILE_HOST_REVOKED);
        assert_true(sessile_known_hosts_algorithms(known, "www.example", 22, NULL, 0) >= 0);
        sessile_known_hosts_free(known);
    }
    free(text);
    sessile_key_free(certificate);
}

/* What a file without enough memory says: what it says with enough, or an error. */
static int read_and_check(const char *text, sessile_key *certificate)
{
    sessile_known_hosts *known;
    char line[512];
    int result = sessile_known_hosts_read(text, strlen(text), NULL, &known, error, sizeof error);

    if (result < 0) {
        assert_null(known);
        assert_true(error[0] != 0);
        return result;
    }
    result =
        sessile_known_hosts_check(known, "www.example", 22, certificate, TRUST_NOW, NULL, NULL, error, sizeof error);
    if (result >= 0 && sessile_known_hosts_line("host", 22, certificate, 1, line, sizeof line) < 0)
        result = SESSILE_ERR_MEMORY;
    if (result >= 0 && sessile_known_hosts_algorithms(known, "www.example", 22, line, sizeof line) < 0)
        result = SESSILE_ERR_MEMORY;
    sessile_known_hosts_free(known);
    return result;
}

/* Without memory at each index in turn: the answer with memory, or a refusal. */
static void fail_each(const char *names, int expected, int refusal)
{
    sessile_key *certificate = HOST_CERTIFICATE(.principal = "*.example");
    char *text = trust_text(names);
    size_t before = failing_blocks(FAILING_OURS);
    int hit = 1;

    assert_int_equal(read_and_check(text, certificate), expected);
    for (int which = FAILING_OURS; which <= FAILING_OPENSSL; which++)
        for (size_t i = 0; hit || (hit = 1, 0); i++) {
            int result;

            failing_at(which, i, 0);
            result = read_and_check(text, certificate);
            hit = failing_hit();
            failing_off();
            assert_int_equal(failing_blocks(FAILING_OURS), before);
            if (which == FAILING_OURS && hit)
                assert_int_equal(result, SESSILE_ERR_MEMORY);
            else if (result >= 0 && result != expected && result != refusal)
                fail_msg("allocation %zu of libcrypto's: %d", i, result);
        }
    free(text);
    sessile_key_free(certificate);
}

static void without_memory_there_is_an_error(void **state)
{
    (void)state;
    fail_each("@cert-authority *.example {ecdsa ca}\nhost {ed25519 a}\nbad\n"
              "|1|gcR7CHnmIdnlcxVnQGZcaYFGaaw=|7s0hCQtuUv0UhlX+p82aVa4bZHg= {ed25519 a}\n",
              SESSILE_HOST_KNOWN, SESSILE_HOST_UNKNOWN);
}

static void without_memory_nothing_revoked_is_forgotten(void **state)
{
    (void)state;
    fail_each("www.example {ed25519 a}\n@revoked *.example {ed25519 a}\n", SESSILE_HOST_REVOKED, SESSILE_HOST_REVOKED);
    fail_each("@cert-authority *.example {ecdsa ca}\n@revoked *.example {ecdsa ca}\n", SESSILE_HOST_REVOKED,
              SESSILE_HOST_REVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_name_is_found),
        cmocka_unit_test(any_name_of_a_list_is_found),
        cmocka_unit_test(patterns_match_and_negated_ones_exclude),
        cmocka_unit_test(a_negated_pattern_that_is_too_long_excludes_all),
        cmocka_unit_test(a_port_is_part_of_the_name),
        cmocka_unit_test(a_key_without_a_port_serves_at_ports_of_which_nothing_is_known),
        cmocka_unit_test(hashed_names_are_found),
        cmocka_unit_test(names_that_could_be_more_than_one_are_refused),
        cmocka_unit_test(a_hostile_pattern_costs_no_more_than_its_length),
        cmocka_unit_test(the_last_star_is_the_one_that_gives_way),
        cmocka_unit_test(another_key_of_the_type_is_a_change),
        cmocka_unit_test(keys_of_other_types_only_are_told_apart),
        cmocka_unit_test(a_revoked_key_is_revoked_wherever_it_stands),
        cmocka_unit_test(what_decided_is_told),
        cmocka_unit_test(a_certificate_by_a_trusted_authority_is_known),
        cmocka_unit_test(a_certificate_that_is_not_good_is_not_known),
        cmocka_unit_test(without_the_time_no_certificate_is_good),
        cmocka_unit_test(the_key_in_a_certificate_counts_where_the_certificate_does_not),
        cmocka_unit_test(a_revoked_authority_or_key_ends_a_certificate),
        cmocka_unit_test(bad_lines_are_skipped_and_told),
        cmocka_unit_test(a_certificate_is_no_host_key),
        cmocka_unit_test(all_bad_lines_count_and_the_first_are_told),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(nothing_is_an_argument),
        cmocka_unit_test(the_algorithms_of_known_keys_are_listed),
        cmocka_unit_test(an_authority_lists_all_algorithms_of_certificates),
        cmocka_unit_test(the_keys_of_a_host_are_listed),
        cmocka_unit_test(a_line_says_host_and_key),
        cmocka_unit_test(two_hashes_of_one_name_differ),
        cmocka_unit_test(mutated_files_do_no_harm),
        cmocka_unit_test(without_memory_there_is_an_error),
        cmocka_unit_test(without_memory_nothing_revoked_is_forgotten),
    };
    int failed;

    failing_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    trust_free();
    return failed;
}
