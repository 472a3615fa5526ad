/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions of a client: host keys, passwords and prompts, signatures. The person is asked one thing at a time, and the
 * question is kept meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/ssh_client.h"
#include "common/util.h"

#define TRIES 3

/* ---- what is loaded before ---- */

static char *home_path(const char *name)
{
    const char *home = getenv("HOME");
    size_t size = strlen(home == NULL ? "" : home) + strlen(name) + 8;
    char *path = need_alloc(size);
    snprintf(path, size, "%s/.ssh/%s", home == NULL ? "" : home, name);
    return path;
}

static void load_known_hosts(struct ssh_client *client)
{
    char error[256];
    size_t size;
    sessile_known_hosts *hosts = NULL;
    if (client->known_hosts_path == NULL) {
        client->known_hosts_path = client->home_known_hosts = home_path("known_hosts");
    }
    if (access(client->known_hosts_path, F_OK) != 0) {
        return;
    }
    char *text = (char *)file_load(client->known_hosts_path, &size);
    if (sessile_known_hosts_read(text, size, NULL, &hosts, error, sizeof error) < 0) {
        die("%s: %s", client->known_hosts_path, error);
    }
    free(text);
    sessile_ssh_config_set_known_hosts(client->config, hosts);
    sessile_known_hosts_free(hosts);
}

/* A private key; the person is asked for its passphrase if it has one. */
static sessile_key *load_private(struct ssh_client *client, const char *path)
{
    char question[512];
    int encrypted = 0;
    sessile_key *key = ssh_key_load(path, client->password, &encrypted);
    snprintf(question, sizeof question, "Passphrase for %s: ", path);
    for (int i = 0; i < TRIES && key == NULL; i++) {
        char *passphrase = prompt_wait(client->loop, question, 0);
        if (passphrase == NULL) {
            break;
        }
        key = ssh_key_load(path, passphrase, &encrypted);
        explicit_bzero(passphrase, strlen(passphrase));
        free(passphrase);
    }
    if (key == NULL) {
        warn("%s: not without its passphrase", path);
    }
    return key;
}

static int is_private(const char *path)
{
    size_t size;
    char *text = (char *)file_load(path, &size);
    int found = strstr(text, "PRIVATE KEY") != NULL;
    explicit_bzero(text, size);
    free(text);
    return found;
}

static sessile_key *with_certificate(sessile_key *key, const char *path)
{
    char *certificate_path = need_alloc(strlen(path) + 16);
    snprintf(certificate_path, strlen(path) + 16, "%s-cert.pub", path);
    sessile_key *certificate = ssh_public_key_load(certificate_path);
    sessile_key *both = NULL;
    if (certificate != NULL && sessile_key_with_certificate(key, certificate, &both) == 0) {
        sessile_key_free(key);
        key = both;
    }
    sessile_key_free(certificate);
    free(certificate_path);
    return key;
}

static void load_key(struct ssh_client *client, const char *path)
{
    if (access(path, R_OK) != 0) {
        die("%s: %s", path, strerror(errno));
    }
    sessile_key *key = is_private(path) ? load_private(client, path) : ssh_public_key_load(path);
    if (key != NULL) {
        key = with_certificate(key, path);
        ssh_config_need(sessile_ssh_config_add_user_key(client->config, key), client->config, "-i", path);
        sessile_key_free(key);
    }
}

static void load_usual_keys(struct ssh_client *client)
{
    static const char *const names[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = home_path(names[i]);
        if (access(path, R_OK) == 0) {
            load_key(client, path);
        }
        free(path);
    }
}

static void load_machine_key(struct ssh_client *client)
{
    int encrypted;
    client->machine_key = ssh_key_load(client->machine_key_path, NULL, &encrypted);
    if (encrypted) {
        die("--hostbased %s: it needs a passphrase", client->machine_key_path);
    }
}

void person_load(struct ssh_client *client)
{
    if (client->check == CHECK_NO) {
        sessile_ssh_config_insecure_any_host_key(client->config, 1);
    } else {
        load_known_hosts(client);
    }
    for (size_t i = 0; i < client->key_count; i++) {
        load_key(client, client->keys[i]);
    }
    if (client->machine_key_path != NULL) {
        load_machine_key(client);
    }
    if (client->key_count == 0 && client->password == NULL && !client->use_agent && client->machine_key == NULL) {
        load_usual_keys(client);
    }
    ssh_config_need(sessile_ssh_config_check(client->config), client->config, "the options", "do not fit");
}

/* ---- asking the person ---- */

static void on_line(void *owner, const char *line);

/* The question waits until a line has come. */
static int ask(struct hop *hop, sessile_question *question, const char *text, int echo)
{
    struct ssh_client *client = hop->client;
    if (client->question != question) {
        sessile_question *kept = sessile_question_keep(question);
        if (kept == NULL) {
            return 0; /* which refuses it */
        }
        client->question = kept;
        client->prompts_answered = 0;
    }
    prompt_ask(&client->prompt, client->loop, text, echo, on_line, hop);
    return 0;
}

