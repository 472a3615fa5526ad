/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of stapled OCSP responses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "tls_material.h"

struct ocsp_case {
    const struct pki *about; /* whom the response is about */
    struct pki *signer;
    const struct pki *leaf;   /* whom the peer showed */
    const struct pki *issuer; /* in the chain that the peer showed, or NULL */
    const struct pki *trusted;
    int status;
    long this_update, next_update;
    int64_t now;
};

static STACK_OF(X509) *chain_of(const struct ocsp_case *c)
{
    STACK_OF(X509) *chain = sk_X509_new_null();

    sk_X509_push(chain, material_x509(c->leaf));
    if (c->issuer)
        sk_X509_push(chain, material_x509(c->issuer));
    return chain;
}

static X509_STORE *store_of(const struct ocsp_case *c)
{
    X509_STORE *store = X509_STORE_new();
    X509 *trusted = material_x509(c->trusted);

    assert_int_equal(X509_STORE_add_cert(store, trusted), 1);
    X509_free(trusted);
    return store;
}

static void assert_ocsp(struct ocsp_case c, int code, const char *words)
{
    STACK_OF(X509) *chain = chain_of(&c);
    X509_STORE *store = store_of(&c);
    size_t size;
    uint8_t *response = pki_ocsp(c.about, c.signer, c.status, c.this_update, c.next_update, &size);
    const char *why = NULL;

    assert_int_equal(tls_ocsp_check(response, size, chain, store, c.now, &why), code);
    if (!strstr(why, words))
        fail_msg("\"%s\" does not say \"%s\"", why, words);
    assert_int_equal(ERR_peek_error(), 0);
    free(response);
    X509_STORE_free(store);
    sk_X509_pop_free(chain, X509_free);
}

/* A response of the authority that says good now. */
static struct ocsp_case good_case(void)
{
    return (struct ocsp_case){.about = material.ec.pki,
                              .signer = material.ca,
                              .leaf = material.ec.pki,
                              .trusted = material.ca,
                              .status = PKI_OCSP_GOOD,
                              .this_update = -60,
                              .next_update = 3600,
                              .now = -1};
}

static void ocsp_good_passes(void **state)
{
    struct ocsp_case c = good_case();

    (void)state;
    assert_ocsp(c, 0, "");
    c.now = (int64_t)time(NULL);
    assert_ocsp(c, 0, "");
    c.issuer = material.ca;
    assert_ocsp(c, 0, "");
    c.about = c.leaf = material.below.pki;
    c.signer = material.intermediate;
    c.issuer = material.intermediate;
    assert_ocsp(c, 0, "");
}

static void ocsp_revoked_and_unknown_fail(void **state)
{
    struct ocsp_case c = good_case();

    (void)state;
    c.status = PKI_OCSP_REVOKED;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "revoked");
    c.status = PKI_OCSP_UNKNOWN;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "unknown");
}

static void ocsp_times_have_five_minutes_of_leniency(void **state)
{
    struct ocsp_case c = good_case();

    (void)state;
    c.this_update = -7200;
    c.next_update = -360;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "out of date");
    c.next_update = -240;
    assert_ocsp(c, 0, "");
    c.this_update = 360;
    c.next_update = 3600;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not valid yet");
    c.this_update = 240;
    assert_ocsp(c, 0, "");
    c.this_update = 240;
    c.next_update = -240;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "before it begins");
}

static void ocsp_time_is_the_callers(void **state)
{
    struct ocsp_case c = good_case();

    (void)state;
    c.now = (int64_t)time(NULL) + 7200;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "out of date");
    c.now = (int64_t)time(NULL) - 1800;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not valid yet");
}

/* A delegate whose own certificate ends in an hour, for a response that is good for two. */
static void the_responder_is_judged_at_the_callers_time_too(void **state)
{
    struct ocsp_case c = good_case();
    struct pki *delegate = pki_issue(material.ca, &(struct pki_spec){.usage = PKI_OCSP, .not_after = 3600});

    (void)state;
    c.signer = delegate;
    c.next_update = 7200;
    c.now = (int64_t)time(NULL) + 3000;
    assert_ocsp(c, 0, "");
    c.now = (int64_t)time(NULL) + 4200;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not signed");
    pki_free(delegate);
}

