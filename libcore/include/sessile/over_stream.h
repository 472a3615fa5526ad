/* SPDX-License-Identifier: Apache-2.0
 *
 * over_stream: a session whose wire is a stream of another session. TLS in TLS, SSH in SSH, each in the other.
 */
#ifndef SESSILE_OVER_STREAM_H
#define SESSILE_OVER_STREAM_H

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Create a session whose wire is stream. The stream's callbacks become this session's comms layer, in manual credit,
 * where what was unread counts as consumed; back pressure goes through both ways. The stream is kept until the new
 * session is freed; when the new session closes its wire, the stream is ended. The outer session needs a resume
 * callback. Returns the session, which the caller frees, or NULL (no memory, the stream is gone, the outer session has
 * no resume callback). */
SESSILE_API sessile_session *sessile_over_stream(sessile_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
