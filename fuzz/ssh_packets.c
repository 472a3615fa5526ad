/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages behind the first key exchange: authentication, channels, new keys, to a client or a server. Input: role and
 * config, how far to go before, how questions are answered; then steps. A step is a message, put together from a
 * template whose fields the input fills, or any bytes, which the ally (ssh_ally.c) seals; or something that the
 * application does. What must hold is in ssh_watch.c and ssh_app.c.
 */
#include <string.h>

#include "codec/writer.h"
#include "ssh/ssh.h"

#include "ssh_ally.h"

/* Options. */
#define OPTION_EAGER 0x01u
#define OPTION_PIECES 0x02u /* bytes arrive when the application's steps say so */
#define OPTION_AUTH 0x04u   /* begin while the user is being authenticated */
#define OPTION_ALONE 0x08u  /* the ally takes no part in key exchanges */
#define OPTION_SERVER 0x10u
#define STEP_RAW 0x7f
#define STEP_REKEY 0x7e
#define STEP_EXCHANGE 0x7d
#define STEP_ACT 0x80 /* and above: the application's */

/* Fields: c a channel's number, u a number, b a byte, s bytes, t a text that means something, d generated data, k a
 * key's blob, g a signature by that key over the session id and what came before (RFC 4252, section 7); a text in
 * quotes stands for itself. */
struct template
{
    uint8_t number;
    const char *fields;
};

