/* SPDX-License-Identifier: Apache-2.0
 *
 * An SSH client on libssh, with the command line of examples/c/ssh_client. A channel and two file descriptors are
 * joined by a loop that polls; blocking calls write.
 */
#include <libssh/libssh.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

static void set(ssh_session session, enum ssh_options_e option, const void *value)
{
    if (value && ssh_options_set(session, option, value) != SSH_OK)
        fail("option", ssh_get_error(session));
}

static void configure(ssh_session session, const struct options *options)
{
    long timeout = 20;
    int no = 0;

    set(session, SSH_OPTIONS_HOST, options->host);
    set(session, SSH_OPTIONS_PORT, &options->port);
    set(session, SSH_OPTIONS_USER, options->user);
    set(session, SSH_OPTIONS_TIMEOUT, &timeout);
    set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
    set(session, SSH_OPTIONS_KNOWNHOSTS, options->known_hosts);
    set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    set(session, SSH_OPTIONS_KEY_EXCHANGE, options->kex);
    set(session, SSH_OPTIONS_CIPHERS_C_S, options->ciphers);
    set(session, SSH_OPTIONS_CIPHERS_S_C, options->ciphers);
    set(session, SSH_OPTIONS_HMAC_C_S, options->macs);
    set(session, SSH_OPTIONS_HMAC_S_C, options->macs);
    set(session, SSH_OPTIONS_HOSTKEYS, options->host_algorithms);
    set(session, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, options->user_algorithms);
    set(session, SSH_OPTIONS_COMPRESSION, options->compression);
    if (options->rekey) {
        uint64_t bytes = options->rekey;
        set(session, SSH_OPTIONS_REKEY_DATA, &bytes);
    }
}

static void check_host(ssh_session session, const struct options *options)
{
    if (options->check && strcmp(options->check, "no") == 0)
        return;
    if (ssh_session_is_known_server(session) != SSH_KNOWN_HOSTS_OK)
        fail("host key", "not known");
}

static ssh_key load_key(const char *path)
{
    ssh_key key = NULL, certificate = NULL;
    char *beside = malloc(strlen(path) + sizeof "-cert.pub");

    if (!beside || ssh_pki_import_privkey_file(path, NULL, NULL, NULL, &key) != SSH_OK)
        fail("cannot read the key", path);
    sprintf(beside, "%s-cert.pub", path);
    if (access(beside, R_OK) == 0 && (ssh_pki_import_cert_file(beside, &certificate) != SSH_OK ||
                                      ssh_pki_copy_cert_to_privkey(certificate, key) != SSH_OK))
        fail("cannot read the certificate", beside);
    ssh_key_free(certificate);
    free(beside);
    return key;
}

/* The password to every prompt. */
static int answer(ssh_session session, const char *password)
{
    int result;

    while ((result = ssh_userauth_kbdint(session, NULL, NULL)) == SSH_AUTH_INFO) {
        for (int i = 0; i < ssh_userauth_kbdint_getnprompts(session); i++)
            ssh_userauth_kbdint_setanswer(session, (unsigned)i, password);
    }
    return result;
}

static void authenticate(ssh_session session, const struct options *options)
{
    int result = SSH_AUTH_DENIED;

    if (options->key) {
        ssh_key key = load_key(options->key);
        result = ssh_userauth_publickey(session, NULL, key);
        ssh_key_free(key);
    } else if (options->passwords) {
        char *password = first_line(options->passwords);
        ssh_userauth_none(session, NULL);
        if (ssh_userauth_list(session, NULL) & SSH_AUTH_METHOD_PASSWORD)
            result = ssh_userauth_password(session, NULL, password);
        else
            result = answer(session, password);
        free(password);
    }
    if (result != SSH_AUTH_SUCCESS)
        fail("denied", ssh_get_error(session));
}

/* What the channel has for one of our outputs; the number of bytes. */
static int drain(ssh_channel channel, int is_stderr, int fd)
{
    char data[PIECE];
    int total = 0, got;

    while ((got = ssh_channel_read_nonblocking(channel, data, sizeof data, is_stderr)) > 0) {
        write_all(fd, data, (size_t)got);
        total += got;
    }
    return got == SSH_ERROR ? -1 : total;
}