static void answer(struct ssh_client *client, int yes)
{
    sessile_question *question = client->question;
    client->question = NULL;
    if (yes) {
        sessile_question_accept(question);
    } else {
        sessile_question_refuse(question, 0);
    }
    sessile_question_free(question);
}

void person_withdrawn(struct ssh_client *client, sessile_question *question)
{
    if (client->question == question) {
        prompt_drop(&client->prompt);
        client->question = NULL;
        sessile_question_free(question);
    }
}

/* ---- host keys ---- */

static void remember_host(const struct hop *hop, sessile_question *question)
{
    const void *data;
    size_t size;
    char line[16384];
    sessile_key *key = NULL;
    const char *path = hop->client->known_hosts_path;
    if (sessile_question_get(question, SESSILE_ITEM_KEY, 0, &data, &size) != 0 ||
        sessile_key_from_blob(data, size, &key, NULL, 0) != 0) {
        return;
    }
    int n = sessile_known_hosts_line(hop->host, hop->port, key, 0, line, sizeof line);
    if (n < 1 || (size_t)n > sizeof line || file_append_line(path, line, (size_t)n - 1) != 0) {
        warn("%s: the host could not be added: %s", path, strerror(errno));
    }
    sessile_key_free(key);
}

static const char *key_type_of(sessile_question *question, char *type, size_t type_size)
{
    const void *data;
    size_t size;
    sessile_key *key = NULL;
    if (sessile_question_get(question, SESSILE_ITEM_KEY, 0, &data, &size) == 0 &&
        sessile_key_from_blob(data, size, &key, NULL, 0) == 0) {
        snprintf(type, type_size, "%s", sessile_key_type(key));
        sessile_key_free(key);
    }
    return type;
}

static int ask_host_key(struct hop *hop, sessile_question *question)
{
    char text[1024];
    char type[64] = "";
    const char *fingerprint = item_text(question, SESSILE_ITEM_FINGERPRINT);
    key_type_of(question, type, sizeof type);
    if (hop->client->check == CHECK_YES) {
        warn("the host %s port %d is not known; its %s key is %s", hop->host, hop->port, type, fingerprint);
        return 0; /* which refuses it */
    }
    snprintf(text, sizeof text,
             "The host %s, port %d, is not known. The fingerprint of its %s key is\n%s.\n"
             "Connect, and remember it (yes/no/fingerprint)? ",
             hop->host, hop->port, type, fingerprint);
    return ask(hop, question, text, 1);
}

static void take_host_key(struct hop *hop, const char *line)
{
    sessile_question *question = hop->client->question;
    int yes = strcmp(line, "yes") == 0 || strcmp(line, item_text(question, SESSILE_ITEM_FINGERPRINT)) == 0;
    if (yes) {
        remember_host(hop, question);
    }
    answer(hop->client, yes);
}

/* ---- how to authenticate ---- */

static int item_has(sessile_question *question, int item, const char *name)
{
    const void *data;
    size_t size;
    int count = 0;
    for (size_t i = 0; sessile_question_get(question, item, i, &data, &size) == 0; i++) {
        count += strcmp(data, name) == 0;
    }
    return count;
}

static int may_try(sessile_question *question, const char *method, int most)
{
    return item_has(question, SESSILE_ITEM_METHOD, method) > 0 && item_has(question, SESSILE_ITEM_TRIED, method) < most;
}

static int choose(sessile_question *question, const char *method)
{
    sessile_question_put(question, SESSILE_ITEM_METHOD, method, strlen(method));
    sessile_question_accept(question);
    return 0;
}

static int choose_hostbased(const struct ssh_client *client, sessile_question *question)
{
    char host[NET_HOST_SIZE] = "";
    (void)gethostname(host, sizeof host - 1);
    sessile_ssh_question_use_key(question, client->machine_key);
    sessile_question_put(question, SESSILE_ITEM_HOST, host, strlen(host));
    sessile_question_put(question, SESSILE_ITEM_USER, client->local_user, strlen(client->local_user));
    return choose(question, "hostbased");
}

static int authenticate(struct hop *hop, sessile_question *question)
{
    char text[600];
    const struct ssh_client *client = hop->client;
    const char *password = client->password;
    if (client->machine_key != NULL && may_try(question, "hostbased", 1)) {
        return choose_hostbased(client, question);
    }
    if (password != NULL && may_try(question, "password", 1)) {
        sessile_question_put(question, SESSILE_ITEM_PASSWORD, password, strlen(password));
        return choose(question, "password");
    }
    if (client->nobody) {
        return 0; /* which refuses it */
    }
    if (may_try(question, "keyboard-interactive", password != NULL ? 1 : TRIES)) {
        hop->passwords = 0;
        return choose(question, "keyboard-interactive");
    }
    if (password != NULL || !may_try(question, "password", TRIES)) {
        return 0; /* which refuses it */
    }
    snprintf(text, sizeof text, "%s@%s's password: ", hop->user, hop->host);
    return ask(hop, question, text, 0);
}

