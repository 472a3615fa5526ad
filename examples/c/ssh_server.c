/* SPDX-License-Identifier: Apache-2.0
 *
 * An SSH server on TCP with one thread and epoll: commands, shells, subsystems and forwarding, all as the user that
 * started it.
 */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sessile_files.h>

#include "common/ssh_guest.h"
#include "common/util.h"

#define GRACE_SECONDS 1.0
#define KEYS_MOST 16

struct program {
    struct ssh_server server;
    struct listener *listener;
    const char *host;
    int port;
    const char *port_file;
    const char *host_keys[KEYS_MOST];
    size_t host_key_count;
    const char *host_certificates[KEYS_MOST];
    size_t host_certificate_count;
    const char *authorized_keys;
    const char *authorities;
    const char *passwords;
    const char *auth_methods;
    const char *banner;
    const char *moduli;
    const char *krl;
    const char *hosts;
    unsigned long once; /* stop after so many connections; 0: never */
    unsigned long taken;
};

enum {
    OPTION_LISTEN = 1,
    OPTION_PORT_FILE,
    OPTION_HOST_KEY,
    OPTION_HOST_CERTIFICATE,
    OPTION_AUTHORIZED_KEYS,
    OPTION_TRUSTED_USER_CA,
    OPTION_PASSWORD_FILE,
    OPTION_AUTH_METHODS,
    OPTION_BANNER,
    OPTION_MODULI,
    OPTION_KRL,
    OPTION_HOSTBASED,
    OPTION_ALLOW_FORWARD,
    OPTION_GATEWAY_PORTS,
    OPTION_SUBSYSTEM,
    OPTION_SFTP,
    OPTION_SFTP_READ_ONLY,
    OPTION_ONCE
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"port", required_argument, NULL, 'p'},
    {"port-file", required_argument, NULL, OPTION_PORT_FILE},
    {"host-key", required_argument, NULL, OPTION_HOST_KEY},
    {"host-certificate", required_argument, NULL, OPTION_HOST_CERTIFICATE},
    {"authorized-keys", required_argument, NULL, OPTION_AUTHORIZED_KEYS},
    {"trusted-user-ca", required_argument, NULL, OPTION_TRUSTED_USER_CA},
    {"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
    {"auth-methods", required_argument, NULL, OPTION_AUTH_METHODS},
    {"banner", required_argument, NULL, OPTION_BANNER},
    {"moduli", required_argument, NULL, OPTION_MODULI},
    {"revoked-keys", required_argument, NULL, OPTION_KRL},
    {"hostbased", required_argument, NULL, OPTION_HOSTBASED},
    {"allow-forward", no_argument, NULL, OPTION_ALLOW_FORWARD},
    {"gateway-ports", no_argument, NULL, OPTION_GATEWAY_PORTS},
    {"subsystem", required_argument, NULL, OPTION_SUBSYSTEM},
    {"sftp", required_argument, NULL, OPTION_SFTP},
    {"sftp-read-only", required_argument, NULL, OPTION_SFTP_READ_ONLY},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"help", no_argument, NULL, 'h'},
    SSH_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: ssh_server --host-key FILE [--authorized-keys FILE] [--password-file FILE] [OPTIONS]\n"
    "Serves SSH on TCP. Prints \"listening on ADDRESS:PORT\" first; SIGTERM ends it. Whoever logs in, by\n"
    "whatever name, acts as the user who started it.\n\n"
    "  --listen ADDRESS         where to listen (127.0.0.1)\n"
    "  -p, --port PORT          the port (0: one of the system's choice)\n"
    "  --port-file FILE         write the port's number there\n"
    "  --host-key FILE          a private key; for each type one\n"
    "  --host-certificate FILE  a certificate for one of them\n"
    "  --authorized-keys FILE   keys that may log in, with what they may do (sshd(8))\n"
    "  --trusted-user-ca FILE   keys whose certificates may log in\n"
    "  --revoked-keys FILE      keys that may not: a list of ssh-keygen -k, or public keys\n"
    "  --password-file FILE     lines USER:PASSWORD; also for keyboard-interactive\n"
    "  --hostbased FILE         machines (known_hosts) whose users may log in by the name they have there\n"
    "  --auth-methods LIST      such as \"publickey,password\" (both), \"publickey password\" (one of them);\n"
    "                           without it, any one that there is a file for\n"
    "  --banner FILE            a text for clients to show\n"
    "  --moduli FILE            groups for diffie-hellman-group-exchange (moduli(5))\n"
    "  --allow-forward          let clients have ports, sockets and their agent forwarded\n"
    "  --gateway-ports          their ports listen where they say, not on this machine's loopback alone\n"
    "  --subsystem NAME=COMMAND such as sftp=/usr/lib/openssh/sftp-server\n"
    "  --sftp DIRECTORY         serve SFTP from there, and nothing outside it, without another program\n"
    "  --sftp-read-only DIRECTORY   the same, and let nobody change anything\n"
    "  --once                   end after one connection\n"
    "\n" SSH_HELP;

