/* SPDX-License-Identifier: Apache-2.0
 *
 * SFTP in the flat layer: the typemaps of lang.i, applied to its handles, names and callbacks. */
#define SESSILE_SFTP_FACE

%{
#include "sftp.h"
%}

SESSILE_HANDLE(sessile_sftp, sftp)
SESSILE_HANDLE(sessile_sftp_request, sftp_request)
SESSILE_HANDLE(sessile_sftp_attrs, sftp_attrs)
SESSILE_HANDLE(sessile_sftp_transfer, sftp_transfer)
SESSILE_HANDLE(sessile_sftp_job, sftp_job)

/* What is only read may be nil, for none. */
SESSILE_OPTIONAL(const sessile_sftp_attrs, sftp_attrs, attrs)
%typemap(freearg) const sessile_sftp_attrs *attrs {
    handle_unpin(L, held$argnum);
}

%apply (const void *data, size_t size) {
    (const void *path, size_t path_size),
    (const void *handle, size_t handle_size),
    (const void *from, size_t from_size),
    (const void *to, size_t to_size),
    (const void *target, size_t target_size),
    (const void *user, size_t user_size),
    (const void *ids, size_t id_size),
    (const void *name, size_t name_size)
}
%apply (const void *context, size_t context_size) { (const void *longname, size_t longname_size) }

SESSILE_PLAIN(sessile_sftp_error)
SESSILE_PLAIN(sessile_sftp_request_result)
SESSILE_PLAIN(sessile_sftp_request_status)
SESSILE_PLAIN(sessile_sftp_transfer_result)
SESSILE_PLAIN(sessile_sftp_transfer_status)

SESSILE_CALLBACK(sessile_on_sftp ready, on_sftp_ready)
SESSILE_CALLBACK(sessile_on_sftp resume, on_sftp_resume)
SESSILE_CALLBACK(sessile_on_sftp_closed closed, on_sftp_closed)
SESSILE_CALLBACK(sessile_on_sftp_send send, on_sftp_send)
SESSILE_CALLBACK(sessile_on_sftp_reply reply, on_sftp_reply)
SESSILE_CALLBACK(sessile_on_sftp_transfer done, on_sftp_done)
SESSILE_CALLBACK(sessile_on_sftp_transfer progress, on_sftp_progress)
SESSILE_CALLBACK(sessile_on_sftp_sink sink, on_sftp_sink)
SESSILE_CALLBACK(sessile_on_sftp_source source, on_sftp_source)
SESSILE_CALLBACK(sessile_on_sftp_job job, on_sftp_job)
SESSILE_CALLBACK(sessile_on_sftp_job withdrawn, on_sftp_withdrawn)
SESSILE_CALLBACK(sessile_on_sftp_release release, on_sftp_release)