static void take_password(struct hop *hop, const char *line)
{
    sessile_question_put(hop->client->question, SESSILE_ITEM_PASSWORD, line, strlen(line));
    answer(hop->client, 1);
}

/* The old password, the new one, and that again. */
static int ask_password_change(struct hop *hop, sessile_question *question, size_t step)
{
    static const char *const texts[] = {"Old password: ", "New password: ", "New password, again: "};
    if (step == 0) {
        const char *prompt = item_text(question, SESSILE_ITEM_PROMPT);
        print_escaped(stderr, prompt, strlen(prompt));
        fputc('\n', stderr);
    }
    return ask(hop, question, texts[step], 0);
}

static void take_password_change(struct hop *hop, const char *line)
{
    struct ssh_client *client = hop->client;
    sessile_question *question = client->question;
    size_t step = client->prompts_answered++;
    if (step == 0) {
        sessile_question_put(question, SESSILE_ITEM_PASSWORD, line, strlen(line));
    } else if (step == 1) {
        sessile_question_put(question, SESSILE_ITEM_NEW_PASSWORD, line, strlen(line));
        free(client->new_password);
        client->new_password = need_string(line);
    }
    if (step < 2) {
        ask_password_change(hop, question, step + 1);
        return;
    }
    int same = strcmp(client->new_password, line) == 0;
    if (!same) {
        warn("the two are not the same");
    }
    answer(client, same);
}

/* ---- keyboard-interactive ---- */

static const char *prompt_text(sessile_question *question, size_t index, int *echo)
{
    const void *data = "";
    const void *seen = "0";
    size_t size;
    (void)sessile_question_get(question, SESSILE_ITEM_PROMPT, index, &data, &size);
    (void)sessile_question_get(question, SESSILE_ITEM_ECHO, index, &seen, &size);
    *echo = strcmp(seen, "1") == 0;
    return data;
}

static void show_introduction(sessile_question *question)
{
    static const int items[] = {SESSILE_ITEM_NAME, SESSILE_ITEM_INSTRUCTION};
    for (size_t i = 0; i < 2; i++) {
        const char *text = item_text(question, items[i]);
        if (*text != 0) {
            print_escaped(stderr, text, strlen(text));
            fputc('\n', stderr);
        }
    }
}

static int ask_prompts(struct hop *hop, sessile_question *question)
{
    int echo;
    const char *password = hop->client->password;
    size_t count = sessile_question_count(question, SESSILE_ITEM_PROMPT);
    const char *text = prompt_text(question, 0, &echo);
    show_introduction(question);
    if (count == 0) {
        sessile_question_accept(question);
        return 0;
    }
    if (count == 1 && !echo && password != NULL && hop->passwords++ == 0) {
        sessile_question_put(question, SESSILE_ITEM_RESPONSE, password, strlen(password));
        sessile_question_accept(question);
        return 0;
    }
    return ask(hop, question, text, echo);
}

static void take_response(struct hop *hop, const char *line)
{
    struct ssh_client *client = hop->client;
    sessile_question *question = client->question;
    int echo;
    sessile_question_put(question, SESSILE_ITEM_RESPONSE, line, strlen(line));
    client->prompts_answered++;
    if (client->prompts_answered == sessile_question_count(question, SESSILE_ITEM_PROMPT)) {
        answer(client, 1);
        return;
    }
    const char *text = prompt_text(question, client->prompts_answered, &echo);
    ask(hop, question, text, echo);
}

/* ---- all kinds ---- */

static void on_line(void *owner, const char *line)
{
    struct hop *hop = owner;
    struct ssh_client *client = hop->client;
    if (line == NULL) {
        client->nobody = 1;
        answer(client, 0);
        return;
    }
    switch (sessile_question_kind(client->question)) {
    case SESSILE_QUESTION_SSH_HOST_KEY:
        take_host_key(hop, line);
        break;
    case SESSILE_QUESTION_SSH_PROMPTS:
        take_response(hop, line);
        break;
    case SESSILE_QUESTION_SSH_PASSWORD_CHANGE:
        take_password_change(hop, line);
        break;
    default:
        take_password(hop, line);
        break;
    }
}

int person_question(struct hop *hop, sessile_question *question)
{
    switch (sessile_question_kind(question)) {
    case SESSILE_QUESTION_SSH_HOST_KEY:
        return ask_host_key(hop, question);
    case SESSILE_QUESTION_SSH_AUTHENTICATE:
        return authenticate(hop, question);
    case SESSILE_QUESTION_SSH_PASSWORD_CHANGE:
        return ask_password_change(hop, question, 0);
    case SESSILE_QUESTION_SSH_PROMPTS:
        return ask_prompts(hop, question);
    case SESSILE_QUESTION_SSH_SIGN:
        agent_sign(hop, question);
        return 0; /* else it is refused */
    default:
        return 0;
    }
}