/* It may take less than all while new keys are made. 0 where it takes nothing any more. */
static int put(ssh_channel channel, const char *data, uint32_t size)
{
    while (size) {
        int written = ssh_channel_write(channel, data, size);
        if (written < 0 || ssh_channel_is_closed(channel))
            return 0;
        data += written;
        size -= (uint32_t)written;
    }
    return 1;
}

/* Wait for input or for the session; what has come on input goes to the channel. 0 at the end of input. */
static int give(ssh_session session, ssh_channel channel, int in)
{
    struct pollfd wait[2] = {{.fd = ssh_get_fd(session), .events = POLLIN}, {.fd = in, .events = POLLIN}};
    char data[PIECE];

    if (poll(wait, 2, 1000) <= 0 || !(in >= 0 && wait[1].revents))
        return 1;
    ssize_t got = read(in, data, sizeof data);
    if (got > 0)
        return put(channel, data, (uint32_t)got);
    ssh_channel_send_eof(channel);
    return 0;
}

/* Until the channel has ended; where a socket is joined, until that has as well. */
static void join(ssh_session session, ssh_channel channel, int in, int out, int err, int is_socket)
{
    int told = 0;

    while (!ssh_channel_is_closed(channel)) {
        int some = drain(channel, 0, out), more = drain(channel, 1, err);
        if (some < 0 || more < 0)
            break;
        if (ssh_channel_is_eof(channel)) {
            if (!is_socket || in < 0)
                break;
            if (!told++)
                shutdown(out, SHUT_WR);
        }
        struct pollfd wait = {.fd = in, .events = POLLIN};
        if ((some + more == 0 || (in >= 0 && poll(&wait, 1, 0) > 0)) && !give(session, channel, in))
            in = -1;
    }
    drain(channel, 0, out);
    drain(channel, 1, err);
}

static int run(ssh_session session, const struct options *options)
{
    ssh_channel channel = ssh_channel_new(session);

    if (!channel || ssh_channel_open_session(channel) != SSH_OK)
        fail("session", ssh_get_error(session));
    if (options->pty && ssh_channel_request_pty_size(channel, "vt100", 80, 24) != SSH_OK)
        fail("pty", ssh_get_error(session));
    if (ssh_channel_request_exec(channel, options->command) != SSH_OK)
        fail("exec", ssh_get_error(session));
    join(session, channel, 0, 1, 2, 0);
    int status = ssh_channel_get_exit_status(channel);
    ssh_channel_close(channel);
    ssh_channel_free(channel);
    return status < 0 ? FAILURE : status;
}

static int relay(ssh_session session, const struct options *options)
{
    ssh_channel channel = ssh_channel_new(session);
    char host[256];
    int port = split_place(options->direct, host, sizeof host);

    if (!channel || ssh_channel_open_forward(channel, host, port, "127.0.0.1", 0) != SSH_OK)
        fail("forward", ssh_get_error(session));
    join(session, channel, 0, 1, 2, 0);
    ssh_channel_free(channel);
    return 0;
}

/* One connection after the other. */
static int listen_there(ssh_session session, const struct options *options)
{
    const char *target = strchr(options->remote, ':');
    char host[256];

    if (!target || ssh_channel_listen_forward(session, "127.0.0.1", atoi(options->remote), NULL) != SSH_OK)
        fail("forward", ssh_get_error(session));
    int port = split_place(target + 1, host, sizeof host);
    while (ssh_is_connected(session)) {
        ssh_channel channel = ssh_channel_open_forward_port(session, 1000, NULL, NULL, NULL);
        if (!channel)
            continue;
        int fd = connect_to(host, port);
        if (fd >= 0)
            join(session, channel, fd, fd, 2, 1);
        close(fd);
        ssh_channel_close(channel);
        ssh_channel_free(channel);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    ssh_session session = ssh_new();

    options_parse(&options, argc, argv);
    configure(session, &options);
    if (ssh_connect(session) != SSH_OK)
        fail("connect", ssh_get_error(session));
    check_host(session, &options);
    authenticate(session, &options);
    int status = options.direct   ? relay(session, &options)
                 : options.remote ? listen_there(session, &options)
                                  : run(session, &options);
    ssh_disconnect(session);
    ssh_free(session);
    return status;
}
