/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that knows only what is installed: two sessions in memory say hello to each other over TLS, with a shared
 * key.
 */
#include <stdio.h>
#include <string.h>

#include <sessile/sessile.h>

static int server_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    (void)app;
    return sessile_stream_write(stream, data, size) == (int)size ? 0 : -1;
}

static int client_ready(sessile_session *session, void *app)
{
    (void)app;
    return sessile_stream_write(sessile_session_stream(session), "hello", 5) == 5 ? 0 : -1;
}

static int client_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    (void)stream;
    *(int *)app = size == 5 && memcmp(data, "hello", 5) == 0;
    return 0;
}

static sessile_tls_config *config_of(int role)
{
    static const unsigned char key[32] = {1};
    sessile_tls_config *config = sessile_tls_config_new(role);

    sessile_tls_config_add_psk(config, "consumer", key, sizeof key);
    return config;
}

int main(void)
{
    sessile_tls_config *client_config = config_of(SESSILE_CLIENT), *server_config = config_of(SESSILE_SERVER);
    sessile_callbacks *client = sessile_callbacks_new(), *server = sessile_callbacks_new();
    sessile_session *near_end, *far_end;
    int echoed = 0;

    sessile_callbacks_set_ready(client, client_ready);
    sessile_callbacks_set_data(client, client_data);
    sessile_callbacks_set_data(server, server_data);
    if (sessile_pair(&near_end, &far_end) < 0)
        return 1;
    if (sessile_tls_accept(far_end, server_config, server, NULL) < 0 ||
        sessile_tls_connect(near_end, client_config, "localhost", client, &echoed) < 0 || !echoed) {
        fprintf(stderr, "client: %s\nserver: %s\n", sessile_session_error_text(near_end),
                sessile_session_error_text(far_end));
        return 1;
    }
    printf("sessile %s, %s: hello\n", sessile_version(), sessile_tls_version(near_end));
    sessile_session_free(near_end);
    sessile_session_free(far_end);
    sessile_callbacks_free(client);
    sessile_callbacks_free(server);
    sessile_tls_config_free(client_config);
    sessile_tls_config_free(server_config);
    return 0;
}
