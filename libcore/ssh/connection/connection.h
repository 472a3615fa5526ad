/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection layer (RFC 4254): channels as streams, requests, forwarding. Lives from the user's authentication on.
 */
#ifndef SSH_CONNECTION_CONNECTION_H
#define SSH_CONNECTION_CONNECTION_H

#include "ssh/ssh.h"

/* SSH_OPEN was entered. 0, or a negative code after ssh_fail(). Sends hostkeys-00@openssh.com on a server. */
int connection_start(struct ssh *ssh);
int connection_recv_global_request(struct ssh *ssh, struct reader *r);
int connection_recv_request_success(struct ssh *ssh, struct reader *r);
int connection_recv_request_failure(struct ssh *ssh, struct reader *r);
int connection_recv_open(struct ssh *ssh, struct reader *r);
int connection_recv_open_confirmation(struct ssh *ssh, struct reader *r);
int connection_recv_open_failure(struct ssh *ssh, struct reader *r);
int connection_recv_window_adjust(struct ssh *ssh, struct reader *r);
int connection_recv_data(struct ssh *ssh, struct reader *r);
int connection_recv_extended_data(struct ssh *ssh, struct reader *r);
int connection_recv_eof(struct ssh *ssh, struct reader *r);
int connection_recv_close(struct ssh *ssh, struct reader *r);
int connection_recv_request(struct ssh *ssh, struct reader *r);
int connection_recv_success(struct ssh *ssh, struct reader *r);
int connection_recv_failure(struct ssh *ssh, struct reader *r);
/* SSH_CHANNEL, SSH_REQUEST, SSH_FORWARD, SSH_HOST_KEYS. */
void connection_answered(struct ssh *ssh, sessile_question *question);
/* A key exchange has ended: data goes on, windows that were due are granted. */
int connection_rekeyed(struct ssh *ssh);
/* Anything open: what a wire that closes now has cut off. */
int connection_busy(const struct ssh *ssh);
void connection_free(struct ssh *ssh);

/* The engine's table (engine.h), for a stream that is a channel. */
int channel_write(sessile_stream *stream, int flow, const uint8_t *data, size_t size);
int channel_writable(const sessile_stream *stream);
int channel_end(sessile_stream *stream);
int channel_abort(sessile_stream *stream);
void channel_consumed(sessile_stream *stream, size_t size);
void connection_held(sessile_session *session, int on);
int channel_verdict(const sessile_stream *stream, int error);
void channel_destroy(void *state);

#endif
