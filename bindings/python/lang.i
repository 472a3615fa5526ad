/* SPDX-License-Identifier: Apache-2.0
 *
 * How the library's functions look in Python: sessile._sessile, the flat layer.
 *
 * Buffers in are anything with the buffer protocol, lent for the call. Buffers out are writable ones of the caller's.
 * Handles are Handle objects, callbacks are switched on with True and go to the Slot that is given as handle or app.
 * A negative result is an exception. */

%{
#include "glue.h"
%}

%init %{
    if (call_ready(m) < 0 || handle_ready(m) < 0 || slot_ready(m) < 0 || callbacks_ready(m) < 0 ||
        intake_ready(m) < 0 || flow_ready(m) < 0 || files_ready(m) < 0 || methods_ready(m) < 0)
        return NULL;
%}

/* ---- Calls ---- */

%exception {
    if (call_enter(args) < 0)
        SWIG_fail;
    $action
    if (call_leave() < 0)
        SWIG_fail;
}

/* What takes long and calls nobody back lets other threads run. Its arguments are pinned. */
%define SESSILE_LONG(function)
%exception function {
    Py_BEGIN_ALLOW_THREADS
    $action
    Py_END_ALLOW_THREADS
}
%enddef
SESSILE_LONG(sessile_key_generate)
SESSILE_LONG(sessile_key_read)
SESSILE_LONG(sessile_key_write)

%exception sessile_session_receive {
    if (call_enter(args) < 0)
        SWIG_fail;
    $action
    if (call_leave() < 0) {
        error_note_taken(result);
        SWIG_fail;
    }
}

/* ---- Results ---- */

%typemap(out) int {
    if ($1 < 0) {
        error_raise($1, args);
        SWIG_fail;
    }
    $result = PyLong_FromLong($1);
}

%typemap(out) int sessile_session_receive {
    if ($1 < 0 && error_receive(args) < 0)
        SWIG_fail;
    $result = PyLong_FromLong($1);
}

/* Codes that are told, not raised. */
%define SESSILE_PLAIN(function)
%typemap(out) int function {
    $result = PyLong_FromLong($1);
}
%enddef
SESSILE_PLAIN(sessile_session_error)
SESSILE_PLAIN(sessile_constant_value)
SESSILE_PLAIN(sessile_agent_result)

%typemap(out) int64_t {
    if ($1 < 0) {
        error_raise((int)$1, args);
        SWIG_fail;
    }
    $result = PyLong_FromLongLong($1);
}

%typemap(out) const char * {
    $result = $1 ? PyUnicode_DecodeUTF8($1, (Py_ssize_t)strlen($1), "backslashreplace") : Py_NewRef(Py_None);
    if (!$result)
        SWIG_fail;
}

/* ---- Text ---- */

%typemap(in) const char * {
    if ($input == Py_None)
        $1 = NULL;
    else if (PyBytes_Check($input)) {
        if (PyBytes_AsStringAndSize($input, (char **)&$1, NULL) < 0)
            SWIG_fail;
    } else if (!($1 = (char *)plain_text($input)))
        SWIG_fail;
}
%typemap(freearg) const char * "";

%typemap(in) (const char *const *principals, size_t principal_count)
    (PyObject *list = NULL, const char **texts = NULL) {
    list = PySequence_List($input);
    if (!list || !(texts = PyMem_Calloc((size_t)PyList_Size(list) + 1, sizeof *texts)))
        SWIG_fail;
    for (Py_ssize_t i = 0; i < PyList_Size(list); i++)
        if (!(texts[i] = plain_text(PyList_GetItem(list, i))))
            SWIG_fail;
    $1 = texts;
    $2 = (size_t)PyList_Size(list);
}
%typemap(freearg) (const char *const *principals, size_t principal_count) {
    PyMem_Free(texts$argnum);
    Py_XDECREF(list$argnum);
}

/* ---- Buffers ---- */

%typemap(in) (const void *data, size_t size) (Py_buffer view = {0}) {
    if (PyObject_GetBuffer($input, &view, PyBUF_SIMPLE) < 0)
        SWIG_fail;
    $1 = view.buf;
    $2 = (size_t)view.len;
}
%typemap(freearg) (const void *data, size_t size) {
    PyBuffer_Release(&view$argnum);
}
%apply (const void *data, size_t size) {
    (const void *message, size_t message_size),
    (const void *signature, size_t signature_size),
    (const void *session_id, size_t session_id_size),
    (const void *text, size_t text_size),
    (const void *command, size_t size)
}

/* Where None is none. */
%typemap(in) (const void *context, size_t context_size) (Py_buffer view = {0}) {
    $1 = NULL;
    $2 = 0;
    if ($input != Py_None) {
        if (PyObject_GetBuffer($input, &view, PyBUF_SIMPLE) < 0)
            SWIG_fail;
        $1 = view.len ? view.buf : "";
        $2 = (size_t)view.len;
    }
}
%typemap(freearg) (const void *context, size_t context_size) {
    PyBuffer_Release(&view$argnum);
}
%apply (const void *context, size_t context_size) {
    (const void *passphrase, size_t passphrase_size),
    (const void *modes, size_t modes_size),
    (const void *critical, size_t critical_size),
    (const void *extensions, size_t extensions_size)
}

