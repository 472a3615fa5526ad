/* SPDX-License-Identifier: Apache-2.0
 *
 * From options to a server.
 */
#include "common/serve_options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/util.h"

static void serve_directory(struct server *server, guest_service service, const char *path)
{
    server->service = service;
    server->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (server->directory < 0) {
        die("%s: %s", path, strerror(errno));
    }
}

int serve_option(struct server *server, int option, const char *argument)
{
    switch (option) {
    case SERVE_OPTION_ECHO:
        server->service = guest_echo;
        return 1;
    case SERVE_OPTION_FILES:
        serve_directory(server, guest_files, argument);
        return 1;
    case SERVE_OPTION_HTTP:
        serve_directory(server, guest_http, argument);
        return 1;
    default:
        return 0;
    }
}

void serve_start(struct server *server, struct loop *loop, const struct tls_options *tls)
{
    if (server->service == NULL) {
        server->service = guest_echo;
    }
    server->loop = loop;
    server->keylog = tls->keylog;
    server->config = tls_options_config(tls, SESSILE_SERVER);
    server_start(server);
}
