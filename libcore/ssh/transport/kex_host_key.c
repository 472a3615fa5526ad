/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a client trusts a server's host key, once the server has proved to have it. In the first exchange: revoked
 * keys never; then any key where the config says so; then what the known hosts say, and where they say nothing of the
 * host, the application. A key other than the known one is an attack until somebody has changed the known hosts:
 * nobody is asked. In later exchanges it must be the same key, to the byte. */
#include <string.h>

#include "session/error.h"
#include "session/memory.h"
#include "ssh/config.h"
#include "ssh/key/certificate.h"
#include "ssh/transport/kex.h"

static const struct question_kind host_key_kind = {SESSILE_QUESTION_SSH_HOST_KEY, 1, 0};

void kex_host_key_known(const struct ssh *ssh, char room[KEX_KNOWN_ROOM])
{
    const sessile_ssh_config *config = ssh->config;
    int size = 0;

    if (config->known_hosts && !config->any_host_key)
        size = sessile_known_hosts_algorithms(config->known_hosts, ssh->host, ssh->port, room, KEX_KNOWN_ROOM - 1);
    room[size > 0 && size < KEX_KNOWN_ROOM ? size : 0] = 0;
}

static const char *fingerprint_of(sessile_key *key, char room[KEX_NOTE])
{
    int size = sessile_key_fingerprint(key, SESSILE_FINGERPRINT_SHA256, room, KEX_NOTE - 1);

    room[size > 0 && size < KEX_NOTE ? size : 0] = 0;
    return room;
}

static int refuse(struct ssh *ssh, struct kex *kex, int code, const char *what)
{
    char fingerprint[KEX_NOTE], host[ESCAPED_ROOM];

    return ssh_fail(ssh, DISCONNECT_HOST_KEY_NOT_VERIFIABLE, code, "the host key of \"%s\" (%s %s) %s%s%s",
                    text_escape(host, sizeof host, ssh->host, strlen(ssh->host)), kex->host_key->type->name,
                    fingerprint_of(kex->host_key, fingerprint), what, kex->note[0] ? "; its certificate: " : "",
                    kex->note);
}

/* ---- certificates ---- */

/* Whether the authority has signed with an algorithm that the config takes. */
static int authority_algorithm_fits(const struct ssh *ssh, const struct certificate *certificate)
{
    struct reader signature = certificate->signature, name = get_sub32(&signature);
    const char *list = ssh->config->lists[SESSILE_SSH_CA_SIGNATURES];

    return !name.failed && names_have(list, (const char *)name.data, name.left);
}

/* The key to look up: without its certificate, where that cannot count. *plain: the caller's, or NULL. */
static int key_to_look_up(const struct ssh *ssh, struct kex *kex, sessile_key **plain)
{
    static const char note[] = "the algorithm of the authority's signature is not one of the config's";

    *plain = NULL;
    if (!kex->host_key->certificate || authority_algorithm_fits(ssh, kex->host_key->certificate))
        return SESSILE_OK;
    memcpy(kex->note, note, sizeof note);
    return key_from_blob(kex->host_key->blob, kex->host_key->blob_size, plain, NULL);
}

static int look_up(struct ssh *ssh, struct kex *kex)
{
    static const char no_time[] = "the time is not known, and without it none is good";
    int64_t now = session_time(ssh->session);
    sessile_key *plain;
    char note[KEX_NOTE] = "";
    int status = key_to_look_up(ssh, kex, &plain);

    if (status == SESSILE_OK)
        status = sessile_known_hosts_check(ssh->config->known_hosts, ssh->host, ssh->port,
                                           plain ? plain : kex->host_key, now, NULL, NULL, note, sizeof note);
    if (now < 0 && note[0])
        memcpy(note, no_time, sizeof no_time);
    if (!plain)
        memcpy(kex->note, note, sizeof note);
    sessile_key_free(plain);
    return status;
}

/* ---- the application's say ---- */

static int ask(struct ssh *ssh, struct kex *kex, const struct reader *blob)
{
    sessile_question *question = question_new(ssh->session, &host_key_kind, NULL);
    char fingerprint[KEX_NOTE];

    if (!question)
        return ssh_no_memory(ssh, "the question about the host key");
    question_add_text(question, SESSILE_ITEM_HOST, ssh->host);
    question_add_number(question, SESSILE_ITEM_PORT, ssh->port);
    question_add(question, SESSILE_ITEM_KEY, blob->data, blob->left);
    question_add_text(question, SESSILE_ITEM_FINGERPRINT, fingerprint_of(kex->host_key, fingerprint));
    kex->asked = 1;
    session_ask(ssh->session, question);
    return 0;
}

int kex_host_key_answered(struct ssh *ssh, struct kex *kex, const sessile_question *question)
{
    if (question_outcome(question) == QUESTION_ACCEPTED)
        return SESSILE_OK;
    return refuse(ssh, kex, SESSILE_ERR_REFUSED, "was not accepted");
}

/* ---- the check ---- */

static int check_known(struct ssh *ssh, struct kex *kex, const struct reader *blob)
{
    int status = ssh->config->known_hosts ? look_up(ssh, kex) : SESSILE_HOST_UNKNOWN;

    switch (status) {
    case SESSILE_HOST_KNOWN:
        return 1;
    case SESSILE_HOST_UNKNOWN:
        return ask(ssh, kex, blob);
    case SESSILE_HOST_OTHER: /* else a key of a type that is not known would get around the one that is */
    case SESSILE_HOST_CHANGED:
        return refuse(ssh, kex, SESSILE_ERR_VERIFY, "is not the one that is known");
    case SESSILE_HOST_REVOKED:
        return refuse(ssh, kex, SESSILE_ERR_VERIFY, "is marked as revoked in the known hosts");
    case SESSILE_ERR_MEMORY:
        return ssh_no_memory(ssh, "looking the host key up");
    default:
        return refuse(ssh, kex, SESSILE_ERR_VERIFY, "cannot be looked up in the known hosts");
    }
}

static int check_first(struct ssh *ssh, struct kex *kex, const struct reader *blob)
{
    const sessile_ssh_config *config = ssh->config;
    int revoked = config->krl ? sessile_krl_revokes(config->krl, kex->host_key) : 0;

    if (revoked == SESSILE_ERR_MEMORY)
        return ssh_no_memory(ssh, "looking the host key up");
    if (revoked)
        return refuse(ssh, kex, SESSILE_ERR_VERIFY,
                      revoked > 0 ? "is revoked" : "cannot be looked up in the revocation list");
    return config->any_host_key ? 1 : check_known(ssh, kex, blob);
}

static int check_same(struct ssh *ssh, struct kex *kex, const struct reader *blob)
{
    size_t size;
    const uint8_t *before = key_wire_blob(ssh->host_key, ssh->host_key->certificate != NULL, &size);

    if (size == blob->left && memcmp(before, blob->data, size) == 0)
        return 1;
    return refuse(ssh, kex, SESSILE_ERR_VERIFY, "is another one than in the first key exchange");
}

int kex_host_key_check(struct ssh *ssh, struct kex *kex, const struct reader *blob)
{
    return ssh->host_key ? check_same(ssh, kex, blob) : check_first(ssh, kex, blob);
}
