/* SPDX-License-Identifier: Apache-2.0
 *
 * An SSH server on libssh, with the command line of examples/c/ssh_server: a process for each connection, in it one
 * event loop for the session and for the pipes and sockets that its channels are joined to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

enum { OPEN, HALF, CLOSED };

/* A channel, and what it is joined to: a program's pipes, or a socket twice. -1: closed. */
struct join {
    ssh_channel channel;
    struct ssh_channel_callbacks_struct callbacks;
    int in, out, err;
    pid_t pid;
    int rows, columns, terminal, waiting;
    int in_ready, out_ready, err_ready;
    int ended;            /* what we said: nothing, EOF, CLOSE */
    unsigned char *queue; /* for in */
    size_t queued, written;
    int input_ended;
    struct join *next;
};

static struct {
    struct options options;
    ssh_session session;
    ssh_event event;
    struct join *joins;
    int authenticated, listener, knocked;
    struct ssh_server_callbacks_struct callbacks;
    char bound_address[256], asked[256];
    int bound_port;
} peer = {.listener = -1};

/* ---- Channels ---- */

static void watch(int fd, struct join *join);

/* A program's channel ends when both its outputs have; a socket's when both directions have. */
static void finish(struct join *join)
{
    int status = 0;

    if (join->out >= 0 || join->err >= 0 || join->ended == CLOSED)
        return;
    if (!join->ended && join->pid > 0) {
        waitpid(join->pid, &status, 0);
        ssh_channel_request_send_exit_status(join->channel, WIFEXITED(status) ? WEXITSTATUS(status) : FAILURE);
    }
    if (!join->ended)
        ssh_channel_send_eof(join->channel);
    join->ended = HALF;
    if (join->pid > 0 || join->in < 0) {
        join->ended = CLOSED;
        ssh_channel_close(join->channel);
    }
}

/* libssh does not survive a poll, nor the removal of what it polls, inside a poll: it is noted, and done afterwards. */
static int on_ready(socket_t fd, int events, void *app)
{
    struct join *join = app;

    if (events & POLLOUT)
        join->in_ready = 1;
    else if (fd == join->err)
        join->err_ready = 1;
    else
        join->out_ready = 1;
    return 0;
}

static void read_from(int fd, struct join *join)
{
    int is_stderr = fd == join->err;
    char data[PIECE];
    uint32_t window = ssh_channel_window_size(join->channel);

    if (!window) {
        ssh_event_remove_fd(peer.event, join->out);
        ssh_event_remove_fd(peer.event, join->err);
        join->waiting = 1;
        return;
    }
    ssize_t got = read(fd, data, window < sizeof data ? window : sizeof data);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got > 0) {
        if (is_stderr)
            ssh_channel_write_stderr(join->channel, data, (uint32_t)got);
        else
            ssh_channel_write(join->channel, data, (uint32_t)got);
        return;
    }
    ssh_event_remove_fd(peer.event, fd);
    if (is_stderr)
        join->err = -1;
    else
        join->out = -1;
    close(fd);
    finish(join);
}

static void watch(int fd, struct join *join)
{
    if (fd >= 0)
        ssh_event_add_fd(peer.event, fd, POLLIN, on_ready, join);
}

/* What was not read for want of a window is read again. */
static int on_room(ssh_session session, ssh_channel channel, uint32_t bytes, void *app)
{
    struct join *join = app;

    (void)session;
    (void)channel;
    if (join->waiting && bytes) {
        join->waiting = 0;
        watch(join->out, join);
        watch(join->err, join);
    }
    return 0;
}

/* The end of what the channel brings, once all of it is written. */
static void close_input(struct join *join)
{
    if (join->pid <= 0)
        shutdown(join->in, SHUT_WR);
    close(join->in);
    join->in = -1;
    if (join->ended == HALF)
        finish(join);
}

static void write_to(int fd, struct join *join)
{
    ssize_t written = write(fd, join->queue + join->written, join->queued - join->written);

    if (written < 0 && errno != EAGAIN)
        join->written = join->queued; /* nobody reads any more */
    else if (written > 0)
        join->written += (size_t)written;
    if (join->written < join->queued)
        return;
    join->written = join->queued = 0;
    ssh_event_remove_fd(peer.event, fd);
    if (join->input_ended)
        close_input(join);
}