static void add(const char **list, size_t *count, size_t most, const char *option, const char *value)
{
    if (*count == most) {
        die("%s: at most %zu are taken", option, most);
    }
    list[(*count)++] = value;
}

static void take_subsystem(struct ssh_server *server, const char *value)
{
    if (strchr(value, '=') == NULL) {
        die("--subsystem %s: NAME=COMMAND is expected", value);
    }
    add(server->subsystems, &server->subsystem_count, SUBSYSTEMS_MOST, "--subsystem", value);
}

static void take_files(struct ssh_server *server, const char *root, int read_only)
{
    sessile_files_free(server->files);
    server->files = sessile_files_new(root, read_only);
    if (server->files == NULL) {
        die("%s: %s", root, strerror(errno));
    }
}

static int take_file(struct program *program, int option, const char *value)
{
    const char **files[] = {
        [OPTION_PORT_FILE] = &program->port_file,
        [OPTION_AUTHORIZED_KEYS] = &program->authorized_keys,
        [OPTION_TRUSTED_USER_CA] = &program->authorities,
        [OPTION_PASSWORD_FILE] = &program->passwords,
        [OPTION_AUTH_METHODS] = &program->auth_methods,
        [OPTION_BANNER] = &program->banner,
        [OPTION_MODULI] = &program->moduli,
        [OPTION_KRL] = &program->krl,
        [OPTION_HOSTBASED] = &program->hosts,
        [OPTION_LISTEN] = &program->host,
        [OPTION_ONCE] = NULL,
    };
    if (option < 1 || option > OPTION_ONCE || files[option] == NULL) {
        return 0;
    }
    *files[option] = value;
    return 1;
}

static void take_option(struct program *program, int option, const char *value)
{
    switch (option) {
    case 'p':
        program->port = (int)number_parse("--port", value, 0, 65535);
        break;
    case OPTION_HOST_KEY:
        add(program->host_keys, &program->host_key_count, KEYS_MOST, "--host-key", value);
        break;
    case OPTION_HOST_CERTIFICATE:
        add(program->host_certificates, &program->host_certificate_count, KEYS_MOST, "--host-certificate", value);
        break;
    case OPTION_ALLOW_FORWARD:
        program->server.allow_forward = 1;
        break;
    case OPTION_GATEWAY_PORTS:
        program->server.gateway_ports = 1;
        break;
    case OPTION_SUBSYSTEM:
        take_subsystem(&program->server, value);
        break;
    case OPTION_SFTP:
    case OPTION_SFTP_READ_ONLY:
        take_files(&program->server, value, option == OPTION_SFTP_READ_ONLY);
        break;
    case OPTION_ONCE:
        program->once = 1;
        break;
    case 'h':
        fputs(help, stdout);
        exit(STATUS_OK);
    default:
        if (!take_file(program, option, value) && !ssh_option(&program->server.options, option, value)) {
            die("try --help");
        }
    }
}

static void parse(struct program *program, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "p:vh", long_options, NULL)) != -1) {
        take_option(program, option, optarg);
    }
    if (optind < argc) {
        die("what is \"%s\"? Try --help", argv[optind]);
    }
    if (program->host_key_count == 0) {
        die("a --host-key is needed; try --help");
    }
}

/* ---- config ---- */

/* The key with its certificate, where one is for it. */
static sessile_key *certified(const struct program *program, sessile_key *key)
{
    for (size_t i = 0; i < program->host_certificate_count; i++) {
        sessile_key *both = NULL;
        sessile_key *certificate = ssh_public_key_load(program->host_certificates[i]);
        if (certificate == NULL) {
            die("%s: %s", program->host_certificates[i], strerror(ENOENT));
        }
        if (sessile_key_equal(key, certificate) && sessile_key_with_certificate(key, certificate, &both) == 0) {
            sessile_key_free(key);
            key = both;
        }
        sessile_key_free(certificate);
    }
    return key;
}

static void add_host_key(const struct program *program, sessile_ssh_config *config, const char *path)
{
    int encrypted;
    sessile_key *key = ssh_key_load(path, NULL, &encrypted);
    if (encrypted) {
        die("%s: a host key that needs a passphrase", path);
    }
    key = certified(program, key);
    ssh_config_need(sessile_ssh_config_add_host_key(config, key), config, "--host-key", path);
    sessile_key_free(key);
}

static sessile_authorized_keys *load_keys(const char *path)
{
    char error[256];
    size_t size;
    sessile_authorized_keys *keys = NULL;
    char *text = (char *)file_load(path, &size);
    int r = sessile_authorized_keys_read(text, size, 0, &keys, error, sizeof error);
    free(text);
    if (r < 0) {
        die("%s: %s", path, error);
    }
    for (size_t i = 0; sessile_authorized_keys_bad_line(keys, i) != 0; i++) {
        warn("%s, line %zu: %s", path, sessile_authorized_keys_bad_line(keys, i),
             sessile_authorized_keys_bad_reason(keys, i));
    }
    return keys;
}

