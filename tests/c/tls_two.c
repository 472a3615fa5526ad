/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's and a server's config for each test. */
#include "tls_two.h"

sessile_tls_config *client;
sessile_tls_config *server;

int two_setup(void **state)
{
    (void)state;
    configs_make(&client, &server, 0);
    return 0;
}

int two_teardown(void **state)
{
    (void)state;
    sessile_tls_config_free(client);
    sessile_tls_config_free(server);
    return 0;
}