static void serve_joins(void)
{
    for (struct join *join = peer.joins; join; join = join->next) {
        if (join->in_ready && join->in >= 0 && join->queued)
            write_to(join->in, join);
        if (join->out_ready && join->out >= 0)
            read_from(join->out, join);
        if (join->err_ready && join->err >= 0)
            read_from(join->err, join);
        join->in_ready = join->out_ready = join->err_ready = 0;
    }
}

/* What is not written at once waits: to block here would be to stop reading from a program that wants to be read. */
static int on_data(ssh_session session, ssh_channel channel, void *data, uint32_t size, int is_stderr, void *app)
{
    struct join *join = app;

    (void)session;
    (void)channel;
    (void)is_stderr;
    if (join->in < 0)
        return (int)size;
    join->queue = realloc(join->queue, join->queued + size);
    if (!join->queue)
        fail("memory", "none");
    if (join->queued == 0)
        ssh_event_add_fd(peer.event, join->in, POLLOUT, on_ready, join);
    memcpy(join->queue + join->queued, data, size);
    join->queued += size;
    return (int)size;
}

static void on_eof(ssh_session session, ssh_channel channel, void *app)
{
    struct join *join = app;

    (void)session;
    (void)channel;
    join->input_ended = 1;
    if (join->in >= 0 && join->queued == 0)
        close_input(join);
}

static int on_pty(ssh_session session, ssh_channel channel, const char *term, int width, int height, int pixel_width,
                  int pixel_height, void *app)
{
    struct join *join = app;

    (void)session;
    (void)channel;
    (void)term;
    (void)pixel_width;
    (void)pixel_height;
    join->terminal = 1;
    join->rows = height;
    join->columns = width;
    return 0;
}

static int on_env(ssh_session session, ssh_channel channel, const char *name, const char *value, void *app)
{
    (void)session;
    (void)channel;
    (void)name;
    (void)value;
    (void)app;
    return 0;
}

static void become(const struct join *join, const char *command, int pipes[3][2])
{
    char sized[4096];

    dup2(pipes[0][0], 0);
    dup2(pipes[1][1], 1);
    dup2(pipes[2][1], 2);
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    signal(SIGPIPE, SIG_DFL);
    if (!join->terminal)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    snprintf(sized, sizeof sized, "stty rows %d cols %d; %s", join->rows, join->columns, command);
    execlp("script", "script", "-qec", sized, "/dev/null", (char *)NULL);
    _exit(127);
}

static int on_exec(ssh_session session, ssh_channel channel, const char *command, void *app)
{
    struct join *join = app;
    int pipes[3][2];

    (void)session;
    (void)channel;
    if (join->pid || pipe(pipes[0]) || pipe(pipes[1]) || pipe(pipes[2]))
        return 1;
    join->pid = fork();
    if (join->pid == 0)
        become(join, command, pipes);
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    join->in = pipes[0][1];
    fcntl(join->in, F_SETFL, O_NONBLOCK);
    join->out = pipes[1][0];
    join->err = pipes[2][0];
    watch(join->out, join);
    watch(join->err, join);
    return 0;
}

static struct join *join_new(ssh_channel channel)
{
    struct join *join = calloc(1, sizeof *join);

    if (!join || !channel)
        fail("channel", "none");
    join->channel = channel;
    join->in = join->out = join->err = -1;
    join->next = peer.joins;
    peer.joins = join;
    join->callbacks.userdata = join;
    join->callbacks.channel_data_function = on_data;
    join->callbacks.channel_eof_function = on_eof;
    join->callbacks.channel_write_wontblock_function = on_room;
    join->callbacks.channel_pty_request_function = on_pty;
    join->callbacks.channel_env_request_function = on_env;
    join->callbacks.channel_exec_request_function = on_exec;
    ssh_callbacks_init(&join->callbacks);
    ssh_set_channel_callbacks(channel, &join->callbacks);
    return join;
}

static ssh_channel on_session(ssh_session session, void *app)
{
    (void)app;
    if (!peer.authenticated)
        return NULL;
    return join_new(ssh_channel_new(session))->channel;
}

static void join_socket(struct join *join, int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    join->in = dup(fd);
    join->out = fd;
    watch(fd, join);
}

