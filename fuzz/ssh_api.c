/* SPDX-License-Identifier: Apache-2.0
 *
 * The API in any order, with a live pair of SSH sessions. Input: the client's config, the server's, options; then a
 * program of two-byte operations (what and on whom, an argument), some of which wait for a callback and run inside it.
 * What must hold is in ssh_watch.c and ssh_app.c.
 */
#include <stdio.h>
#include <string.h>

#include "ssh_app.h"

#define OPTION_EAGER 1u
#define OPTION_NO_RESUME 2u /* on the client; twice this, on the server */
#define OPTION_BARE 8u      /* the program starts the sessions itself */
#define ROUNDS_MOST 20000

static void carry(struct ssh_app *app, const void *data, size_t size)
{
    struct ssh_app *other = app->other;

    if (other->comm.session && !other->comm.wire_closed && !other->comm.wire_gone && !other->comm.wire_ended)
        bytes_append(&other->comm.wire, data, size);
}

static void perform(struct ssh_app *app, struct step step)
{
    ssh_app_act(step.op & 0x40 ? app->other : app, step.op & 0x3f, step.arg);
}

/* The next step is added to those that wait for a moment, or takes their place. */
static void program_react(struct ssh_app *app, uint8_t arg, struct step step)
{
    struct reaction *reaction = &app->reactions[(arg & 15) % MOMENTS];

    if (!(arg & 0x10))
        reaction->count = 0;
    reaction->lasting = arg >> 5 & 1;
    if (reaction->count < REACTION_STEPS)
        reaction->steps[reaction->count++] = step;
}

static void program_step(struct ssh_app apps[2], struct input *input)
{
    struct step step = {input_u8(input), 0};
    struct ssh_app *app = &apps[step.op >> 7];
    struct step later;

    step.arg = input_u8(input);
    if ((step.op & 0x3f) % SSH_ACTS == ACT_REACT) {
        later.op = input_u8(input);
        later.arg = input_u8(input);
        program_react(app, step.arg, later);
        return;
    }
    perform(app, step);
    ssh_app_check(&apps[0]);
    ssh_app_check(&apps[1]);
}

static void open_apps(struct ssh_app apps[2], struct ssh_watch *watch, unsigned client, unsigned server,
                      unsigned options)
{
    for (int i = 0; i < 2; i++) {
        apps[i] = (struct ssh_app){.role = i, .watch = watch, .other = &apps[!i], .carry = carry};
        apps[i].config = i == SESSILE_CLIENT ? client : server;
        ssh_app_open(&apps[i]);
        if (options & OPTION_NO_RESUME << i) {
            apps[i].comm.has_resume = 0;
            expect(sessile_session_set_resume(apps[i].comm.session, NULL) == 0);
        }
    }
    if (options & OPTION_BARE)
        return;
    ssh_app_start(&apps[0]);
    ssh_app_start(&apps[1]);
}

/* Whether these two get along, where every question is accepted. */
static int agree(unsigned client, unsigned server)
{
    /* A server that wants two methods gets them only from a client that has the right keys and answers. */
    return !((client ^ server) & SSH_SETUP_SUITE) && !(server & (SSH_SETUP_METHODS | SSH_SETUP_KEYS)) &&
           !(client & SSH_SETUP_KEYS);
}

static int wire_goes(struct ssh_app *app)
{
    if (!app->comm.session || app->closed || app->comm.wire_gone || app->comm.wire_closed)
        return 0;
    if (!app->other->comm.wire_closed && !app->other->detached && app->other->comm.session)
        return 0;
    if (app->comm.arrived == app->comm.wire.size) /* else there is more to be offered before */
        comm_wire_gone(&app->comm);
    return 1;
}

static void run_down(struct ssh_app apps[2])
{
    unsigned rounds = 0;
    int did;

    do {
        expect(rounds++ < ROUNDS_MOST);
        did = ssh_app_advance(&apps[0]);
        did |= ssh_app_advance(&apps[1]);
        if (!did)
            did = wire_goes(&apps[0]) || wire_goes(&apps[1]);
    } while (did);
}

static void tell(const struct ssh_app *app)
{
    if (app->comm.session && sessile_session_error(app->comm.session))
        fprintf(stderr, "role %d failed: %s\n", app->role, sessile_session_error_text(app->comm.session));
}

/* Whether a session that nothing was done to is as it should be. */
static int is_well(const struct ssh_app *app, int well)
{
    if (!app->watch->benign || !app->comm.session || well)
        return 1;
    tell(app);
    tell(app->other);
    return 0;
}

static void judge_end(const struct ssh_app *app)
{
    expect(is_well(app, app->closed && app->comm.session && !sessile_session_error(app->comm.session)));
}

static void finish(struct ssh_app apps[2])
{
    struct ssh_watch *watch = apps[0].watch;

    watch->quiet = 1;
    fuzz_memory_fail(0, 0);
    for (int i = 0; i < 2; i++)
        apps[i].how = 0;
    run_down(apps);
    for (int i = 0; i < 2; i++) {
        ssh_app_judge_rest(&apps[i]);
        expect(is_well(&apps[i], apps[i].ready));
    }
    expect(!watch->benign || !watch->whole || watch->arrived == watch->written);
    for (unsigned i = 0; i < 2 * FLOWS; i++)
        if (apps[i & 1].flows[i >> 1].stream && apps[i & 1].comm.session)
            sessile_stream_end(apps[i & 1].flows[i >> 1].stream);
    run_down(apps);
    if (apps[0].comm.session)
        sessile_session_end(apps[0].comm.session);
    run_down(apps);
    judge_end(&apps[0]);
    judge_end(&apps[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size < 2048 ? size : 2048};
    struct ssh_watch watch = {.perform = perform};
    struct ssh_app apps[2];
    unsigned client, server, options;
    size_t blocks;

    ssh_fuzz_begin();
    client = input_u8(&input);
    server = input_u8(&input);
    options = input_u8(&input);
    if (!(options & 0x80)) /* for most: both with the same protection */
        server = (server & ~SSH_SETUP_SUITE) | (client & SSH_SETUP_SUITE);
    ssh_setup(SESSILE_CLIENT, client);
    ssh_setup(SESSILE_SERVER, server);
    blocks = fuzz_memory_blocks();
    ssh_watch_open(&watch);
    watch.eager = options & OPTION_EAGER;
    watch.benign = agree(client, server);
    open_apps(apps, &watch, client, server, options);
    while (input.size && watch.budget)
        program_step(apps, &input);
    finish(apps);
    ssh_app_close(&apps[0]);
    ssh_app_close(&apps[1]);
    ssh_watch_close(&watch);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
