/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS configs for the fuzz targets, by a number that the input chooses; each is made once in a process.
 */
#ifndef FUZZ_SETUP_H
#define FUZZ_SETUP_H

#include "support.h"

/* Clients: bits of the number. */
#define SETUP_TLS12 0x01u    /* 1.2 only */
#define SETUP_TLS13 0x02u    /* 1.3 only, where not SETUP_TLS12 */
#define SETUP_PSK 0x04u      /* with the external key; its server then has no certificate */
#define SETUP_STRANGER 0x08u /* does not trust the server */
#define SETUP_IDENTITY 0x10u /* has a certificate */
#define SETUP_FRAGMENT 0x20u /* 512-byte records both ways, asks for OCSP */
#define SETUP_ASK 0x40u      /* asks about what is not trusted */
#define SETUP_ASK_ALWAYS 0x80u
/* Servers. SETUP_PSK as above. */
#define SETUP_REQUEST 0x01u /* asks for a certificate */
#define SETUP_REQUIRE 0x02u
#define SETUP_HOSTS 0x08u /* has other configs by name */
#define SETUP_ASK_HELLO 0x10u
#define SETUP_NO_TICKETS 0x20u
/* SETUP_ASK and SETUP_ASK_ALWAYS as above. */

sessile_tls_config *setup_client(unsigned number);
sessile_tls_config *setup_server(unsigned number);
/* Whether these two get along, where every question is accepted. */
int setup_agrees(unsigned client, unsigned server);

#endif
