/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to an SSH server: who may come in, what programs they start, what they have forwarded.
 */
#ifndef COMMON_SSH_GUEST_H
#define COMMON_SSH_GUEST_H

#include <sys/types.h>

#include <sessile/ssh.h>

#include "common/child.h"
#include "common/forward.h"
#include "common/pump.h"
#include "common/ssh_options.h"
#include "common/wire.h"

#define SUBSYSTEMS_MOST 16

struct ssh_guest;

struct ssh_server {
    struct loop *loop;
    struct ssh_options options;
    sessile_ssh_config *config;
    sessile_callbacks *callbacks;
    sessile_authorized_keys *authorized_keys; /* NULL: none */
    sessile_authorized_keys *authorities;     /* NULL: none */
    sessile_known_hosts *hosts;               /* whose users are trusted; NULL: none */
    char *passwords;                          /* lines "user:password"; NULL: none */
    const char *subsystems[SUBSYSTEMS_MOST];  /* "NAME=COMMAND" */
    size_t subsystem_count;
    struct sessile_files *files; /* served as the subsystem sftp; NULL: none */
    int allow_forward;
    int gateway_ports;     /* forwarded ports listen where the client says, else on the loopback */
    struct watch children; /* SIGCHLD */
    struct ssh_guest *guests;
    struct shell *shells; /* of all guests: children outlive them */
    void (*on_done)(struct ssh_server *server);
};

struct ssh_guest {
    struct ssh_server *server;
    struct wire *wire;        /* NULL once it is gone */
    sessile_session *session; /* NULL once it is over */
    char address[NET_HOST_SIZE];
    int port;
    sessile_grant *grant; /* what the key that was let in may do; NULL: everything */
    struct listener *listeners;
    char *agent_directory; /* of the socket to the client's agent */
    struct timer timer;    /* to authenticate in */
    unsigned over : 1;
    struct ssh_guest *next;
};

/* A session channel and its program. */
struct shell {
    struct ssh_server *server;
    struct ssh_guest *guest; /* NULL once that is gone */
    struct pump *pump;       /* NULL once that is gone */
    sessile_stream *stream;  /* NULL once it is closed */
    struct environment environment;
    struct terminal_request *terminal; /* NULL: none */
    pid_t pid;                         /* 0: not running */
    struct timer timer;
    int status; /* of waitpid() */
    unsigned agent : 1;
    unsigned untold : 1; /* how it ended */
    struct shell *next;
};

/* Fill in loop, options, config and what may be done; then this. */
void ssh_server_start(struct ssh_server *server);
void ssh_server_take(struct ssh_server *server, int fd);
/* End all sessions gracefully; children are hung up. */
void ssh_server_end(struct ssh_server *server);
void ssh_server_free(struct ssh_server *server);
/* Nobody may be waited for any more. */
int ssh_server_is_empty(const struct ssh_server *server);

/* ssh_login.c: a user's step of authentication. */
void login_question(struct ssh_guest *guest, sessile_question *question);
/* shell.c */
struct shell *shell_new(struct ssh_guest *guest, sessile_stream *stream);
void shell_opened(struct shell *shell);
void shell_question(struct shell *shell, sessile_question *question);
void shell_reap(struct ssh_server *server);
void shell_free_all(struct ssh_server *server);
struct shell *shell_find(struct ssh_server *server, sessile_stream *stream);
/* ssh_files.c: whether this asks for the files that are served here. */
int files_wanted(const struct shell *shell, sessile_question *question);
/* Serve them, in place of a program. The shell goes. */
void files_start(const struct shell *shell, sessile_stream *stream);
/* ssh_visit.c: channels and forwards that the client asks for. */
void visit_channel(struct ssh_guest *guest, sessile_question *question);
void visit_forward(struct ssh_guest *guest, sessile_question *question);
/* Listen for the client's agent; the environment is told where. 0 or -1. */
int visit_agent(struct ssh_guest *guest, struct environment *environment);
void visit_end(struct ssh_guest *guest);

/* Whether the grant lets the guest. */
int guest_may(const struct ssh_guest *guest, int what);

#endif