static const struct template templates[] = {
    {MSG_DISCONNECT, "uts"},
    {MSG_IGNORE, "d"},
    {MSG_UNIMPLEMENTED, "u"},
    {MSG_DEBUG, "btt"},
    {MSG_SERVICE_REQUEST, "t"},
    {MSG_SERVICE_ACCEPT, "'ssh-userauth'"},
    {MSG_EXT_INFO, "utt"},
    {MSG_EXT_INFO, "u'server-sig-algs't't't"},
    {MSG_NEWKEYS, ""},
    {MSG_KEX_INIT, "s"},
    {MSG_KEX_REPLY, "kss"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''none'"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''password'bt"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''password'btt"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''publickey'btk"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''publickey'btkg"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''publickey-hostbound-v00@openssh.com'btkkg"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''keyboard-interactive'tt"},
    {MSG_USERAUTH_REQUEST, "'alice''ssh-connection''hostbased'tkttg"},
    {MSG_USERAUTH_REQUEST, "tttbs"},
    {MSG_USERAUTH_FAILURE, "tb"},
    {MSG_USERAUTH_SUCCESS, ""},
    {MSG_USERAUTH_BANNER, "st"},
    {MSG_USERAUTH_60, "tk"},
    {MSG_USERAUTH_60, "tt"},
    {MSG_USERAUTH_60, "tttu"},
    {MSG_USERAUTH_60, "tttutbtb"},
    {MSG_USERAUTH_INFO_RESPONSE, "utt"},
    {MSG_GLOBAL_REQUEST, "tb"},
    {MSG_GLOBAL_REQUEST, "'tcpip-forward'btu"},
    {MSG_GLOBAL_REQUEST, "'cancel-tcpip-forward'btu"},
    {MSG_GLOBAL_REQUEST, "'streamlocal-forward@openssh.com'bt"},
    {MSG_GLOBAL_REQUEST, "'cancel-streamlocal-forward@openssh.com'bt"},
    {MSG_GLOBAL_REQUEST, "'hostkeys-00@openssh.com'bkk"},
    {MSG_GLOBAL_REQUEST, "'hostkeys-prove-00@openssh.com'bkk"},
    {MSG_GLOBAL_REQUEST, "'no-more-sessions@openssh.com'b"},
    {MSG_REQUEST_SUCCESS, ""},
    {MSG_REQUEST_SUCCESS, "u"},
    {MSG_REQUEST_SUCCESS, "ss"},
    {MSG_REQUEST_FAILURE, ""},
    {MSG_CHANNEL_OPEN, "'session'cuu"},
    {MSG_CHANNEL_OPEN, "'direct-tcpip'cuututu"},
    {MSG_CHANNEL_OPEN, "'direct-streamlocal@openssh.com'cuutsu"},
    {MSG_CHANNEL_OPEN, "'forwarded-tcpip'cuututu"},
    {MSG_CHANNEL_OPEN, "'forwarded-streamlocal@openssh.com'cuuts"},
    {MSG_CHANNEL_OPEN, "'x11'cuutu"},
    {MSG_CHANNEL_OPEN, "'auth-agent@openssh.com'cuu"},
    {MSG_CHANNEL_OPEN, "tcuus"},
    {MSG_CHANNEL_OPEN_CONFIRMATION, "ccuu"},
    {MSG_CHANNEL_OPEN_FAILURE, "cust"},
    {MSG_CHANNEL_WINDOW_ADJUST, "cu"},
    {MSG_CHANNEL_DATA, "cd"},
    {MSG_CHANNEL_EXTENDED_DATA, "cud"},
    {MSG_CHANNEL_EOF, "c"},
    {MSG_CHANNEL_CLOSE, "c"},
    {MSG_CHANNEL_REQUEST, "ctb"},
    {MSG_CHANNEL_REQUEST, "c'pty-req'btuuuus"},
    {MSG_CHANNEL_REQUEST, "c'env'btt"},
    {MSG_CHANNEL_REQUEST, "c'shell'b"},
    {MSG_CHANNEL_REQUEST, "c'exec'bs"},
    {MSG_CHANNEL_REQUEST, "c'subsystem'bt"},
    {MSG_CHANNEL_REQUEST, "c'x11-req'bbttu"},
    {MSG_CHANNEL_REQUEST, "c'auth-agent-req@openssh.com'b"},
    {MSG_CHANNEL_REQUEST, "c'window-change'buuuu"},
    {MSG_CHANNEL_REQUEST, "c'signal'bt"},
    {MSG_CHANNEL_REQUEST, "c'break'bu"},
    {MSG_CHANNEL_REQUEST, "c'xon-xoff'bb"},
    {MSG_CHANNEL_REQUEST, "c'exit-status'bu"},
    {MSG_CHANNEL_REQUEST, "c'exit-signal'btbss"},
    {MSG_CHANNEL_REQUEST, "c'eow@openssh.com'b"},
    {MSG_CHANNEL_SUCCESS, "c"},
    {MSG_CHANNEL_FAILURE, "c"},
    {MSG_PING, "d"},
    {MSG_PONG, "d"},
};
#define TEMPLATES (sizeof templates / sizeof templates[0])

static const char *const texts[] = {
    "",
    "alice",
    "ssh-connection",
    "ssh-userauth",
    "none",
    "password",
    "publickey",
    "keyboard-interactive",
    "hostbased",
    "password,keyboard-interactive",
    "publickey,hostbased",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ssh-ed25519-cert-v01@openssh.com",
    "rsa-sha2-512",
    "ssh-ed25519,rsa-sha2-256",
    "ping@openssh.com",
    "publickey-hostbound@openssh.com",
    "no-flow-control",
    "0",
    "p",
    "localhost",
    "127.0.0.1",
    "/run/socket",
    "TERM",
    "xterm",
    "sftp",
    "keepalive@openssh.com",
    "cancel-streamlocal-forward@openssh.com",
    "MIT-MAGIC-COOKIE-1",
    "00112233445566778899aabbccddeeff",
    "client.test",
};
#define TEXTS (sizeof texts / sizeof texts[0])

struct run {
    struct input input;
    struct ssh_ally ally;
    struct ssh_app app;
    struct ssh_watch watch;
    unsigned key; /* whose blob was put last */
    unsigned options;
};

/* ---- fields ---- */

static uint32_t number(uint8_t byte)
{
    static const uint32_t most[] = {128,   255,   256,  1024,    32767,      32768,      32769,      35000,
                                    65535, 65536, 2222, 2097152, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    return byte < 128 ? byte : most[byte & 15] + (byte >> 4 & 7) * (byte >> 6 & 1);
}

static void put_channel(struct writer *w, uint8_t byte)
{
    put_u32(w, byte < 0xf0 ? byte & 7 : number(byte));
}

static void put_string(struct run *run, struct writer *w)
{
    size_t size = input_u8(&run->input), taken;
    const uint8_t *bytes;

    if (size == 255)
        size = input_u16(&run->input);
    bytes = input_bytes(&run->input, size, &taken);
    put_sized32(w, bytes, taken);
}

static void put_known(struct run *run, struct writer *w)
{
    uint8_t which = input_u8(&run->input);

    if (which < 0xf0)
        put_text32(w, texts[which % TEXTS]);
    else
        put_string(run, w);
}

static void put_data(struct writer *w, size_t size)
{
    uint8_t *room;

    put_u32(w, (uint32_t)size);
    if ((room = put_room(w, size)))
        memset(room, 'd', size);
}

static void put_key(struct run *run, struct writer *w)
{
    uint8_t which = input_u8(&run->input), blob[2048];
    int size;

    if (which >= 0xf0) {
        put_string(run, w);
        return;
    }
    run->key = which % SSH_KEYS;
    size = sessile_key_blob(ssh_fuzz_key(run->key), which >> 3 & 1, blob, sizeof blob);
    expect(size > 0);
    put_sized32(w, blob, (size_t)size);
}

static void put_signature(struct run *run, struct writer *w)
{
    const struct transport *t = &run->ally.ssh->transport;
    struct writer message = {0};
    uint8_t signature[512];
    int size;

    put_sized32(&message, t->session_id, t->session_id_size);
    put_bytes(&message, w->data, w->size);
    size = sessile_key_sign(ssh_fuzz_key(run->key), NULL, message.data, message.size, signature, sizeof signature);
    writer_free(&message);
    put_sized32(w, signature, size > 0 ? (size_t)size : 0); /* allocations may be failing */
}

/* A text in quotes: returns what is behind it. */
static const char *put_literal(struct writer *w, const char *fields)
{
    const char *end = strchr(fields, '\'');

    put_sized32(w, fields, (size_t)(end - fields));
    return end + 1;
}

static void put_field(struct run *run, struct writer *w, char field)
{
    switch (field) {
    case 'c':
        put_channel(w, input_u8(&run->input));
        break;
    case 'u':
        put_u32(w, number(input_u8(&run->input)));
        break;
    case 'b':
        put_u8(w, input_u8(&run->input));
        break;
    case 's':
        put_string(run, w);
        break;
    case 't':
        put_known(run, w);
        break;
    case 'd':
        put_data(w, ssh_amount(input_u8(&run->input)) % 50000);
        break;
    case 'k':
        put_key(run, w);
        break;
    default:
        put_signature(run, w);
    }
}

/* ---- steps ---- */

/* A last byte says whether it is cut short, or has more behind it. */
static void say(struct run *run, struct writer *w)
{
    uint8_t change = input_u8(&run->input);

    if (change >= 0xf8 && w->size > 1)
        w->size -= (change & 7u) + 1 < w->size ? (change & 7u) + 1 : w->size - 1;
    else if (change >= 0xf0)
        put_u8(w, change);
    ssh_ally_say(&run->ally, w->data, w->size);
    writer_free(w);
}

static void step_template(struct run *run, unsigned which)
{
    const char *fields = templates[which % TEMPLATES].fields;
    struct writer w = {0};

    put_u8(&w, templates[which % TEMPLATES].number);
    while (*fields) {
        char field = *fields++;

        if (field == '\'')
            fields = put_literal(&w, fields);
        else
            put_field(run, &w, field);
    }
    say(run, &w);
}

static void step_raw(struct run *run)
{
    size_t taken;
    uint8_t size = input_u8(&run->input);
    const uint8_t *bytes = input_bytes(&run->input, size, &taken);

    ssh_ally_say(&run->ally, bytes, taken);
}

static void settle(struct run *run)
{
    size_t before;

    do {
        before = run->app.comm.wire.size + run->ally.in.size;
        if (!(run->options & OPTION_PIECES)) {
            comm_arrive(&run->app.comm, run->app.comm.wire.size);
            if (run->app.comm.offered < run->app.comm.arrived || run->app.comm.resumed)
                comm_offer(&run->app.comm);
        }
        ssh_ally_take(&run->ally);
    } while (run->app.comm.wire.size + run->ally.in.size > before);
}

static void step_act(struct run *run, uint8_t op)
{
    struct step step = {op & 0x3f, input_u8(&run->input)};
    struct reaction *reaction = &run->app.reactions[(step.arg & 15) % MOMENTS];

    if (step.op % SSH_ACTS != ACT_REACT) {
        ssh_app_act(&run->app, step.op, step.arg);
        return;
    }
    reaction->count = 1;
    reaction->lasting = step.arg >> 5 & 1;
    reaction->steps[0].op = input_u8(&run->input) & 0x3f;
    reaction->steps[0].arg = input_u8(&run->input);
}

static void take_step(struct run *run)
{
    uint8_t op = input_u8(&run->input);

    if (op >= STEP_ACT)
        step_act(run, op);
    else if (op == STEP_RAW)
        step_raw(run);
    else if (op == STEP_REKEY)
        ssh_ally_rekey(&run->ally);
    else if (op == STEP_EXCHANGE)
        run->ally.exchanges = !run->ally.exchanges;
    else
        step_template(run, op);
    settle(run);
    ssh_app_check(&run->app);
}

static void perform(struct ssh_app *app, struct step step)
{
    ssh_app_act(app, step.op, step.arg);
}

/* ---- from the first keys to channels ---- */

static void say_now(struct run *run, uint8_t message, const char *const *strings)
{
    struct writer w = {0};

    put_u8(&w, message);
    for (; strings && *strings; strings++)
        put_text32(&w, *strings);
    if (message == MSG_USERAUTH_REQUEST) {
        put_u8(&w, 0);
        put_text32(&w, "secret");
    }
    ssh_ally_say(&run->ally, w.data, w.size);
    writer_free(&w);
    settle(run);
}

static void go_on(struct run *run)
{
    static const char *const service[] = {"ssh-userauth", NULL};
    static const char *const user[] = {SSH_FUZZ_USER, "ssh-connection", "password", NULL};

    if (run->app.role == SESSILE_CLIENT)
        say_now(run, MSG_SERVICE_ACCEPT, service);
    if (run->options & OPTION_AUTH)
        return;
    if (run->app.role == SESSILE_CLIENT)
        say_now(run, MSG_USERAUTH_SUCCESS, NULL);
    else
        say_now(run, MSG_USERAUTH_REQUEST, user);
}

static void begin(struct run *run, unsigned config, unsigned answers)
{
    run->watch.perform = perform;
    ssh_watch_open(&run->watch);
    run->watch.eager = run->options & OPTION_EAGER;
    run->watch.benign = 0; /* who knows what the ally will say */
    run->app.role = run->options & OPTION_SERVER ? SESSILE_SERVER : SESSILE_CLIENT;
    run->app.config = config;
    run->app.watch = &run->watch;
    ssh_app_open(&run->app);
    ssh_ally_open(&run->ally, &run->app);
    ssh_ally_meet(&run->ally);
    expect(run->ally.keyed);
    run->app.how = answers;
    go_on(run);
    run->ally.exchanges = !(run->options & OPTION_ALONE);
}

static void finish(struct run *run)
{
    unsigned rounds = 0;

    run->watch.quiet = 1;
    fuzz_memory_fail(0, 0);
    do {
        expect(rounds++ < 10000);
        ssh_ally_take(&run->ally);
    } while (ssh_app_advance(&run->app));
    ssh_app_judge_rest(&run->app);
    comm_wire_gone(&run->app.comm);
    while (ssh_app_advance(&run->app))
        expect(rounds++ < 10000);
    expect(!run->app.comm.session || run->app.closed);
    ssh_app_close(&run->app);
    ssh_ally_close(&run->ally);
    ssh_watch_close(&run->watch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = {.input = {data, size < 4096 ? size : 4096}};
    unsigned config, answers;
    size_t blocks;

    ssh_fuzz_begin();
    config = input_u8(&run.input);
    run.options = input_u8(&run.input);
    answers = input_u8(&run.input);
    for (int role = 0; role < 2; role++) {
        ssh_setup(role, config);
        ssh_setup(role, config & (SSH_SETUP_SUITE | SSH_SETUP_KEX));
    }
    blocks = fuzz_memory_blocks();
    begin(&run, config, answers);
    while (run.input.size && run.watch.budget)
        take_step(&run);
    finish(&run);
    expect(fuzz_memory_blocks() == blocks);
    return 0;
}
