/* SPDX-License-Identifier: Apache-2.0
 *
 * Stapled OCSP responses (RFC 6960; RFC 6066, section 8). One counts where it is signed by the issuer of the peer's
 * certificate, or by a responder that this issuer made, and says of this very certificate, at this time, that it is
 * good.
 */
#include <limits.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "tls/config.h"

/* Clocks differ. */
#define LENIENCY 300
/* How long a response is good that does not say so itself. */
#define UNDATED_LIFETIME 86400

static int refuse(const char **why, const char *text)
{
    *why = text;
    return SESSILE_ERR_VERIFY;
}

static int no_memory(const char **why)
{
    *why = "no memory to check the OCSP response";
    return SESSILE_ERR_MEMORY;
}

/* ---- whose issuer ---- */

static int issued(X509 *issuer, X509 *leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return key && X509_check_issued(issuer, leaf) == X509_V_OK && X509_verify(leaf, key) == 1;
}

static X509 *issuer_from_store(X509_STORE *store, X509 *leaf)
{
    X509_STORE_CTX *search = X509_STORE_CTX_new();
    X509 *issuer = NULL;

    if (search && X509_STORE_CTX_init(search, store, leaf, NULL) == 1 &&
        X509_STORE_CTX_get1_issuer(&issuer, search, leaf) == 1 && !issued(issuer, leaf)) {
        X509_free(issuer);
        issuer = NULL;
    }
    X509_STORE_CTX_free(search);
    return issuer;
}

/* A reference to the issuer of the first of chain, or NULL. */
static X509 *find_issuer(STACK_OF(X509) *chain, X509_STORE *store)
{
    X509 *leaf = sk_X509_value(chain, 0), *issuer;

    for (int i = 1; i < sk_X509_num(chain); i++) {
        issuer = sk_X509_value(chain, i);
        if (issued(issuer, leaf))
            return X509_up_ref(issuer) ? issuer : NULL;
    }
    return issuer_from_store(store, leaf);
}

/* ---- who signed ---- */

static int may_speak_for(X509 *signer, X509 *issuer)
{
    if (X509_cmp(signer, issuer) == 0)
        return 1;
    return issued(issuer, signer) && X509_get_extension_flags(signer) & EXFLAG_XKUSAGE &&
           X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN;
}

/* OCSP_basic_verify() would do it by libcrypto's clock. */
static int leads_to_store(X509 *signer, STACK_OF(X509) *between, X509_STORE *store, int64_t now)
{
    X509_STORE_CTX *search = X509_STORE_CTX_new();
    int ok = search && X509_STORE_CTX_init(search, store, signer, between) == 1 &&
             X509_STORE_CTX_set_purpose(search, X509_PURPOSE_OCSP_HELPER) == 1;

    if (ok && now >= 0)
        X509_STORE_CTX_set_time(search, 0, (time_t)now);
    ok = ok && X509_verify_cert(search) == 1;
    X509_STORE_CTX_free(search);
    return ok;
}

/* The signer is never taken on trust: its chain must lead to the store, and it must be the issuer or made by it for
 * this. */
static int signed_by_responder(OCSP_BASICRESP *basic, X509 *issuer, STACK_OF(X509) *chain, X509_STORE *store,
                               int64_t now)
{
    const STACK_OF(X509) *own = OCSP_resp_get0_certs(basic);
    STACK_OF(X509) *between = sk_X509_dup(chain);
    X509 *signer = NULL;
    int ok = between != NULL;

    for (int i = 0; ok && i < sk_X509_num(own); i++)
        ok = sk_X509_push(between, sk_X509_value(own, i)) > 0;
    ok = ok && OCSP_basic_verify(basic, between, store, OCSP_NOVERIFY) == 1 && /* the signature alone */
         OCSP_resp_get0_signer(basic, &signer, between) == 1 && may_speak_for(signer, issuer) &&
         leads_to_store(signer, between, store, now);
    sk_X509_free(between);
    return ok;
}

/* ---- which certificate ---- */

/* Responders choose how they digest what identifies a certificate, so ours is digested in the same way. */
static int same_certificate(const OCSP_SINGLERESP *single, X509 *leaf, X509 *issuer)
{
    OCSP_CERTID *theirs = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), *ours;
    ASN1_OBJECT *algorithm = NULL;
    const EVP_MD *md;
    int same;

    if (OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, theirs) != 1 || !(md = EVP_get_digestbyobj(algorithm)) ||
        EVP_MD_get_size(md) < 20 || !(ours = OCSP_cert_to_id(md, leaf, issuer)))
        return 0;
    same = OCSP_id_cmp(ours, theirs) == 0;
    OCSP_CERTID_free(ours);
    return same;
}

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++)
        if (same_certificate(OCSP_resp_get0(basic, i), leaf, issuer))
            return OCSP_resp_get0(basic, i);
    return NULL;
}

