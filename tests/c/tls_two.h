/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture of most TLS tests: a client's and a server's config, made anew for each test by configs_make().
 */
#ifndef TESTS_TLS_TWO_H
#define TESTS_TLS_TWO_H

#include "tls_configs.h"

extern sessile_tls_config *client;
extern sessile_tls_config *server;

int two_setup(void **state);
int two_teardown(void **state);

#endif
