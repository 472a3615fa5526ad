/* SPDX-License-Identifier: Apache-2.0
 *
 * User authentication (RFC 4252, RFC 4256): a file per method, with both roles side by side, over a common flow. Lives
 * from the first keys to success. Everything it holds goes then, wiped.
 */
#ifndef SSH_AUTH_AUTH_H
#define SSH_AUTH_AUTH_H

#include "ssh/ssh.h"

/* SSH_SERVICE was entered: a client asks for ssh-userauth. */
int auth_start(struct ssh *ssh);
int auth_recv_service_request(struct ssh *ssh, struct reader *r);
int auth_recv_service_accept(struct ssh *ssh, struct reader *r);
int auth_recv_request(struct ssh *ssh, struct reader *r);
int auth_recv_failure(struct ssh *ssh, struct reader *r);
int auth_recv_success(struct ssh *ssh, struct reader *r);
int auth_recv_banner(struct ssh *ssh, struct reader *r);
int auth_recv_60(struct ssh *ssh, struct reader *r);
int auth_recv_info_response(struct ssh *ssh, struct reader *r);
/* SSH_AUTHENTICATE, _PASSWORD_CHANGE, _PROMPTS, _USER, _RESPONSES, and a client's SSH_SIGN. */
void auth_answered(struct ssh *ssh, sessile_question *question);
void auth_free(struct ssh *ssh);

#endif
