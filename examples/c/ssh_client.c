/* SPDX-License-Identifier: Apache-2.0
 *
 * An SSH client on TCP: commands, shells, subsystems and forwarding, over other hosts if need be.
 */
#include <errno.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ssh_client.h"
#include "common/util.h"

enum { OPTION_KNOWN_HOSTS = 1, OPTION_CHECK, OPTION_PASSWORD_FILE, OPTION_AGENT, OPTION_HOSTBASED };

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"identity", required_argument, NULL, 'i'},
    {"user", required_argument, NULL, 'l'},
    {"known-hosts", required_argument, NULL, OPTION_KNOWN_HOSTS},
    {"host-key-check", required_argument, NULL, OPTION_CHECK},
    {"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
    {"agent", no_argument, NULL, OPTION_AGENT},
    {"hostbased", required_argument, NULL, OPTION_HOSTBASED},
    {"help", no_argument, NULL, 'h'},
    SSH_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: ssh_client [OPTIONS] [USER@]HOST [COMMAND...]\n"
    "Runs a command, or a shell, on another machine.\n\n"
    "  -p, --port PORT          the server's port (22)\n"
    "  -l, --user USER          who to log in as (who you are)\n"
    "  -i, --identity FILE      a key to log in with, FILE-cert.pub its certificate if there is one; a\n"
    "                           public key where the agent has the private one\n"
    "  --password-file FILE     its first line is the password; for a key's passphrase as well\n"
    "  --agent                  log in with the keys of the agent that SSH_AUTH_SOCK names\n"
    "  --hostbased FILE         log in as a user of this machine, which FILE is the private key of\n"
    "  --known-hosts FILE       the host keys that are known (~/.ssh/known_hosts)\n"
    "  --host-key-check WHAT    of a host that is not known: ask; yes: never; no: any will do, insecure\n"
    "  -t, -T                   with a terminal, without one\n"
    "  -n                       stdin is empty\n"
    "  -N                       no command: only forward\n"
    "  -s SUBSYSTEM             a subsystem, such as sftp, in place of a command\n"
    "  -A                       let the server use the agent\n"
    "  -L [BIND:]PORT:HOST:PORT listen here, connect from there; a path may stand for either side\n"
    "  -R [BIND:]PORT:HOST:PORT listen there, connect from here\n"
    "  -D [BIND:]PORT           listen here for SOCKS 4 and 5, connect from there\n"
    "  -W HOST:PORT             join stdin and stdout to a connection from there\n"
    "  -J [USER@]HOST[:PORT]    go by way of that host; several, separated by commas\n"
    "\n" SSH_HELP "\nExit status: the command's; 255 where it has none, or the session fails.\n";

/* ---- hosts ---- */

static const char *this_user(void)
{
    const struct passwd *user = getpwuid(getuid());
    return user != NULL ? user->pw_name : "root";
}

/* "[user@]host[:port]"; an IPv6 address with a port is in brackets. */
static void parse_hop(struct hop *hop, const char *text, int with_port)
{
    const char *at = strrchr(text, '@');
    hop->user = at == NULL ? NULL : strndup(text, (size_t)(at - text));
    char *host = need_string(at == NULL ? text : at + 1);
    char *start = *host == '[' ? host + 1 : host;
    char *end = *host == '[' ? strchr(host, ']') : NULL;
    char *colon = strchr(end != NULL ? end : host, ':');
    if (end != NULL) {
        *end = 0;
    }
    if (with_port && colon != NULL && (end != NULL || strchr(colon + 1, ':') == NULL)) {
        *colon = 0;
        hop->port = (int)number_parse("-J", colon + 1, 1, 65535);
    }
    if (*start == 0) {
        die("\"%s\": a host is missing", text);
    }
    hop->host = need_string(start);
    free(host);
}

static struct hop *add_hop(struct ssh_client *client)
{
    if (client->hop_count == HOPS_MOST) {
        die("at most %d hosts", HOPS_MOST);
    }
    struct hop *hop = &client->hops[client->hop_count++];
    hop->client = client;
    hop->port = 22;
    return hop;
}

static void parse_jumps(struct ssh_client *client, const char *text)
{
    char *list = need_string(text);
    char *rest = list;
    for (char *name = strsep(&rest, ","); name != NULL; name = strsep(&rest, ",")) {
        parse_hop(add_hop(client), name, 1);
    }
    free(list);
}

/* ---- options ---- */

struct arguments {
    const char *jumps;
    const char *user;
    int port;
};

static struct forward *add_forward(struct forward *list, size_t *count)
{
    if (*count == FORWARDS_MOST) {
        die("at most %d forwards of a kind", FORWARDS_MOST);
    }
    return &list[(*count)++];
}

static void load_password(struct ssh_client *client, const char *path)
{
    size_t size;
    client->password = (char *)file_load(path, &size);
    client->password[strcspn(client->password, "\r\n")] = 0;
}

static enum check parse_check(const char *text)
{
    if (strcmp(text, "yes") == 0) {
        return CHECK_YES;
    }
    if (strcmp(text, "no") == 0) {
        return CHECK_NO;
    }
    if (strcmp(text, "ask") != 0) {
        die("--host-key-check %s: yes, no or ask is expected", text);
    }
    return CHECK_ASK;
}

static void add_key(struct ssh_client *client, const char *path)
{
    if (client->key_count == KEYS_MOST) {
        die("-i: at most %d keys", KEYS_MOST);
    }
    client->keys[client->key_count++] = path;
}

static int take_forward(struct ssh_client *client, int option, const char *value)
{
    switch (option) {
    case 'L':
        tunnels_parse(add_forward(client->locals, &client->local_count), "-L", value);
        return 1;
    case 'R':
        tunnels_parse(add_forward(client->remotes, &client->remote_count), "-R", value);
        return 1;
    case 'D':
        tunnels_parse_socks(add_forward(client->locals, &client->local_count), value);
        return 1;
    case 'W':
        tunnels_parse_stdio(&client->stdio, value);
        return 1;
    default:
        return 0;
    }
}

static int take_flag(struct ssh_client *client, int option)
{
    switch (option) {
    case 't':
        client->terminal = 1;
        return 1;
    case 'T':
        client->terminal = -1;
        return 1;
    case 'n':
        client->no_stdin = 1;
        return 1;
    case 'N':
        client->no_program = 1;
        return 1;
    case 'A':
        client->forward_agent = 1;
        return 1;
    case OPTION_AGENT:
        client->use_agent = 1;
        return 1;
    case 'h':
        fputs(help, stdout);
        exit(STATUS_OK);
    default:
        return 0;
    }
}

static int take_value(struct ssh_client *client, struct arguments *arguments, int option, const char *value)
{
    switch (option) {
    case 'p':
        arguments->port = (int)number_parse("-p", value, 1, 65535);
        return 1;
    case 'l':
        arguments->user = value;
        return 1;
    case 'J':
        arguments->jumps = value;
        return 1;
    case 'i':
        add_key(client, value);
        return 1;
    case 's':
        client->subsystem = value;
        return 1;
    case OPTION_KNOWN_HOSTS:
        client->known_hosts_path = value;
        return 1;
    case OPTION_CHECK:
        client->check = parse_check(value);
        return 1;
    case OPTION_PASSWORD_FILE:
        load_password(client, value);
        return 1;
    case OPTION_HOSTBASED:
        client->machine_key_path = value;
        return 1;
    default:
        return 0;
    }
}

/* The words of a command, with blanks between them, as a shell there will read them. */
static char *join_words(int count, char **words)
{
    size_t size = 1;
    for (int i = 0; i < count; i++) {
        size += strlen(words[i]) + 1;
    }
    char *text = need_alloc(size);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s%s", i > 0 ? " " : "", words[i]);
    }
    return text;
}