static sessile_known_hosts *load_hosts(const char *path)
{
    char error[256];
    size_t size;
    sessile_known_hosts *hosts = NULL;
    char *text = (char *)file_load(path, &size);
    if (sessile_known_hosts_read(text, size, NULL, &hosts, error, sizeof error) < 0) {
        die("%s: %s", path, error);
    }
    free(text);
    return hosts;
}

static void use_file(sessile_ssh_config *config, const char *option, const char *path,
                     int (*set)(sessile_ssh_config *config, const void *data, size_t size))
{
    size_t size;
    if (path != NULL) {
        char *text = (char *)file_load(path, &size);
        ssh_config_need(set(config, text, size), config, option, path);
        free(text);
    }
}

static int set_krl(sessile_ssh_config *config, const void *data, size_t size)
{
    char error[256];
    sessile_krl *krl = NULL;
    int r = sessile_krl_read(data, size, &krl, error, sizeof error);
    if (r < 0) {
        die("--revoked-keys: %s", error);
    }
    r = sessile_ssh_config_set_krl(config, krl);
    sessile_krl_free(krl);
    return r;
}

/* What was asked for, or what there is something to check with; NULL for any. */
static const char *methods_of(const struct program *program)
{
    if (program->auth_methods != NULL) {
        return program->auth_methods;
    }
    if (program->hosts != NULL) {
        return "hostbased publickey password keyboard-interactive";
    }
    if (program->passwords == NULL) {
        return "publickey";
    }
    return program->authorized_keys == NULL && program->authorities == NULL ? "password keyboard-interactive" : NULL;
}

static void configure(struct program *program)
{
    struct ssh_server *server = &program->server;
    size_t size;
    sessile_ssh_config *config = server->config = sessile_ssh_config_new(SESSILE_SERVER);
    if (config == NULL) {
        die("no memory for a config");
    }
    ssh_options_apply(&server->options, config);
    for (size_t i = 0; i < program->host_key_count; i++) {
        add_host_key(program, config, program->host_keys[i]);
    }
    const char *methods = methods_of(program);
    if (methods != NULL) {
        ssh_config_need(sessile_ssh_config_set_auth_methods(config, methods), config, "--auth-methods", methods);
    }
    use_file(config, "--banner", program->banner, sessile_ssh_config_set_banner);
    use_file(config, "--moduli", program->moduli, sessile_ssh_config_set_moduli);
    use_file(config, "--revoked-keys", program->krl, set_krl);
    ssh_config_need(sessile_ssh_config_check(config), config, "the options", "do not fit");
    server->authorized_keys = program->authorized_keys != NULL ? load_keys(program->authorized_keys) : NULL;
    server->authorities = program->authorities != NULL ? load_keys(program->authorities) : NULL;
    server->hosts = program->hosts != NULL ? load_hosts(program->hosts) : NULL;
    server->passwords = program->passwords != NULL ? (char *)file_load(program->passwords, &size) : NULL;
}

/* ---- listening ---- */

static void stop_listening(struct program *program)
{
    listener_close(program->listener);
    program->listener = NULL;
}

static void on_connection(struct listener *listener, int fd)
{
    struct program *program = listener->owner;
    program->taken++;
    if (program->taken == program->once) {
        stop_listening(program);
    }
    ssh_server_take(&program->server, fd);
}

static void listen_and_announce(struct program *program)
{
    char error[NET_ERROR_SIZE];
    struct sockets sockets;
    if (net_listen(&sockets, program->host, program->port, error, sizeof error) != 0) {
        die("%s", error);
    }
    program->listener = listener_open(program->server.loop, &sockets, on_connection, program);
    net_announce(&sockets, program->port_file);
}

static void on_done(struct ssh_server *server)
{
    const struct program *program = (struct program *)server; /* its first member */
    if (program->listener == NULL && ssh_server_is_empty(server)) {
        loop_stop(server->loop);
    }
}

/* ---- the end ---- */

static void on_grace_over(void *owner)
{
    loop_stop(owner);
}

/* A signal has come: everybody is told, and what they started gets a moment to end. */
static void end_gracefully(struct program *program)
{
    struct timer timer;
    struct loop *loop = program->server.loop;
    if (program->listener != NULL) {
        stop_listening(program);
    }
    loop->stop = 0;
    timer_start(&timer, loop, GRACE_SECONDS, on_grace_over, loop);
    ssh_server_end(&program->server);
    if (!ssh_server_is_empty(&program->server)) {
        loop_run(loop);
    }
    timer_stop(&timer, loop);
}

int main(int argc, char **argv)
{
    static struct loop loop;
    static struct program program;
    program_name = "ssh_server";
    setlocale(LC_CTYPE, "");
    program.host = "127.0.0.1";
    parse(&program, argc, argv);
    program.server.loop = &loop;
    configure(&program);
    loop_init(&loop);
    loop_stop_on_signals(&loop);
    ssh_server_start(&program.server);
    program.server.on_done = on_done;
    listen_and_announce(&program);
    loop_run(&loop);
    end_gracefully(&program);
    ssh_server_free(&program.server);
    sessile_files_free(program.server.files);
    pump_forget_callbacks();
    loop_free(&loop);
    return STATUS_OK;
}
