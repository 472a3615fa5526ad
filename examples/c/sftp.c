/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP client over SSH on TCP: lists, gets and puts files and directories, and goes on where one was broken off.
 */
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/sftp_tasks.h"
#include "common/ssh_client.h"
#include "common/util.h"

#define PROGRESS_SECONDS 0.5

enum { OPTION_KNOWN_HOSTS = 1, OPTION_CHECK, OPTION_PASSWORD_FILE, OPTION_AGENT, OPTION_NO_PROGRESS };

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"identity", required_argument, NULL, 'i'},
    {"user", required_argument, NULL, 'l'},
    {"known-hosts", required_argument, NULL, OPTION_KNOWN_HOSTS},
    {"host-key-check", required_argument, NULL, OPTION_CHECK},
    {"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
    {"agent", no_argument, NULL, OPTION_AGENT},
    {"no-progress", no_argument, NULL, OPTION_NO_PROGRESS},
    {"help", no_argument, NULL, 'h'},
    SSH_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: sftp [OPTIONS] [USER@]HOST ls [PATH...]\n"
    "       sftp [OPTIONS] [USER@]HOST get REMOTE LOCAL\n"
    "       sftp [OPTIONS] [USER@]HOST put LOCAL REMOTE\n"
    "Moves files to and from another machine.\n\n"
    "  -p, --port PORT          the server's port (22)\n"
    "  -l, --user USER          who to log in as (who you are)\n"
    "  -i, --identity FILE      a key to log in with\n"
    "  --password-file FILE     its first line is the password\n"
    "  --agent                  log in with the keys of the agent that SSH_AUTH_SOCK names\n"
    "  --known-hosts FILE       the host keys that are known (~/.ssh/known_hosts)\n"
    "  --host-key-check WHAT    of a host that is not known: ask; yes: never; no: any will do, insecure\n"
    "  -r                       directories as well, with all that is in them\n"
    "  -c                       go on with what is there already in part\n"
    "  -P                       keep the permissions of what is got\n"
    "  --no-progress            show nothing while files are moved\n"
    "\n" SSH_HELP "\nExit status: 0; 1 where something was not moved; 255 where the session fails.\n";

struct program {
    struct ssh_client client;
    struct sftp_tasks tasks;
    sessile_sftp *sftp;
    struct timer timer;
    double began;
    uint64_t shown;
    int progress;
    int started;
    int done;
};

/* ---- progress ---- */

static void show(struct program *program, const char *end)
{
    double seconds = seconds_now() - program->began;
    double megabytes = (double)program->tasks.bytes / 1e6;
    fprintf(stderr, "\r%lu files, %.1f MB, %.1f MB/s \033[K%s", program->tasks.files, megabytes,
            seconds > 0 ? megabytes / seconds : 0, end);
}

static void on_timer(void *owner)
{
    struct program *program = owner;
    show(program, "");
    timer_start(&program->timer, program->client.loop, PROGRESS_SECONDS, on_timer, program);
}

/* ---- the conversation ---- */

static void on_tasks_done(struct sftp_tasks *tasks)
{
    struct program *program = tasks->owner;
    program->done = 1;
    timer_stop(&program->timer, program->client.loop);
    if (program->progress) {
        show(program, "\n");
    }
    sessile_sftp_end(program->sftp);
}

static int on_ready(sessile_sftp *sftp, void *app)
{
    struct program *program = app;
    program->began = seconds_now();
    program->tasks.sftp = sftp;
    program->started = 1;
    if (program->progress) {
        timer_start(&program->timer, program->client.loop, PROGRESS_SECONDS, on_timer, program);
    }
    sftp_tasks_start(&program->tasks);
    return 0;
}

static void on_closed(sessile_sftp *sftp, int error, void *app)
{
    struct program *program = app;
    timer_stop(&program->timer, program->client.loop);
    if (error != 0) {
        warn("%s: %s", sessile_error_name(error), sessile_sftp_error_text(sftp));
    }
    client_end(&program->client, error != 0 || !program->done ? STATUS_FAILED : program->tasks.failures > 0 ? 1 : 0);
}

/* ---- its channel ---- */

static int on_request(sessile_stream *stream, int request, void *app)
{
    struct program *program = app;
    if (request == SESSILE_SSH_OPENED) {
        return sessile_ssh_request_subsystem(stream, "sftp");
    }
    if (request == SESSILE_SSH_REFUSED) {
        warn("the server has no SFTP");
        client_end(&program->client, STATUS_FAILED);
    } else if (request == SESSILE_SSH_ACCEPTED && sessile_sftp_attach(program->sftp, stream) < 0) {
        die("the channel cannot be used");
    }
    return 0;
}

static void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    struct program *program = app;
    (void)stream, (void)error;
    warn("the server opens no channel");
    client_end(&program->client, STATUS_FAILED);
}