/* ---- when ---- */

static ASN1_TIME *time_at(int64_t now, long offset)
{
    return now < 0 ? X509_gmtime_adj(NULL, offset) : ASN1_TIME_set(NULL, (time_t)(now + offset));
}

/* Whether time is past now + offset: 1 or 0, or a negative number where that cannot be said. */
static int is_past(const ASN1_TIME *time, int64_t now, long offset)
{
    ASN1_TIME *limit = time_at(now, offset);
    int order = limit ? ASN1_TIME_compare(time, limit) : -2;

    ASN1_TIME_free(limit);
    return order < -1 ? -1 : order > 0;
}

static int check_times(const ASN1_TIME *this_update, const ASN1_TIME *next_update, int64_t now, const char **why)
{
    const ASN1_TIME *last = next_update ? next_update : this_update;
    long lifetime = next_update ? 0 : UNDATED_LIFETIME;
    int early, current;

    if (!this_update || (early = is_past(this_update, now, LENIENCY)) < 0 ||
        (current = is_past(last, now, -LENIENCY - lifetime)) < 0)
        return refuse(why, "the OCSP response has no valid time");
    if (early)
        return refuse(why, "the OCSP response is not valid yet");
    if (!current)
        return refuse(why, "the OCSP response is out of date");
    if (next_update && ASN1_TIME_compare(next_update, this_update) < 0)
        return refuse(why, "the OCSP response ends before it begins");
    return 0;
}

/* ---- what it says ---- */

static int check_single(OCSP_SINGLERESP *single, int64_t now, const char **why)
{
    ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
    int status = OCSP_single_get0_status(single, NULL, NULL, &this_update, &next_update);

    if (status == V_OCSP_CERTSTATUS_REVOKED)
        return refuse(why, "the OCSP response says that the certificate is revoked");
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return refuse(why, "the OCSP response says that the certificate is unknown");
    return check_times(this_update, next_update, now, why);
}

static int check_basic(OCSP_BASICRESP *basic, STACK_OF(X509) *chain, X509_STORE *store, int64_t now, const char **why)
{
    X509 *issuer = find_issuer(chain, store);
    OCSP_SINGLERESP *single;
    int r;

    if (!issuer)
        return refuse(why, "the issuer of the certificate that the OCSP response is for is not known");
    if (!signed_by_responder(basic, issuer, chain, store, now))
        r = refuse(why, "the OCSP response is not signed by a responder of the certificate's issuer");
    else if (!(single = find_single(basic, sk_X509_value(chain, 0), issuer)))
        r = refuse(why, "the OCSP response is not about the certificate");
    else
        r = check_single(single, now, why);
    X509_free(issuer);
    return r;
}

static int check_response(OCSP_RESPONSE *response, STACK_OF(X509) *chain, X509_STORE *store, int64_t now,
                          const char **why)
{
    OCSP_BASICRESP *basic;
    int r;

    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return refuse(why, "the OCSP response is an error of the responder");
    if (!(basic = OCSP_response_get1_basic(response)))
        return refuse(why, "the OCSP response is of an unknown type");
    r = check_basic(basic, chain, store, now, why);
    OCSP_BASICRESP_free(basic);
    return r;
}

/* A failed allocation is told apart by what it left in OpenSSL's error queue. */
static int drained_of_memory(void)
{
    unsigned long error;
    int found = 0;

    while ((error = ERR_get_error()) != 0)
        found |= ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}

int tls_ocsp_check(const unsigned char *der, size_t size, STACK_OF(X509) *chain, X509_STORE *store, int64_t now,
                   const char **why)
{
    const unsigned char *at = der;
    OCSP_RESPONSE *response;
    int r;

    *why = "";
    if (!der || !size || size > TLS_OCSP_RESPONSE_MAX)
        return refuse(why, "the OCSP response is empty, or larger than 65536 bytes");
    if (!chain || !sk_X509_num(chain) || !store)
        return refuse(why, "there is no certificate that the OCSP response could be for");
    ERR_clear_error();
    response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
    if (response && at == der + size)
        r = check_response(response, chain, store, now, why);
    else
        r = refuse(why, "the OCSP response cannot be parsed");
    OCSP_RESPONSE_free(response);
    return drained_of_memory() && r ? no_memory(why) : r;
}
