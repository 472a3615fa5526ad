/* SPDX-License-Identifier: Apache-2.0
 *
 * What one authentication method is made of, and the state that all share. A method is a file and a row in method.c.
 *
 * A server's step: request() reads the client's message and asks; answered() gets the outcome and ends in one of
 * server_success(), server_failure(), or a message of the method's own. A client's: begin() sends the request;
 * recv_60() takes the method's message 60; answered() goes on where a question of the method's own was open.
 */
#ifndef SSH_AUTH_METHOD_H
#define SSH_AUTH_METHOD_H

#include "ssh/auth/auth.h"
#include "ssh/key/key.h"

/* Of one password, response or prompt, in bytes. */
#define AUTH_TEXT_MAX 8192
#define AUTH_USER_MAX 255
#define AUTH_NAME_MAX 64
#define AUTH_HOST_MAX 255
#define AUTH_PROMPTS_MAX 64
#define AUTH_SERVICE "ssh-connection"

struct auth_method {
    const char *name;
    int (*request)(struct ssh *ssh, struct reader *r);
    int (*server_answered)(struct ssh *ssh, sessile_question *question);
    /* question: the answer to SSH_AUTHENTICATE that chose it, NULL where nobody was asked. */
    int (*begin)(struct ssh *ssh, sessile_question *question);
    int (*recv_60)(struct ssh *ssh, struct reader *r);
    int (*client_answered)(struct ssh *ssh, sessile_question *question);
};
/* NULL: not known. */
const struct auth_method *auth_method_find(const char *name, size_t size);

/* A signature that is on its way: what is signed, and by which key and algorithm. */
struct signing {
    sessile_key *key; /* held */
    const struct key_algorithm *algorithm;
    struct writer message; /* what goes to the peer, but for the signature */
    struct writer data;    /* what is signed */
};

struct auth {
    const struct auth_method *method; /* the one that is at it, or NULL */
    char *tried;                      /* client: methods that were refused, separated by commas */
    struct signing signing;           /* client */
    /* Client: the next of the configured keys, and whether its certificate comes first. */
    size_t next_key;
    int next_is_plain;
    int none_sent;
    int partial;  /* client: the last step succeeded, and more is needed */
    int querying; /* client: the server was asked whether a key would do */
    /* Server. */
    int failures;
    int none_tried;
    unsigned prompts; /* that the client was asked and has not answered */
    sessile_key *key; /* held: the one being asked about */
    const struct key_algorithm *key_algorithm;
    int key_signed;
    struct writer used_keys; /* blobs of keys that have succeeded, each behind its length */
    char *done;              /* methods that have succeeded, separated by commas */
};

/* ---- server.c ---- */

/* Ask what to do with the user's step. fill: adds the method's items. */
sessile_question *server_question(struct ssh *ssh, const struct question_kind *kind);
int server_ask(struct ssh *ssh, sessile_question *question);
extern const struct question_kind auth_user_kind;
extern const struct question_kind auth_responses_kind;
int server_success(struct ssh *ssh);
int server_failure(struct ssh *ssh);
/* One more step that did not succeed. 0, or a negative code: they were too many, and the session is over. */
int server_count_failure(struct ssh *ssh);
/* policy.c: the methods that may come next, for a client that has done some; 0 where the policy is met. *w: the list.
 */
int policy_next(const char *policy, const char *done, struct writer *w);
/* Whether a method may come next. */
int policy_allows(const char *policy, const char *done, const char *method);

/* ---- client.c ---- */

/* USERAUTH_REQUEST up to the method's name. */
void client_put_request(struct ssh *ssh, struct writer *w, const char *method);
/* Go on: the next key, or a question. */
int client_next(struct ssh *ssh);
/* The same, after the present method has come to nothing: it counts as tried. */
int client_give_up(struct ssh *ssh);
/* A question of the method at work, with USER; and asking it. NULL is taken for a refusal: the session fails. */
sessile_question *client_question(struct ssh *ssh, const struct question_kind *kind);
int client_ask(struct ssh *ssh, sessile_question *question);
/* SSH_AUTHENTICATE was answered. */
int client_chosen(struct ssh *ssh, sessile_question *question);
/* Sign what stands in auth->signing and send it: at once, or after SSH_SIGN. */
int client_sign(struct ssh *ssh);
/* SSH_SIGN was answered: sends it too, or goes on with the next key. */
int client_signed(struct ssh *ssh, sessile_question *question);
void signing_clear(struct auth *auth);
/* The algorithm of the config's list to sign with by a key, as its certificate or plain; NULL: the server takes none.
 */
const struct key_algorithm *client_algorithm(const struct ssh *ssh, const sessile_key *key, int certificate);

/* ---- methods ---- */

extern const struct auth_method auth_none, auth_password, auth_publickey, auth_publickey_host_bound, auth_kbdint,
    auth_hostbased;
/* kbdint.c */
int kbdint_recv_response(struct ssh *ssh, struct reader *r);
/* publickey.c: the key and algorithm of a server's request, good for authentication or not; the same for hostbased. 0;
 * 1 where the step is to fail; or an error. */
int publickey_take(struct ssh *ssh, struct reader *algorithm, struct reader *blob, const struct key_algorithm **found,
                   sessile_key **key);
/* What a signature signs begins with (RFC 4252, section 7). */
void put_signed_head(const struct ssh *ssh, struct writer *w, const char *user, const char *method);
/* publickey.c: try one of the configured keys: 1 where a request was sent, 0 where none is left, or an error. */
int publickey_try_next(struct ssh *ssh);

#endif