static void start(struct ssh_client *client, sessile_session *session)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    if (callbacks == NULL) {
        die("no memory for callbacks");
    }
    sessile_callbacks_set_request(callbacks, on_request);
    sessile_callbacks_set_stream_closed(callbacks, on_stream_closed);
    if (sessile_ssh_open_session(session, callbacks, client->owner) == NULL) {
        die("no channel can be opened");
    }
    sessile_callbacks_free(callbacks);
}

/* ---- options ---- */

static void take_option(struct program *program, int option, const char *value, int *port, const char **user)
{
    struct ssh_client *client = &program->client;
    size_t size;
    switch (option) {
    case 'p':
        *port = (int)number_parse("-p", value, 1, 65535);
        break;
    case 'l':
        *user = value;
        break;
    case 'i':
        client->keys[client->key_count < KEYS_MOST - 1 ? client->key_count++ : client->key_count] = value;
        break;
    case 'r':
        program->tasks.recursive = 1;
        break;
    case 'c':
        program->tasks.resume = 1;
        break;
    case 'P':
        program->tasks.preserve = 1;
        break;
    case OPTION_NO_PROGRESS:
        program->progress = 0;
        break;
    case OPTION_KNOWN_HOSTS:
        client->known_hosts_path = value;
        break;
    case OPTION_CHECK:
        client->check = strcmp(value, "no") == 0 ? CHECK_NO : strcmp(value, "yes") == 0 ? CHECK_YES : CHECK_ASK;
        break;
    case OPTION_PASSWORD_FILE:
        client->password = (char *)file_load(value, &size);
        client->password[strcspn(client->password, "\r\n")] = 0;
        break;
    case OPTION_AGENT:
        client->use_agent = 1;
        break;
    case 'h':
        fputs(help, stdout);
        exit(STATUS_OK);
    default:
        if (!ssh_option(&client->options, option, value)) {
            die("try --help");
        }
    }
}

static void parse_host(struct ssh_client *client, const char *text, const char *user, int port)
{
    const struct passwd *me = getpwuid(getuid());
    const char *at = strrchr(text, '@');
    struct hop *hop = &client->hops[client->hop_count++];
    client->local_user = me != NULL ? me->pw_name : "root";
    hop->client = client;
    hop->port = port;
    hop->host = need_string(at == NULL ? text : at + 1);
    hop->user = at == NULL ? need_string(user != NULL ? user : client->local_user) : strndup(text, (size_t)(at - text));
}

static void parse_command(struct program *program, int count, char **words)
{
    if (count >= 1 && strcmp(words[0], "ls") == 0) {
        for (int i = 1; i < count; i++) {
            sftp_tasks_add(&program->tasks, TASK_LIST, words[i], NULL);
        }
        if (count == 1) {
            sftp_tasks_add(&program->tasks, TASK_LIST, ".", NULL);
        }
    } else if (count == 3 && strcmp(words[0], "get") == 0) {
        sftp_tasks_add(&program->tasks, TASK_GET, words[1], words[2]);
    } else if (count == 3 && strcmp(words[0], "put") == 0) {
        sftp_tasks_add(&program->tasks, TASK_PUT, words[2], words[1]);
    } else {
        die("ls, get or put is expected; try --help");
    }
}

static void parse(struct program *program, int argc, char **argv)
{
    int option, port = 22;
    const char *user = NULL;
    while ((option = getopt_long(argc, argv, "+p:l:i:rcPvh", long_options, NULL)) != -1) {
        take_option(program, option, optarg, &port, &user);
    }
    if (argc - optind < 2) {
        die("a host and what to do are expected; try --help");
    }
    parse_host(&program->client, argv[optind], user, port);
    parse_command(program, argc - optind - 1, argv + optind + 1);
}

static void forget(struct program *program)
{
    sftp_tasks_free(&program->tasks);
    sessile_sftp_free(program->sftp);
    free(program->client.hops[0].host);
    free(program->client.hops[0].user);
    secret_free(program->client.password);
    free(program->client.home_known_hosts);
    sessile_ssh_config_free(program->client.config);
}

int main(int argc, char **argv)
{
    static struct loop loop;
    static struct program program;
    program_name = "sftp";
    failure_status = STATUS_FAILED;
    setlocale(LC_CTYPE, "");
    program.progress = isatty(STDERR_FILENO);
    program.tasks.done = on_tasks_done;
    program.tasks.owner = &program;
    sftp_tasks_init(&program.tasks);
    parse(&program, argc, argv);
    program.client.loop = &loop;
    program.client.start = start;
    program.client.owner = &program;
    program.client.config = sessile_ssh_config_new(SESSILE_CLIENT);
    program.sftp = sessile_sftp_new(SESSILE_CLIENT, &program);
    if (program.client.config == NULL || program.sftp == NULL) {
        die("no memory");
    }
    sessile_sftp_set_ready(program.sftp, on_ready);
    sessile_sftp_set_closed(program.sftp, on_closed);
    ssh_options_apply(&program.client.options, program.client.config);
    loop_init(&loop);
    loop_stop_on_signals(&loop);
    int status = ssh_client_run(&program.client);
    forget(&program);
    pump_forget_callbacks();
    loop_free(&loop);
    return status;
}