/* ---- Forwarding ---- */

static int on_origin(socket_t listener, int events, void *app)
{
    (void)listener;
    (void)events;
    (void)app;
    peer.knocked = 1;
    return 0;
}

static void let_in(int listener)
{
    struct sockaddr_in origin;
    socklen_t size = sizeof origin;
    int fd = accept(listener, (struct sockaddr *)&origin, &size);

    if (fd < 0)
        return;
    ssh_channel channel = ssh_channel_new(peer.session);
    struct join *join = join_new(channel);
    if (ssh_channel_open_reverse_forward(channel, peer.bound_address, peer.bound_port, inet_ntoa(origin.sin_addr),
                                         ntohs(origin.sin_port)) == SSH_OK)
        join_socket(join, fd);
    else
        close(fd);
}

static int listen_on(int port, int *bound)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)&address, &size)) {
        close(fd);
        return -1;
    }
    *bound = ntohs(address.sin_port);
    return fd;
}

static void forward_there(ssh_message message)
{
    if (peer.options.forward && peer.listener < 0) {
        snprintf(peer.bound_address, sizeof peer.bound_address, "%s", ssh_message_global_request_address(message));
        peer.listener = listen_on(ssh_message_global_request_port(message), &peer.bound_port);
    }
    if (peer.listener < 0) {
        ssh_message_reply_default(message);
        return;
    }
    ssh_message_global_request_reply_success(message, (uint16_t)peer.bound_port);
    ssh_event_add_fd(peer.event, peer.listener, POLLIN, on_origin, NULL);
}

static void open_direct(ssh_message message)
{
    int fd = -1;

    if (peer.options.forward)
        fd = connect_to(ssh_message_channel_request_open_destination(message),
                        ssh_message_channel_request_open_destination_port(message));
    if (fd < 0) {
        ssh_message_reply_default(message);
        return;
    }
    join_socket(join_new(ssh_message_channel_request_open_reply_accept(message)), fd);
}

/* ---- Authentication ---- */

static int line_in(const char *path, int (*same)(const char *line, void *what), void *what)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    int found = 0;

    if (!file)
        fail("cannot read", path);
    while (!found && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = same(line, what);
    }
    free(line);
    fclose(file);
    return found;
}

static int same_key(const char *line, void *what)
{
    char type[64], text[4096];
    ssh_key key = NULL;

    if (sscanf(line, "%63s %4095s", type, text) != 2 ||
        ssh_pki_import_pubkey_base64(text, ssh_key_type_from_name(type), &key) != SSH_OK)
        return 0;
    int same = ssh_key_cmp(key, what, SSH_KEY_CMP_PUBLIC) == 0;
    ssh_key_free(key);
    return same;
}

static int same_text(const char *line, void *what)
{
    return strcmp(line, what) == 0;
}

static int on_key(ssh_session session, const char *user, struct ssh_key_struct *key, char state, void *app)
{
    (void)session;
    (void)user;
    (void)app;
    if (!peer.options.authorized || !line_in(peer.options.authorized, same_key, key))
        return SSH_AUTH_DENIED;
    peer.authenticated = state == SSH_PUBLICKEY_STATE_VALID;
    return SSH_AUTH_SUCCESS;
}

static int on_password(ssh_session session, const char *user, const char *password, void *app)
{
    char line[1024];

    (void)session;
    (void)app;
    snprintf(line, sizeof line, "%s:%s", user, password);
    peer.authenticated = peer.options.passwords && line_in(peer.options.passwords, same_text, line);
    return peer.authenticated ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
}

/* keyboard-interactive has messages alone: a request is answered by a prompt, its answer by yes or no. */
static void on_interactive(ssh_message message)
{
    static const char *prompts[] = {"Password: "};
    char echo[] = {0};

    if (!ssh_message_auth_kbdint_is_response(message)) {
        /* The answer does not say whose it is. */
        snprintf(peer.asked, sizeof peer.asked, "%s", ssh_message_auth_user(message));
        ssh_message_auth_interactive_request(message, "", "", 1, prompts, echo);
        return;
    }
    const char *password = ssh_userauth_kbdint_getanswer(peer.session, 0);
    if (password && on_password(peer.session, peer.asked, password, NULL) == SSH_AUTH_SUCCESS)
        ssh_message_auth_reply_success(message, 0);
    else
        ssh_message_reply_default(message);
}

