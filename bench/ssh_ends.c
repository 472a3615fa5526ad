/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys are made once, and every question has the same answer: yes. */
#include "ssh_ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sessile_key *key_of(int end)
{
    static sessile_key *keys[2];

    if (!keys[end])
        must(sessile_key_generate("ssh-ed25519", 0, "bench", &keys[end]) == 0);
    return keys[end];
}

/* ---- callbacks ---- */

static int on_send(void *handle, void *buffer, size_t size)
{
    struct ssh_end *to = ((struct ssh_end *)handle)->peer;

    if (!to->direct) {
        memcpy(flight_extend(&to->wire, size), buffer, size);
        return 0;
    }
    if (!to->session)
        return 0;
    must(sessile_session_receive(to->session, buffer, size) == (int)size);
    return 0;
}

static int on_question(sessile_question *question, void *app)
{
    (void)app;
    if (sessile_question_kind(question) == SESSILE_QUESTION_SSH_AUTHENTICATE)
        sessile_question_put(question, SESSILE_ITEM_METHOD, "none", 4);
    return sessile_question_accept(question);
}

static int on_ready(sessile_session *session, void *app)
{
    struct ssh_end *end = app;

    (void)session;
    end->ready = 1;
    return 0;
}

static int on_stream(sessile_stream *stream, void *app)
{
    struct ssh_end *end = app;

    end->stream = stream;
    return 0;
}

static int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    struct ssh_end *end = app;

    end->received += size;
    if (end->echo)
        must(sessile_stream_write(stream, data, size) == (int)size);
    return 0;
}

static void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    struct ssh_end *end = app;

    (void)stream, (void)error;
    end->stream = NULL;
}

static sessile_callbacks *make_callbacks(void)
{
    sessile_callbacks *callbacks = sessile_callbacks_new();

    must(callbacks != NULL);
    sessile_callbacks_set_question(callbacks, on_question);
    sessile_callbacks_set_ready(callbacks, on_ready);
    sessile_callbacks_set_stream(callbacks, on_stream);
    sessile_callbacks_set_data(callbacks, on_data);
    sessile_callbacks_set_stream_closed(callbacks, on_stream_closed);
    return callbacks;
}

/* ---- configs ---- */

static void set_list(sessile_ssh_config *config, int kind, const char *list)
{
    if (list)
        must(sessile_ssh_config_set_algorithms(config, kind, list) == 0);
}

void ssh_setup_make(struct ssh_setup *setup, const struct ssh_choice *choice)
{
    setup->callbacks = make_callbacks();
    for (int end = 0; end < 2; end++) {
        must((setup->configs[end] = sessile_ssh_config_new(end)) != NULL);
        set_list(setup->configs[end], SESSILE_SSH_KEX, choice->kex);
        set_list(setup->configs[end], SESSILE_SSH_CIPHERS, choice->cipher);
        set_list(setup->configs[end], SESSILE_SSH_MACS, choice->mac);
    }
    must(sessile_ssh_config_add_host_key(setup->configs[SERVER], key_of(SERVER)) == 0);
    must(sessile_ssh_config_insecure_any_host_key(setup->configs[CLIENT], 1) == 0);
    if (choice->no_key)
        must(sessile_ssh_config_set_auth_methods(setup->configs[SERVER], "none") == 0);
    else
        must(sessile_ssh_config_add_user_key(setup->configs[CLIENT], key_of(CLIENT)) == 0);
}

void ssh_setup_free(struct ssh_setup *setup)
{
    sessile_ssh_config_free(setup->configs[0]);
    sessile_ssh_config_free(setup->configs[1]);
    sessile_callbacks_free(setup->callbacks);
}

/* ---- sessions ---- */

void ssh_ends_begin(struct ssh_ends *ends, const struct ssh_setup *setup)
{
    memset(ends, 0, sizeof *ends);
    for (int i = 0; i < 2; i++) {
        struct ssh_end *end = &ends->ends[i];

        end->peer = &ends->ends[!i];
        must((end->session = sessile_session_create(end, on_send, NULL)) != NULL);
        must((i == CLIENT
                  ? sessile_ssh_connect(end->session, setup->configs[i], HOST, 22, "bench", setup->callbacks, end)
                  : sessile_ssh_accept(end->session, setup->configs[i], setup->callbacks, end)) == 0);
    }
}

int ssh_ends_take(struct ssh_end *end)
{
    struct flight wire = end->wire;

    if (!wire.size)
        return 0;
    end->wire = (struct flight){NULL, 0, 0};
    if (sessile_session_receive(end->session, wire.data, wire.size) != (int)wire.size) {
        fprintf(stderr, "%s\n", sessile_session_error_text(end->session));
        must(!"the session takes what its peer has sent");
    }
    free(wire.data);
    return 1;
}

void ssh_ends_open(struct ssh_ends *ends, const struct ssh_setup *setup)
{
    int moved;

    ssh_ends_begin(ends, setup);
    do {
        moved = ssh_ends_take(&ends->ends[CLIENT]);
        moved |= ssh_ends_take(&ends->ends[SERVER]);
    } while (moved);
    for (int i = 0; i < 2; i++) {
        must(ends->ends[i].ready);
        ends->ends[i].direct = 1;
    }
}

void ssh_ends_channel(struct ssh_ends *ends)
{
    struct ssh_end *client = &ends->ends[CLIENT];

    must((client->stream = sessile_ssh_open_session(client->session, NULL, NULL)) != NULL);
    must(sessile_ssh_request_exec(client->stream, "cat", 3) == 0);
    must(ends->ends[SERVER].stream != NULL);
}

void ssh_ends_channel_close(struct ssh_ends *ends)
{
    must(sessile_stream_end(ends->ends[CLIENT].stream) == 0); /* the other is ended with it */
    must(!ends->ends[CLIENT].stream && !ends->ends[SERVER].stream);
}

void ssh_ends_push(struct ssh_ends *ends, int end, const void *data, size_t size)
{
    must(sessile_stream_write(ends->ends[end].stream, data, size) == (int)size);
}

void ssh_end_close(struct ssh_end *end)
{
    sessile_session *session = end->session;

    end->session = NULL;
    sessile_session_free(session);
    free(end->wire.data);
    end->wire = (struct flight){NULL, 0, 0};
}

void ssh_ends_close(struct ssh_ends *ends)
{
    ssh_end_close(&ends->ends[CLIENT]);
    ssh_end_close(&ends->ends[SERVER]);
}
