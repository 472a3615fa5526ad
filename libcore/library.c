/* SPDX-License-Identifier: Apache-2.0
 *
 * The library as a whole: its version, and its constants by number for bindings that cannot read headers. */
#include <sessile/sessile.h>

#ifndef SESSILE_VERSION
#error "the build defines SESSILE_VERSION"
#endif

/* Goes up when a program that was linked against an older library would break. */
#define ABI_VERSION 0

const char *sessile_version(void)
{
    return SESSILE_VERSION;
}

int sessile_abi_version(void)
{
    return ABI_VERSION;
}

#define CONSTANT(name)                                                                                                 \
    {                                                                                                                  \
#name, SESSILE_##name                                                                                          \
    }

static const struct {
    const char *name;
    int value;
} constants[] = {
    CONSTANT(OK),
    CONSTANT(ERR_FAILED),
    CONSTANT(ERR_MISUSE),
    CONSTANT(ERR_ARGUMENT),
    CONSTANT(ERR_MEMORY),
    CONSTANT(ERR_BUSY),
    CONSTANT(ERR_GONE),
    CONSTANT(ERR_CLOSED),
    CONSTANT(ERR_LIMIT),
    CONSTANT(ERR_CALLBACK),
    CONSTANT(ERR_COMM),
    CONSTANT(ERR_PROTOCOL),
    CONSTANT(ERR_PEER),
    CONSTANT(ERR_NEGOTIATION),
    CONSTANT(ERR_VERIFY),
    CONSTANT(ERR_REFUSED),
    CONSTANT(ERR_DROPPED),
    CONSTANT(ERR_TRUNCATED),
    CONSTANT(ERR_ABORTED),
    CONSTANT(ERR_CRYPTO),
    CONSTANT(ERR_UNSUPPORTED),
    CONSTANT(QUESTION_TLS_PEER),
    CONSTANT(QUESTION_TLS_HELLO),
    CONSTANT(ITEM_CERTIFICATE),
    CONSTANT(ITEM_HOST),
    CONSTANT(ITEM_VERIFY_CODE),
    CONSTANT(ITEM_VERIFY_TEXT),
    CONSTANT(ITEM_RESUMED),
    CONSTANT(ITEM_SNI),
    CONSTANT(ITEM_ALPN),
    CONSTANT(ITEM_VERSION),
    CONSTANT(ITEM_CIPHER),
    CONSTANT(NOTICE_TLS_TICKET),
    CONSTANT(NOTICE_TLS_KEYLOG),
    CONSTANT(COUNT_OFFERED),
    CONSTANT(COUNT_TAKEN),
    CONSTANT(COUNT_UNITS),
    CONSTANT(COUNT_SENT),
    CONSTANT(COUNT_SENDS),
    CONSTANT(COUNT_DATA_IN),
    CONSTANT(COUNT_DATA_OUT),
    CONSTANT(CLIENT),
    CONSTANT(SERVER),
    CONSTANT(TLS_CLIENT_NONE),
    CONSTANT(TLS_CLIENT_REQUEST),
    CONSTANT(TLS_CLIENT_REQUIRE),
    CONSTANT(TLS_ASK_NEVER),
    CONSTANT(TLS_ASK_UNTRUSTED),
    CONSTANT(TLS_ASK_ALWAYS),
    CONSTANT(TLS_1_2),
    CONSTANT(TLS_1_3),
    CONSTANT(TLS_OCSP_NONE),
    CONSTANT(TLS_OCSP_REQUEST),
    CONSTANT(TLS_OCSP_REQUIRE),
    CONSTANT(TLS_BINDING_UNIQUE),
    CONSTANT(TLS_BINDING_EXPORTER),
    CONSTANT(TLS_BINDING_SERVER_END_POINT),
};

#define CONSTANT_COUNT (sizeof constants / sizeof constants[0])

size_t sessile_constant_count(void)
{
    return CONSTANT_COUNT;
}

const char *sessile_constant_name(size_t index)
{
    return index < CONSTANT_COUNT ? constants[index].name : NULL;
}

int sessile_constant_value(size_t index)
{
    return index < CONSTANT_COUNT ? constants[index].value : 0;
}