/* What has no callback of its own. 1: not ours, the library answers. */
static int on_message(ssh_session session, ssh_message message, void *app)
{
    int type = ssh_message_type(message), subtype = ssh_message_subtype(message);

    (void)session;
    (void)app;
    if (peer.authenticated && type == SSH_REQUEST_CHANNEL_OPEN && subtype == SSH_CHANNEL_DIRECT_TCPIP) {
        open_direct(message);
        return 0;
    }
    if (peer.authenticated && type == SSH_REQUEST_GLOBAL && subtype == SSH_GLOBAL_REQUEST_TCPIP_FORWARD) {
        forward_there(message);
        return 0;
    }
    if (type == SSH_REQUEST_AUTH && subtype == SSH_AUTH_METHOD_INTERACTIVE && peer.options.methods) {
        on_interactive(message);
        return 0;
    }
    return 1;
}

/* ---- The server ---- */

static void serve_one(ssh_session session)
{
    const struct options *options = &peer.options;

    peer.session = session;
    peer.event = ssh_event_new();
    peer.callbacks.auth_pubkey_function = on_key;
    peer.callbacks.auth_password_function = on_password;
    peer.callbacks.channel_open_request_session_function = on_session;
    ssh_callbacks_init(&peer.callbacks);
    ssh_set_server_callbacks(session, &peer.callbacks);
    ssh_set_message_callback(session, on_message, NULL);
    ssh_set_auth_methods(session, options->methods ? SSH_AUTH_METHOD_INTERACTIVE
                                                   : (options->authorized ? SSH_AUTH_METHOD_PUBLICKEY : 0) |
                                                         (options->passwords ? SSH_AUTH_METHOD_PASSWORD : 0));
    if (options->rekey) {
        uint64_t bytes = options->rekey;
        ssh_options_set(session, SSH_OPTIONS_REKEY_DATA, &bytes);
    }
    if (ssh_handle_key_exchange(session) != SSH_OK)
        fail("handshake", ssh_get_error(session));
    ssh_event_add_session(peer.event, session);
    while (ssh_is_connected(session) && ssh_event_dopoll(peer.event, 1000) != SSH_ERROR) {
        serve_joins();
        if (peer.knocked)
            let_in(peer.listener);
        peer.knocked = 0;
    }
    ssh_disconnect(session);
}

static void set(ssh_bind bind, enum ssh_bind_options_e option, const void *value)
{
    if (value && ssh_bind_options_set(bind, option, value) < 0)
        fail("option", ssh_get_error(bind));
}

static ssh_bind make_bind(const struct options *options)
{
    ssh_bind bind = ssh_bind_new();
    int no = 0;

    set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
    for (unsigned i = 0; i < options->host_key_count; i++) {
        ssh_key key = NULL;
        if (ssh_pki_import_privkey_file(options->host_keys[i], NULL, NULL, NULL, &key) != SSH_OK)
            fail("cannot read the key", options->host_keys[i]);
        set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key);
    }
    set(bind, SSH_BIND_OPTIONS_KEY_EXCHANGE, options->kex);
    set(bind, SSH_BIND_OPTIONS_CIPHERS_C_S, options->ciphers);
    set(bind, SSH_BIND_OPTIONS_CIPHERS_S_C, options->ciphers);
    set(bind, SSH_BIND_OPTIONS_HMAC_C_S, options->macs);
    set(bind, SSH_BIND_OPTIONS_HMAC_S_C, options->macs);
    set(bind, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, options->host_algorithms);
    set(bind, SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, options->user_algorithms);
    return bind;
}

int main(int argc, char **argv)
{
    int port;

    options_parse(&peer.options, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    ssh_init();
    int listener = listen_on(peer.options.port, &port);
    if (listener < 0)
        fail("listen", strerror(errno));
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        if (fork() == 0) {
            ssh_session session = ssh_new();
            close(listener);
            if (ssh_bind_accept_fd(make_bind(&peer.options), session, fd) != SSH_OK)
                fail("accept", ssh_get_error(session));
            serve_one(session);
            _exit(0);
        }
        close(fd);
    }
}
