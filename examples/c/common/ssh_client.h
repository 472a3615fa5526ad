/* SPDX-License-Identifier: Apache-2.0
 *
 * The client side of the SSH examples: the way to a host, over others if need be; authentication; then a program, or
 * forwarding, or both.
 */
#ifndef COMMON_SSH_CLIENT_H
#define COMMON_SSH_CLIENT_H

#include <termios.h>

#include <sessile/agent.h>
#include <sessile/ssh.h>

#include "common/forward.h"
#include "common/prompt.h"
#include "common/pump.h"
#include "common/ssh_options.h"
#include "common/wire.h"

#define STATUS_FAILED 255
#define KEYS_MOST 32
#define FORWARDS_MOST 32
#define HOPS_MOST 8
#define REQUESTS_MOST 32

struct ssh_client;

/* One session on the way: the last is the one that matters. */
struct hop {
    struct ssh_client *client;
    char *user;
    char *host;
    int port;
    sessile_session *session; /* NULL: not yet, or over */
    unsigned passwords;       /* given from the file */
    unsigned ready : 1;
};

/* -L, -R or -D: what is listened on, and whom a connection goes to. */
struct forward {
    struct ssh_client *client;
    struct address bound;
    struct target target;
    struct listener *listener;
};

enum check { CHECK_ASK, CHECK_YES, CHECK_NO };

/* What has been asked of a session channel and not been answered. */
enum request { REQUEST_AGENT, REQUEST_TERMINAL, REQUEST_ENVIRONMENT, REQUEST_PROGRAM };

struct ssh_client {
    struct loop *loop;
    struct ssh_options options;
    sessile_ssh_config *config;
    sessile_callbacks *callbacks;

    /* what is wanted */
    struct hop hops[HOPS_MOST];
    size_t hop_count;
    const char *keys[KEYS_MOST];
    size_t key_count;
    const char *machine_key_path; /* for hostbased; NULL: none */
    const char *local_user;
    const char *known_hosts_path;
    enum check check;
    char *password; /* from a file; NULL: none */
    int use_agent;
    int forward_agent;
    int terminal; /* 1: wanted, -1: not wanted, 0: where it makes sense */
    int no_program;
    int no_stdin;
    char *command;
    const char *subsystem;
    void (*start)(struct ssh_client *client, sessile_session *session); /* in place of a program; NULL: none */
    void *owner;                                                        /* of start */
    struct target stdio;                                                /* -W */
    struct forward locals[FORWARDS_MOST];
    size_t local_count;
    struct forward remotes[FORWARDS_MOST];
    size_t remote_count;

    /* what there is */
    struct wire *wire;        /* of the first hop; NULL: gone */
    sessile_session *agent;   /* NULL: none */
    sessile_key *machine_key; /* NULL: none */
    int agent_listed;
    int agent_bound;
    struct prompt prompt;
    int nobody;                 /* answers prompts */
    sessile_question *question; /* kept; the one that the person is being asked */
    size_t prompts_answered;
    char *new_password;     /* NULL: none was typed */
    char *home_known_hosts; /* known_hosts_path, where none was given */
    size_t remotes_answered;
    struct pump *main; /* NULL: not yet, or gone */
    enum request requests[REQUESTS_MOST];
    size_t requests_sent;
    size_t requests_answered;
    struct watch resized;
    struct termios modes; /* of the terminal, before */
    int raw;
    int exit_status; /* of what is on the main pump */
    int ending;
    int status;
};

/* Fill in what is wanted; then this, to the end. Returns the exit status. */
int ssh_client_run(struct ssh_client *client);

/* ssh_client.c */
struct hop *client_last(struct ssh_client *client);
/* End all sessions, the last first. */
void client_end(struct ssh_client *client, int status);

/* ssh_person.c: what is decided by the person, the files or the agent. */
void person_load(struct ssh_client *client);
int person_question(struct hop *hop, sessile_question *question);
void person_withdrawn(struct ssh_client *client, sessile_question *question);

/* ssh_agent.c: the agent that SSH_AUTH_SOCK names. */
void agent_open(struct ssh_client *client);
void agent_close(struct ssh_client *client);
void agent_sign(struct hop *hop, sessile_question *question);
/* Answer a question about a channel of the peer's to it. */
void agent_channel(struct ssh_client *client, sessile_question *question);

/* ssh_program.c: the session channel, or what -W asks for. */
void program_start(struct ssh_client *client);
void program_restore_terminal(struct ssh_client *client);

/* ssh_tunnels.c: -L, -R and -D. */
/* Read "[bind:]port:host:port" and the like; dies where it is none. */
void tunnels_parse(struct forward *forward, const char *option, const char *text);
/* "[bind:]port" */
void tunnels_parse_socks(struct forward *forward, const char *text);
/* "host:port" */
void tunnels_parse_stdio(struct target *target, const char *text);
/* Listen, and ask the server to. 0, or -1 after a message. */
int tunnels_start(struct ssh_client *client);
void tunnels_notice(struct ssh_client *client, int kind, const char *text);
void tunnels_question(struct ssh_client *client, sessile_question *question);
void tunnels_end(struct ssh_client *client);

#endif
