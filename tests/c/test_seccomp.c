/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole session, both ends, where the kernel allows memory, locks and randomness, and kills for everything else. The
 * configs are loaded before. Shown to kill, too: where something else is called, the child dies. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#include <sessile/sessile.h>

#include "sanitized.h"
#include "tls_configs.h"
#include "tls_pair.h"

#include "ssh_story.h" /* behind tls_pair.h, some of whose names harness.h has as well */
#include "ssh_trust.h"

#define REFUSED 3

static const int allowed[] = {
    SCMP_SYS(brk),         SCMP_SYS(mmap),         SCMP_SYS(munmap),      SCMP_SYS(mremap),
    SCMP_SYS(madvise),     SCMP_SYS(mprotect),     SCMP_SYS(getrandom),   SCMP_SYS(exit),
    SCMP_SYS(exit_group),  SCMP_SYS(rt_sigreturn), SCMP_SYS(futex),
#ifdef SANITIZED
    SCMP_SYS(sigaltstack), SCMP_SYS(gettid),       SCMP_SYS(sched_yield),
#endif
};

/* Writing is allowed to the standard error alone, so that a failure can be told. libcrypto's generator of random
 * numbers asks for the process id, to notice a fork: it is refused, and lives with that. */
static int lock_up(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    struct scmp_arg_cmp standard_error = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = 2};
    int failed = !filter;

    for (size_t i = 0; !failed && i < sizeof allowed / sizeof allowed[0]; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    failed = failed || seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(getpid), 0) ||
             seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, &standard_error) ||
             seccomp_load(filter);
    seccomp_release(filter);
    return failed ? -1 : 0;
}

/* ---- in the child ---- */

static sessile_tls_config *client;
static sessile_tls_config *server;

static void say(const char *text)
{
    (void)!write(2, text, strlen(text));
}

static int check(int well, const char *what)
{
    if (well)
        return 0;
    say("not so: ");
    say(what);
    say("\n");
    return 1;
}

static int a_session(void)
{
    static uint8_t block[100000];
    struct tls_pair pair;
    int wrong = 0;

    pair_init(&pair, client, server);
    wrong += check(pair_start(&pair) == SESSILE_OK, "the sessions begin");
    pair_run(&pair);
    wrong += check(pair_ready(&pair), "both are ready");
    pair.server.echo = 1;
    end_write(&pair.client, block, sizeof block);
    pair_run(&pair);
    wrong += check(pair.client.data.size == sizeof block, "the data comes back");
    sessile_session_end(pair.client.session);
    pair_run(&pair);
    sessile_session_end(pair.server.session);
    pair_run(&pair);
    wrong += check(pair.client.closed && pair.client.error == SESSILE_OK, "the client ends cleanly");
    wrong += check(pair.server.closed && pair.server.error == SESSILE_OK, "the server ends cleanly");
    pair_free(&pair);
    return wrong;
}

static int a_failing_session(void)
{
    struct tls_pair pair;
    int wrong;

    pair_init(&pair, client, server);
    pair.host = "c.example";
    pair_start(&pair);
    pair_run(&pair);
    wrong = check(pair.client.error == SESSILE_ERR_VERIFY, "the wrong host is refused");
    wrong += check(pair.server.error == SESSILE_ERR_PEER, "the server learns of it");
    pair_free(&pair);
    return wrong;
}

static int both(void)
{
    return a_session() + a_failing_session();
}

static sessile_ssh_config *ssh_client, *ssh_server;

static int an_ssh_session(void)
{
    struct ssh_pair pair;
    const char *fault;
    int wrong;

    ssh_story_init(&pair, ssh_client, ssh_server);
    wrong = check(ssh_pair_start(&pair) == SESSILE_OK, "the sessions begin");
    ssh_pair_run(&pair);
    fault = ssh_story_fault(&pair);
    wrong += check(!fault, fault ? fault : "");
    ssh_pair_free(&pair);
    return wrong;
}

static int call_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) == -1 ? 1 : 0;
}

static int call_nanosleep(void)
{
    struct timespec moment = {0, 1};

    return nanosleep(&moment, NULL);
}

static int call_open(void)
{
    return fopen("/dev/null", "r") ? 0 : 1;
}

static int call_write(void)
{
    return write(1, "x", 1) == 1 ? 0 : 1;
}

/* ---- in the parent ---- */

static int run_locked_up(int (*what)(void))
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0)
        _exit(lock_up() < 0 ? REFUSED : what() ? 1 : 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void prepare(int version, const struct pki *pki)
{
    client = config_client();
    server = config_server_of(pki);
    MUST(sessile_tls_config_set_versions(server, version, version));
    config_show(client, configs_pki.client);
    config_trust(server, configs_pki.ca);
    MUST(sessile_tls_config_set_client_certificate(server, SESSILE_TLS_CLIENT_REQUIRE));
    MUST(sessile_tls_config_set_alpn(client, "h2"));
    MUST(sessile_tls_config_set_alpn(server, "h2"));
    MUST(sessile_tls_config_check(client));
    MUST(sessile_tls_config_check(server));
}

static void assert_lives(int (*what)(void))
{
    int status = run_locked_up(what);

    if (WIFSIGNALED(status))
        print_error("killed by signal %d\n", WTERMSIG(status));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void session_under(int version, const struct pki *pki)
{
    prepare(version, pki);
    assert_lives(both);
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
}

static void a_session_needs_memory_locks_and_randomness_only(void **state)
{
    (void)state;
    session_under(SESSILE_TLS_1_3, configs_pki.ed25519);
    session_under(SESSILE_TLS_1_3, configs_pki.rsa);
    session_under(SESSILE_TLS_1_2, configs_pki.ec);
}

/* With each way to exchange keys that there is, too. */
static void an_ssh_session_needs_no_more(void **state)
{
    static const char *const ciphers[] = {"aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
                                          "aes128-ctr hmac-sha2-512-etm@openssh.com"};
    char methods[1024];
    int size = sessile_ssh_algorithms(SESSILE_SSH_KEX, methods, sizeof methods - 1);
    size_t i = 0;

    (void)state;
    assert_in_range(size, 1, sizeof methods - 1);
    methods[size] = 0;
    for (char *method = strtok(methods, ","); method; method = strtok(NULL, ","), i++) {
        ssh_client = ssh_story_client(ciphers[i % 3]);
        ssh_server = ssh_story_server(ciphers[i % 3]);
        SSH_MUST(sessile_ssh_config_set_algorithms(ssh_client, SESSILE_SSH_KEX, method));
        SSH_MUST(sessile_ssh_config_set_algorithms(ssh_server, SESSILE_SSH_KEX, method));
        SSH_MUST(sessile_ssh_config_set_group_sizes(ssh_client, 2048, 2048, 2048));
        SSH_MUST(sessile_ssh_config_check(ssh_client));
        SSH_MUST(sessile_ssh_config_check(ssh_server));
        assert_lives(an_ssh_session);
        sessile_ssh_config_free(ssh_client);
        sessile_ssh_config_free(ssh_server);
    }
    assert_true(i > 4);
    trust_free();
}

static void anything_else_kills(void **state)
{
    static int (*const calls[])(void) = {call_socket, call_nanosleep, call_open, call_write};
    int status;

    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        status = run_locked_up(calls[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_needs_memory_locks_and_randomness_only),
        cmocka_unit_test(an_ssh_session_needs_no_more),
        cmocka_unit_test(anything_else_kills),
    };

    return cmocka_run_group_tests(tests, configs_open, configs_close);
}