static void parse_host(struct ssh_client *client, const struct arguments *arguments, const char *text)
{
    client->local_user = this_user();
    if (arguments->jumps != NULL) {
        parse_jumps(client, arguments->jumps);
    }
    struct hop *last = add_hop(client);
    parse_hop(last, text, 0);
    last->port = arguments->port;
    for (size_t i = 0; i < client->hop_count; i++) {
        struct hop *hop = &client->hops[i];
        if (hop->user == NULL) {
            hop->user = need_string(hop == last && arguments->user != NULL ? arguments->user : client->local_user);
        }
    }
}

static void parse(struct ssh_client *client, int argc, char **argv)
{
    struct arguments arguments = {.port = 22};
    int option;
    /* "+": what follows the host is the command's. */
    while ((option = getopt_long(argc, argv, "+p:l:i:J:s:L:R:D:W:tTnNAvh", long_options, NULL)) != -1) {
        if (!take_flag(client, option) && !take_value(client, &arguments, option, optarg) &&
            !take_forward(client, option, optarg) && !ssh_option(&client->options, option, optarg)) {
            die("try --help");
        }
    }
    if (optind == argc) {
        die("a host is expected; try --help");
    }
    parse_host(client, &arguments, argv[optind]);
    if (optind + 1 < argc) {
        client->command = join_words(argc - optind - 1, argv + optind + 1);
    }
}

static void forget(struct ssh_client *client)
{
    for (size_t i = 0; i < client->hop_count; i++) {
        free(client->hops[i].user);
        free(client->hops[i].host);
    }
    for (size_t i = 0; i < client->local_count; i++) {
        address_free(&client->locals[i].bound);
        target_free(&client->locals[i].target);
    }
    for (size_t i = 0; i < client->remote_count; i++) {
        address_free(&client->remotes[i].bound);
        target_free(&client->remotes[i].target);
    }
    target_free(&client->stdio);
    secret_free(client->password);
    secret_free(client->new_password);
    free(client->home_known_hosts);
    free(client->command);
    sessile_key_free(client->machine_key);
    sessile_ssh_config_free(client->config);
}

int main(int argc, char **argv)
{
    static struct loop loop;
    static struct ssh_client client;
    program_name = "ssh_client";
    failure_status = STATUS_FAILED;
    setlocale(LC_CTYPE, "");
    parse(&client, argc, argv);
    client.loop = &loop;
    client.config = sessile_ssh_config_new(SESSILE_CLIENT);
    if (client.config == NULL) {
        die("no memory for a config");
    }
    ssh_options_apply(&client.options, client.config);
    loop_init(&loop);
    loop_stop_on_signals(&loop);
    int status = ssh_client_run(&client);
    forget(&client);
    pump_forget_callbacks();
    loop_free(&loop);
    return status;
}