static void ocsp_without_an_end_is_good_for_a_day(void **state)
{
    struct ocsp_case c = good_case();

    (void)state;
    c.next_update = 0;
    c.this_update = -86000;
    assert_ocsp(c, 0, "");
    c.this_update = -87000;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "out of date");
}

static void ocsp_about_another_certificate_fails(void **state)
{
    struct ocsp_case c = good_case();

    (void)state;
    c.about = material.ec2.pki;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not about the certificate");
}

static void ocsp_of_a_stranger_fails(void **state)
{
    struct ocsp_case c = good_case();
    struct pki *stranger = pki_issue(material.other_ca, &(struct pki_spec){.usage = PKI_OCSP});

    (void)state;
    c.signer = material.other_ca;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not signed");
    c.signer = stranger;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not signed");
    /* A certificate of the issuer's that is not made for this, the peer's own among them. */
    c.signer = material.ec2.pki;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not signed");
    c.signer = material.ec.pki;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not signed");
    pki_free(stranger);
}

static void ocsp_of_a_delegate_passes_for_its_own_issuer_only(void **state)
{
    struct ocsp_case c = good_case();
    struct pki *delegate = pki_issue(material.ca, &(struct pki_spec){.usage = PKI_OCSP});

    (void)state;
    c.signer = delegate;
    assert_ocsp(c, 0, "");
    c.about = c.leaf = material.below.pki;
    c.issuer = material.intermediate;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "not signed");
    pki_free(delegate);
}

static void ocsp_needs_the_issuer(void **state)
{
    struct ocsp_case c = good_case();

    (void)state;
    c.about = c.leaf = material.below.pki;
    c.signer = material.intermediate;
    assert_ocsp(c, SESSILE_ERR_VERIFY, "is not known");
}

static void ocsp_bytes_are_bounded_and_whole(void **state)
{
    struct ocsp_case c = good_case();
    STACK_OF(X509) *chain = chain_of(&c);
    X509_STORE *store = store_of(&c);
    size_t size, later_size;
    uint8_t *response = pki_ocsp(c.about, c.signer, c.status, -60, 3600, &size);
    uint8_t *later = pki_ocsp_try_later(&later_size), *large = calloc(1, 65537);
    const char *why;

    (void)state;
    memcpy(large, response, size);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(tls_ocsp_check(large, cut, chain, store, -1, &why), SESSILE_ERR_VERIFY);
        assert_int_equal(ERR_peek_error(), 0);
    }
    assert_int_equal(tls_ocsp_check(large, size, chain, store, -1, &why), 0);
    assert_int_equal(tls_ocsp_check(large, size + 1, chain, store, -1, &why), SESSILE_ERR_VERIFY);
    assert_int_equal(tls_ocsp_check(large, 65537, chain, store, -1, &why), SESSILE_ERR_VERIFY);
    assert_non_null(strstr(why, "65536"));
    assert_int_equal(tls_ocsp_check(NULL, 0, chain, store, -1, &why), SESSILE_ERR_VERIFY);
    assert_int_equal(tls_ocsp_check(large, size, NULL, store, -1, &why), SESSILE_ERR_VERIFY);
    assert_int_equal(tls_ocsp_check(later, later_size, chain, store, -1, &why), SESSILE_ERR_VERIFY);
    assert_non_null(strstr(why, "error of the responder"));
    /* One bit of the signature's end. */
    large[size - 1] ^= 1;
    free(later);
    free(large);
    free(response);
    X509_STORE_free(store);
    sk_X509_pop_free(chain, X509_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ocsp_good_passes),
        cmocka_unit_test(ocsp_revoked_and_unknown_fail),
        cmocka_unit_test(ocsp_times_have_five_minutes_of_leniency),
        cmocka_unit_test(ocsp_time_is_the_callers),
        cmocka_unit_test(the_responder_is_judged_at_the_callers_time_too),
        cmocka_unit_test(ocsp_without_an_end_is_good_for_a_day),
        cmocka_unit_test(ocsp_about_another_certificate_fails),
        cmocka_unit_test(ocsp_of_a_stranger_fails),
        cmocka_unit_test(ocsp_of_a_delegate_passes_for_its_own_issuer_only),
        cmocka_unit_test(ocsp_needs_the_issuer),
        cmocka_unit_test(ocsp_bytes_are_bounded_and_whole),
    };

    return cmocka_run_group_tests_name("tls ocsp", tests, material_make, material_drop);
}
