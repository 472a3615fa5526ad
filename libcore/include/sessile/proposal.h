/* SPDX-License-Identifier: Apache-2.0
 *
 * The proposal's own names, for comms layers that are written against its page: three calls and two callbacks. They are
 * static inline functions, so that they can be pointed to and no unprefixed symbol is exported.
 */
#ifndef SESSILE_PROPOSAL_H
#define SESSILE_PROPOSAL_H

#include <stddef.h>

#include "comm.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef sessile_session ssl_session;
typedef sessile_comm_send comm_send_data;
typedef sessile_comm_close comm_close;

/* sessile_session_create() */
static inline ssl_session *session_create(void *handle, comm_send_data send_func, comm_close close_func)
{
    return sessile_session_create(handle, send_func, close_func);
}

/* sessile_session_receive() */
static inline int session_receive(ssl_session *handle, void *data, size_t sz)
{
    return sessile_session_receive(handle, data, sz);
}

/* sessile_session_close() */
static inline void session_close(ssl_session *handle)
{
    sessile_session_close(handle);
}

#ifdef __cplusplus
}
#endif

#endif
