/* SPDX-License-Identifier: Apache-2.0
 *
 * The same from C++11: callbacks as lambdas, ownership by unique_ptr.
 */
#include <cstdio>
#include <memory>
#include <string>

#include <sessile/sessile.h>

template <typename T> using owned = std::unique_ptr<T, void (*)(T *)>;

static owned<sessile_tls_config> config_of(int role)
{
    static const unsigned char key[32] = {1};
    owned<sessile_tls_config> config(sessile_tls_config_new(role), sessile_tls_config_free);

    sessile_tls_config_add_psk(config.get(), "consumer", key, sizeof key);
    return config;
}

int main()
{
    auto client_config = config_of(SESSILE_CLIENT), server_config = config_of(SESSILE_SERVER);
    owned<sessile_callbacks> client(sessile_callbacks_new(), sessile_callbacks_free);
    owned<sessile_callbacks> server(sessile_callbacks_new(), sessile_callbacks_free);
    sessile_session *pair[2];
    std::string echoed;

    sessile_callbacks_set_ready(client.get(), [](sessile_session *session, void *) {
        return sessile_stream_write(sessile_session_stream(session), "hello", 5) == 5 ? 0 : -1;
    });
    sessile_callbacks_set_data(client.get(), [](sessile_stream *, const void *data, size_t size, void *app) {
        static_cast<std::string *>(app)->append(static_cast<const char *>(data), size);
        return 0;
    });
    sessile_callbacks_set_data(server.get(), [](sessile_stream *stream, const void *data, size_t size, void *) {
        return sessile_stream_write(stream, data, size) == static_cast<int>(size) ? 0 : -1;
    });
    if (sessile_pair(&pair[0], &pair[1]) < 0)
        return 1;
    owned<sessile_session> near_end(pair[0], sessile_session_free), far_end(pair[1], sessile_session_free);
    sessile_tls_accept(far_end.get(), server_config.get(), server.get(), nullptr);
    sessile_tls_connect(near_end.get(), client_config.get(), "localhost", client.get(), &echoed);
    if (echoed != "hello") {
        std::fprintf(stderr, "client: %s\n", sessile_session_error_text(near_end.get()));
        return 1;
    }
    std::printf("sessile %s, %s: hello\n", sessile_version(), sessile_tls_version(near_end.get()));
    return 0;
}