%typemap(in) (void *data, size_t size) (Py_buffer view = {0}) {
    if (PyObject_GetBuffer($input, &view, PyBUF_WRITABLE) < 0)
        SWIG_fail;
    $1 = view.buf;
    $2 = (size_t)view.len;
}
%typemap(freearg) (void *data, size_t size) {
    PyBuffer_Release(&view$argnum);
}

/* A question's item. */
%typemap(in, numinputs=0) (const void **data, size_t *size) (const void *item = NULL, size_t item_size = 0) {
    $1 = &item;
    $2 = &item_size;
}
%typemap(argout) (const void **data, size_t *size) {
    Py_XDECREF($result);
    $result = PyBytes_FromStringAndSize(item$argnum, (Py_ssize_t)item_size$argnum);
}

%typemap(in, numinputs=0) (char *error, size_t error_size) {
    $1 = error_text();
    $2 = ERROR_TEXT_SIZE;
}

/* sessile_known_hosts_check(): what it found, the file, the line, and why a certificate would not do. */
%typemap(in, numinputs=0) (size_t *file, size_t *line, char *error, size_t error_size)
    (size_t file = 0, size_t line = 0, char why[ERROR_TEXT_SIZE] = "") {
    $1 = &file;
    $2 = &line;
    $3 = why;
    $4 = sizeof why;
}
%typemap(argout) (size_t *file, size_t *line, char *error, size_t error_size) {
    Py_XDECREF($result);
    $result = Py_BuildValue("innN", result, (Py_ssize_t)file$argnum, (Py_ssize_t)line$argnum,
                            PyUnicode_DecodeUTF8(why$argnum, (Py_ssize_t)strlen(why$argnum), "replace"));
}

/* ---- Handles ---- */

%define SESSILE_HANDLE(type, kind_name)
%typemap(in) type * (Handle *held = NULL) {
    if (!($1 = handle_pin($input, &kind_ ## kind_name, 0, &held)))
        SWIG_fail;
}
%typemap(freearg) type * {
    handle_unpin(held$argnum);
}
/* A new object, or, of what is not counted as new below, one that is borrowed. */
%typemap(out) type * {
    if (!($result = handle_new(&kind_ ## kind_name, $1)))
        SWIG_fail;
}
%typemap(in, numinputs=0) type ** (type *made = NULL) {
    $1 = &made;
}
%typemap(argout) type ** {
    Py_XDECREF($result);
    if (!($result = handle_new(&kind_ ## kind_name, made$argnum)))
        SWIG_fail;
}
%enddef

SESSILE_HANDLE(sessile_session, session)
SESSILE_HANDLE(sessile_stream, stream)
SESSILE_HANDLE(sessile_question, question)
SESSILE_HANDLE(sessile_callbacks, callbacks)
SESSILE_HANDLE(sessile_key, key)
SESSILE_HANDLE(sessile_known_hosts, known_hosts)
SESSILE_HANDLE(sessile_authorized_keys, authorized_keys)
SESSILE_HANDLE(sessile_principals, principals)
SESSILE_HANDLE(sessile_grant, grant)
SESSILE_HANDLE(sessile_krl, krl)
SESSILE_HANDLE(sessile_tls_config, tls_config)
SESSILE_HANDLE(sessile_tls_tickets, tls_tickets)
SESSILE_HANDLE(sessile_ssh_config, ssh_config)

/* Streams and keys that a function returns are borrowed. */
%typemap(out) sessile_stream * {
    if (!($result = handle_new(&kind_stream, sessile_stream_keep($1))))
        SWIG_fail;
}
%typemap(out) sessile_key * {
    if (!($result = handle_new(&kind_key, sessile_key_keep($1))))
        SWIG_fail;
}

%define SESSILE_OPTIONAL(type, kind_name, name)
%typemap(in) type *name (Handle *held = NULL) {
    $1 = handle_pin($input, &kind_ ## kind_name, 1, &held);
    if (!$1 && $input != Py_None)
        SWIG_fail;
}
%enddef
SESSILE_OPTIONAL(sessile_callbacks, callbacks, callbacks)
SESSILE_OPTIONAL(sessile_known_hosts, known_hosts, before)
SESSILE_OPTIONAL(sessile_principals, principals, principals)

/* sessile_pair() */
%typemap(in, numinputs=0) (sessile_session **first, sessile_session **second)
    (sessile_session *one = NULL, sessile_session *other = NULL) {
    $1 = &one;
    $2 = &other;
}
%typemap(argout) (sessile_session **first, sessile_session **second) {
    PyObject *handle_one = handle_new(&kind_session, one$argnum);
    PyObject *handle_other = handle_new(&kind_session, other$argnum);

    Py_XDECREF($result);
    $result = handle_one && handle_other ? PyTuple_Pack(2, handle_one, handle_other) : NULL;
    Py_XDECREF(handle_one);
    Py_XDECREF(handle_other);
    if (!$result)
        SWIG_fail;
}

/* ---- Callbacks ---- */

%typemap(in) void *app {
    if (slot_number($input, &$1) < 0)
        SWIG_fail;
}

%typemap(in) (void *handle, sessile_comm_send send, sessile_comm_close close) {
    if (slot_number($input, &$1) < 0)
        SWIG_fail;
    $2 = on_comm_send;
    $3 = on_comm_close;
}

%define SESSILE_CALLBACK(parameter, function)
%typemap(in) parameter {
    int on = PyObject_IsTrue($input);

    if (on < 0)
        SWIG_fail;
    $1 = on ? function : NULL;
}
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

%include "sftp.i"
