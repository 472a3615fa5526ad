/* SPDX-License-Identifier: Apache-2.0
 *
 * A comms layer written from the proposal's page, with nothing but its names: session_create, session_receive,
 * session_close and the two callbacks. The wire is a buffer in memory for each direction; what a session does not take
 * is kept, and offered again with more behind it. Above it, two TLS sessions shake hands by a shared key and exchange a
 * line each way.
 *
 * Compiles as C and as C++.
 */
#include <stdio.h>
#include <string.h>

#include <sessile/proposal.h>
#include <sessile/session.h>
#include <sessile/stream.h>
#include <sessile/tls.h>

#define WIRE_SIZE 65536

/* ---- the comms layer ---- */

struct wire {
    ssl_session *session;
    struct wire *other;
    char arrived[WIRE_SIZE]; /* and not taken yet */
    size_t size;
    int closed;      /* by our session */
    int told_closed; /* our session knows that the other side has closed */
};

static int wire_send(void *handle, void *buffer, size_t size)
{
    struct wire *to = ((struct wire *)handle)->other;
    if (size > WIRE_SIZE - to->size) {
        return -1;
    }
    memcpy(to->arrived + to->size, buffer, size);
    to->size += size;
    return 0;
}

static void wire_close(void *handle)
{
    ((struct wire *)handle)->closed = 1;
}

/* Returns whether anything moved. */
static int wire_pump(struct wire *wire)
{
    if (wire->closed || wire->told_closed) {
        return 0;
    }
    int taken = wire->size > 0 ? session_receive(wire->session, wire->arrived, wire->size) : 0;
    if (taken > 0) {
        wire->size -= (size_t)taken;
        memmove(wire->arrived, wire->arrived + taken, wire->size);
        return 1;
    }
    if (wire->other->closed && !wire->closed) {
        wire->told_closed = 1;
        session_close(wire->session);
        return 1;
    }
    return 0;
}

/* ---- the application ---- */

struct speaker {
    const char *name;
    const char *line; /* to say */
    char heard[64];
    size_t heard_size;
    int closed_with; /* 1: still open */
};

static int on_ready(sessile_session *session, void *app)
{
    const char *line = ((struct speaker *)app)->line;
    int taken = sessile_stream_write(sessile_session_stream(session), line, strlen(line));
    return taken == (int)strlen(line) ? 0 : -1;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct speaker *speaker = (struct speaker *)app;
    if (size >= sizeof speaker->heard - speaker->heard_size) {
        return -1;
    }
    memcpy(speaker->heard + speaker->heard_size, data, size);
    speaker->heard_size += size;
    return memchr(data, '\n', size) != NULL ? sessile_stream_end(stream) : 0;
}

static int on_end(sessile_stream *stream, void *app)
{
    (void)stream;
    (void)app;
    return 0; /* Our own end comes with the line that we have yet to hear. */
}

static void on_closed(sessile_session *session, int error, void *app)
{
    struct speaker *speaker = (struct speaker *)app;
    speaker->closed_with = error;
    if (error != 0) {
        fprintf(stderr, "%s: %s: %s\n", speaker->name, sessile_error_name(error), sessile_session_error_text(session));
    }
}

static sessile_tls_config *make_config(int role)
{
    static const char key[] = "sixteen byte key";
    sessile_tls_config *config = sessile_tls_config_new(role);
    if (config != NULL && sessile_tls_config_add_psk(config, "proposal", key, 16) != 0) {
        fprintf(stderr, "%s\n", sessile_tls_config_error_text(config));
        sessile_tls_config_free(config);
        return NULL;
    }
    return config;
}

static sessile_callbacks *make_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_end(callbacks, on_end);
    sessile_callbacks_set_closed(callbacks, on_closed);
    return callbacks;
}

static int heard(const struct speaker *speaker, const char *line)
{
    printf("%s heard: %.*s", speaker->name, (int)speaker->heard_size, speaker->heard);
    return speaker->closed_with == 0 && speaker->heard_size == strlen(line) &&
           memcmp(speaker->heard, line, speaker->heard_size) == 0;
}

/* Pointed to on purpose: the proposal's functions are functions. */
static ssl_session *(*const create)(void *, comm_send_data, comm_close) = session_create;

int main(void)
{
    static struct wire wires[2];
    struct speaker client = {"client", "hello, whoever carries this\n", "", 0, 1};
    struct speaker server = {"server", "carried in memory this time\n", "", 0, 1};
    sessile_tls_config *configs[2] = {make_config(SESSILE_CLIENT), make_config(SESSILE_SERVER)};
    sessile_callbacks *callbacks = make_callbacks();
    int status = 1;

    wires[0].other = &wires[1];
    wires[1].other = &wires[0];
    wires[0].session = create(&wires[0], wire_send, wire_close);
    wires[1].session = create(&wires[1], wire_send, wire_close);
    if (configs[0] != NULL && configs[1] != NULL &&
        sessile_tls_accept(wires[1].session, configs[1], callbacks, &server) == 0 &&
        sessile_tls_connect(wires[0].session, configs[0], "wire.example", callbacks, &client) == 0) {
        while (wire_pump(&wires[0]) || wire_pump(&wires[1])) {
        }
        int right = heard(&client, server.line);
        status = heard(&server, client.line) && right ? 0 : 1;
    }
    sessile_session_free(wires[0].session);
    sessile_session_free(wires[1].session);
    sessile_callbacks_free(callbacks);
    sessile_tls_config_free(configs[0]);
    sessile_tls_config_free(configs[1]);
    return status;
}
