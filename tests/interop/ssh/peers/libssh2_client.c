/* SPDX-License-Identifier: Apache-2.0
 *
 * An SSH client on libssh2, with the command line of examples/c/ssh_client. After authentication all calls are
 * non-blocking, in one loop that polls.
 */
#include <libssh2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

static LIBSSH2_SESSION *session;
static int wire;

static _Noreturn void fail_last(const char *what)
{
    char *text = NULL;

    libssh2_session_last_error(session, &text, NULL, 0);
    fail(what, text ? text : "");
}

static void prefer(int method, const char *names)
{
    if (names && libssh2_session_method_pref(session, method, names) != 0)
        fail_last("option");
}

static void configure(const struct options *options)
{
    prefer(LIBSSH2_METHOD_KEX, options->kex);
    prefer(LIBSSH2_METHOD_HOSTKEY, options->host_algorithms);
    prefer(LIBSSH2_METHOD_CRYPT_CS, options->ciphers);
    prefer(LIBSSH2_METHOD_CRYPT_SC, options->ciphers);
    prefer(LIBSSH2_METHOD_MAC_CS, options->macs);
    prefer(LIBSSH2_METHOD_MAC_SC, options->macs);
    if (options->compression && strcmp(options->compression, "none") != 0)
        libssh2_session_flag(session, LIBSSH2_FLAG_COMPRESS, 1);
}

static int host_mask(int type)
{
    static const int MASKS[][2] = {
        {LIBSSH2_HOSTKEY_TYPE_RSA, LIBSSH2_KNOWNHOST_KEY_SSHRSA},
        {LIBSSH2_HOSTKEY_TYPE_ECDSA_256, LIBSSH2_KNOWNHOST_KEY_ECDSA_256},
        {LIBSSH2_HOSTKEY_TYPE_ECDSA_384, LIBSSH2_KNOWNHOST_KEY_ECDSA_384},
        {LIBSSH2_HOSTKEY_TYPE_ECDSA_521, LIBSSH2_KNOWNHOST_KEY_ECDSA_521},
        {LIBSSH2_HOSTKEY_TYPE_ED25519, LIBSSH2_KNOWNHOST_KEY_ED25519},
    };

    for (size_t i = 0; i < sizeof MASKS / sizeof MASKS[0]; i++) {
        if (MASKS[i][0] == type)
            return MASKS[i][1];
    }
    return LIBSSH2_KNOWNHOST_KEY_UNKNOWN;
}

static void check_host(const struct options *options)
{
    size_t size;
    int type;

    if (options->check && strcmp(options->check, "no") == 0)
        return;
    LIBSSH2_KNOWNHOSTS *known = libssh2_knownhost_init(session);
    if (!known || !options->known_hosts ||
        libssh2_knownhost_readfile(known, options->known_hosts, LIBSSH2_KNOWNHOST_FILE_OPENSSH) < 0)
        fail_last("known hosts");
    const char *key = libssh2_session_hostkey(session, &size, &type);
    int mask = LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | host_mask(type);
    if (libssh2_knownhost_checkp(known, options->host, options->port, key, size, mask, NULL) !=
        LIBSSH2_KNOWNHOST_CHECK_MATCH)
        fail("host key", "not known");
    libssh2_knownhost_free(known);
}

static char *answer_text;

/* The password to every prompt; the library frees the copies. */
static LIBSSH2_USERAUTH_KBDINT_RESPONSE_FUNC(answer)
{
    (void)name;
    (void)name_len;
    (void)instruction;
    (void)instruction_len;
    (void)prompts;
    (void)abstract;
    for (int i = 0; i < num_prompts; i++) {
        responses[i].text = strdup(answer_text);
        responses[i].length = (unsigned)strlen(answer_text);
    }
}

static void authenticate(const struct options *options)
{
    int result = -1;

    if (options->key) {
        result = libssh2_userauth_publickey_fromfile(session, options->user, NULL, options->key, NULL);
    } else if (options->passwords) {
        const char *methods = libssh2_userauth_list(session, options->user, (unsigned)strlen(options->user));
        answer_text = first_line(options->passwords);
        if (methods && strstr(methods, "password"))
            result = libssh2_userauth_password(session, options->user, answer_text);
        else
            result = libssh2_userauth_keyboard_interactive(session, options->user, answer);
    }
    if (result != 0)
        fail_last("denied");
}

static int drain(LIBSSH2_CHANNEL *channel, int stream, int fd)
{
    static char data[PIECE];
    int total = 0;
    ssize_t got;

    while ((got = libssh2_channel_read_ex(channel, stream, data, sizeof data)) > 0) {
        write_all(fd, data, (size_t)got);
        total += (int)got;
    }
    return got < 0 && got != LIBSSH2_ERROR_EAGAIN ? -1 : total;
}

