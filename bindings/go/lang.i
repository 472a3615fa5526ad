/* SPDX-License-Identifier: Apache-2.0
 *
 * How the library's functions look in Go: internal/core, the flat layer.
 *
 * Whatever has a length is a slice, lent for the call: bytes in, room to be filled, room for the sentence about an
 * error. Text in is a slice too, with a NUL byte at its end, or nil where the library takes NULL. Handles are
 * uintptr; those that a function makes go into a slice of one. Callbacks are switched on with true and go to the owner
 * whose number is given as handle or app. A negative result is left as it is. */

%{
#include "glue.h"
%}

/* Read by hand (item.go): what it finds is copied where it is found. */
%ignore sessile_question_get;

/* ---- Numbers ---- */

/* What does not fit into an int is no number that the library would take, and stays that way. */
%typemap(in) int "$1 = whole($input);"

%typemap(gotype) size_t "int"
%typemap(in) size_t "$1 = (size_t)$input;"
%typemap(out) size_t "$result = (intgo)$1;"

%typemap(gotype) size_t * "[]uint"
%typemap(in) size_t * "$1 = (size_t *)$input.array;"

/* ---- Text ---- */

%typemap(gotype) const char * "[]byte"
%typemap(in) const char * {
    if (!text_is_whole($input.array, $input.len))
        return NOT_TEXT(_swig_go_result);
    $1 = (char *)$input.array;
}
%typemap(freearg) const char * ""
%typemap(argout) const char * ""
/* A copy, which the library may not outlive: Go copies it again, and lets go of it. */
%typemap(out) const char * "$result.array = text_copy($1, &$result.len, &$result.cap);"
%typemap(goout) const char * "$result = taken($1)"

%typemap(gotype) (const char *const *principals, size_t principal_count) "[]byte"
%typemap(in) (const char *const *principals, size_t principal_count) (const char **texts = NULL) {
    if (!text_is_whole_list($input.array, $input.len))
        return NOT_TEXT(_swig_go_result);
    texts = text_list($input.array, $input.len, &$2);
    if (!texts)
        return NOT_TEXT(_swig_go_result);
    $1 = (char **)texts;
}
%typemap(freearg) (const char *const *principals, size_t principal_count) "free(texts$argnum);"

/* ---- Buffers ---- */

%define SESSILE_SLICE(pointer, length)
%typemap(gotype) (pointer, length) "[]byte"
%typemap(in) (pointer, length) {
    $1 = ($1_ltype)$input.array;
    $2 = (size_t)$input.len;
}
%typemap(freearg) (pointer, length) ""
%typemap(argout) (pointer, length) ""
%enddef
SESSILE_SLICE(const void *data, size_t size)
SESSILE_SLICE(void *data, size_t size)
SESSILE_SLICE(const void *message, size_t message_size)
SESSILE_SLICE(const void *signature, size_t signature_size)
SESSILE_SLICE(const void *session_id, size_t session_id_size)
SESSILE_SLICE(const void *text, size_t text_size)
SESSILE_SLICE(const void *command, size_t size)
SESSILE_SLICE(const void *context, size_t context_size)
SESSILE_SLICE(const void *passphrase, size_t passphrase_size)
SESSILE_SLICE(const void *modes, size_t modes_size)
SESSILE_SLICE(const void *critical, size_t critical_size)
SESSILE_SLICE(const void *extensions, size_t extensions_size)
SESSILE_SLICE(char *error, size_t error_size)

/* ---- Handles ---- */

%define SESSILE_HANDLE(type)
%typemap(gotype) type * "uintptr"
%typemap(in) type * "$1 = $input;"
%typemap(out) type * "$result = $1;"
%typemap(gotype) type ** "[]uintptr"
%typemap(in) type ** "$1 = (type **)$input.array;"
%typemap(argout) type ** ""
%typemap(freearg) type ** ""
%enddef
SESSILE_HANDLE(sessile_session)
SESSILE_HANDLE(sessile_stream)
SESSILE_HANDLE(sessile_question)
SESSILE_HANDLE(sessile_callbacks)
SESSILE_HANDLE(sessile_key)
SESSILE_HANDLE(sessile_known_hosts)
SESSILE_HANDLE(sessile_authorized_keys)
SESSILE_HANDLE(sessile_principals)
SESSILE_HANDLE(sessile_grant)
SESSILE_HANDLE(sessile_krl)
SESSILE_HANDLE(sessile_tls_config)
SESSILE_HANDLE(sessile_tls_tickets)
SESSILE_HANDLE(sessile_ssh_config)

/* Streams and keys that a function returns are borrowed. */
%typemap(out) sessile_stream * "$result = $1 ? sessile_stream_keep($1) : NULL;"
%typemap(out) sessile_key * "$result = $1 ? sessile_key_keep($1) : NULL;"

/* ---- Callbacks ---- */

%typemap(gotype) void *app "uint64"
%typemap(in) void *app "$1 = (void *)(uintptr_t)$input;"

%typemap(gotype) (void *handle, sessile_comm_send send, sessile_comm_close close) "uint64"
%typemap(in) (void *handle, sessile_comm_send send, sessile_comm_close close) {
    $1 = (void *)(uintptr_t)$input;
    $2 = on_comm_send;
    $3 = on_comm_close;
}

%define SESSILE_CALLBACK(parameter, function)
%typemap(gotype) parameter "bool"
%typemap(in) parameter "$1 = $input ? function : NULL;"
%enddef
SESSILE_CALLBACK(sessile_comm_resume resume, on_comm_resume)
SESSILE_CALLBACK(sessile_on_session ready, on_ready)
SESSILE_CALLBACK(sessile_on_question question, on_question)
SESSILE_CALLBACK(sessile_on_question withdrawn, on_withdrawn)
SESSILE_CALLBACK(sessile_on_notice notice, on_notice)
SESSILE_CALLBACK(sessile_on_closed closed, on_closed)
SESSILE_CALLBACK(sessile_on_data data, on_data)
SESSILE_CALLBACK(sessile_on_stream stream, on_stream)
SESSILE_CALLBACK(sessile_on_data call, on_stderr)
SESSILE_CALLBACK(sessile_on_request request, on_request)
SESSILE_CALLBACK(sessile_on_stream end, on_end)
SESSILE_CALLBACK(sessile_on_stream writable, on_writable)
SESSILE_CALLBACK(sessile_on_stream_closed closed, on_stream_closed)
SESSILE_CALLBACK(sessile_on_trace trace, on_trace)
SESSILE_CALLBACK(sessile_tls_passphrase passphrase, on_passphrase)