static struct {
    char data[PIECE];
    size_t start, end;
    int over, told;
} input;

/* A piece of input at a time; what the window does not take waits. The number of bytes that went out. */
static int give(LIBSSH2_CHANNEL *channel, int in)
{
    struct pollfd wait = {.fd = in, .events = POLLIN};

    if (input.start == input.end && !input.over && poll(&wait, 1, 0) > 0) {
        ssize_t got = read(in, input.data, sizeof input.data);
        input.start = 0;
        input.end = got > 0 ? (size_t)got : 0;
        input.over = got <= 0;
    }
    if (input.start < input.end) {
        ssize_t sent = libssh2_channel_write(channel, input.data + input.start, input.end - input.start);
        input.start += sent > 0 ? (size_t)sent : 0;
        return sent > 0 ? (int)sent : 0;
    }
    if (input.over && !input.told)
        input.told = libssh2_channel_send_eof(channel) == 0;
    return 0;
}

static void wait_for_something(int in)
{
    int directions = libssh2_session_block_directions(session);
    int hungry = input.start == input.end && !input.over;
    struct pollfd wait[2] = {{.fd = wire, .events = POLLIN}, {.fd = hungry ? in : -1, .events = POLLIN}};

    if (directions & LIBSSH2_SESSION_BLOCK_OUTBOUND)
        wait[0].events |= POLLOUT;
    poll(wait, 2, 1000);
}

/* Until the channel has ended; where a socket is joined, until that has as well. */
static void join(LIBSSH2_CHANNEL *channel, int in, int out, int err, int is_socket)
{
    int told = 0;

    memset(&input, 0, sizeof input);
    for (;;) {
        int some = drain(channel, 0, out), more = drain(channel, SSH_EXTENDED_DATA_STDERR, err);
        if (some < 0 || more < 0)
            break;
        if (libssh2_channel_eof(channel)) {
            if (!is_socket || input.told)
                break;
            if (!told++)
                shutdown(out, SHUT_WR);
        }
        if (give(channel, in) + some + more == 0)
            wait_for_something(in);
    }
}

static int run(const struct options *options)
{
    LIBSSH2_CHANNEL *channel = libssh2_channel_open_session(session);

    if (!channel)
        fail_last("session");
    if (options->pty && libssh2_channel_request_pty(channel, "vt100") != 0)
        fail_last("pty");
    if (libssh2_channel_exec(channel, options->command) != 0)
        fail_last("exec");
    libssh2_session_set_blocking(session, 0);
    join(channel, 0, 1, 2, 0);
    libssh2_session_set_blocking(session, 1);
    if (libssh2_channel_close(channel) != 0 || libssh2_channel_wait_closed(channel) != 0)
        fail_last("close");
    return libssh2_channel_get_exit_status(channel);
}

static int relay(const struct options *options)
{
    char host[256];
    int port = split_place(options->direct, host, sizeof host);
    LIBSSH2_CHANNEL *channel = libssh2_channel_direct_tcpip(session, host, port);

    if (!channel)
        fail_last("forward");
    libssh2_session_set_blocking(session, 0);
    join(channel, 0, 1, 2, 0);
    return 0;
}

/* One connection after the other. */
static int listen_there(const struct options *options)
{
    const char *target = strchr(options->remote, ':');
    char host[256];
    LIBSSH2_LISTENER *listener =
        libssh2_channel_forward_listen_ex(session, "127.0.0.1", atoi(options->remote), NULL, 16);
    LIBSSH2_CHANNEL *channel;

    if (!target || !listener)
        fail_last("forward");
    int port = split_place(target + 1, host, sizeof host);
    while ((channel = libssh2_channel_forward_accept(listener))) {
        int fd = connect_to(host, port);
        libssh2_session_set_blocking(session, 0);
        if (fd >= 0)
            join(channel, fd, fd, 2, 1);
        libssh2_session_set_blocking(session, 1);
        close(fd);
        libssh2_channel_free(channel);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;

    options_parse(&options, argc, argv);
    if (libssh2_init(0) != 0 || !(session = libssh2_session_init()))
        fail("library", "cannot be set up");
    libssh2_session_set_timeout(session, 20000);
    configure(&options);
    wire = connect_to(options.host, options.port);
    if (wire < 0)
        fail("connect", "refused");
    if (libssh2_session_handshake(session, wire) != 0)
        fail_last("connect");
    check_host(&options);
    authenticate(&options);
    if (options.remote)
        libssh2_session_set_timeout(session, 0);
    int status = options.direct ? relay(&options) : options.remote ? listen_there(&options) : run(&options);
    libssh2_session_disconnect(session, "done");
    return status;
}
