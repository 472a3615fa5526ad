/* SPDX-License-Identifier: Apache-2.0
 *
 * What the generated code of _sessile stands on: handles, slots, calls and the errors that wait in them.
 *
 * - A Handle is a Python object that holds one reference to one object of the library.
 * - A Slot stands for the Python object that owns a session or a stream. The library is given its number, never a
 *   pointer, and the slot holds its owner weakly: no reference to a Python object is stored in C, cycles are visible to
 *   the collector, and a callback whose owner is gone finds nobody.
 * - A call brackets each entry into the library. An error that a callback raises waits until the outermost call of its
 *   thread ends, and comes out there.
 *
 * Everything here runs with the GIL held. */
#ifndef SESSILE_PYTHON_GLUE_H
#define SESSILE_PYTHON_GLUE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <sessile/sessile.h>

/* The limited API has functions only. */
#ifdef Py_LIMITED_API
#define PyTuple_GET_SIZE PyTuple_Size
#define PyTuple_GET_ITEM PyTuple_GetItem
#endif

/* ---- Handles ---- */

/* What kinds of objects there are: how to give one back, and where the text of its last error is (NULL: nowhere). */
struct kind {
    const char *name;
    void (*release)(void *object);
    const char *(*error_text)(void *object);
    void *(*keep)(void *object); /* of what callbacks lend */
    int at_once;                 /* freed at once, also from inside its own callbacks: the core waits */
};

extern const struct kind kind_session, kind_stream, kind_question, kind_callbacks, kind_key, kind_known_hosts,
    kind_authorized_keys, kind_principals, kind_grant, kind_krl, kind_tls_config, kind_tls_tickets, kind_ssh_config,
    kind_sftp, kind_sftp_request, kind_sftp_attrs, kind_sftp_transfer, kind_sftp_job;

typedef struct {
    PyObject_HEAD void *object; /* NULL: freed */
    const struct kind *kind;
    unsigned pins; /* calls that use it now: what is freed meanwhile goes when the last one ends */
    char freed;
    char lent; /* a question or job inside its callback: holds no reference */
} Handle;

/* Make the types; module: gets Handle, Slot and free. Returns 0, or -1 with an exception. */
int handle_ready(PyObject *module);
/* A handle that takes over the caller's reference. object: NULL gives None. NULL with an exception: no memory, or this
 * is not the main interpreter; the reference is given back then. */
PyObject *handle_new(const struct kind *kind, void *object);
/* The object of an argument, pinned until handle_unpin(); NULL with an exception where it is of another kind or freed.
 * optional: None gives NULL and no exception. *held: what to unpin. */
void *handle_pin(PyObject *argument, const struct kind *kind, int optional, Handle **held);
void handle_unpin(Handle *held);
/* Whether it is a handle whose object is gone. */
int handle_is_dead(PyObject *argument);
/* A handle for what is lent to a callback: a question, a job. */
PyObject *handle_lend(const struct kind *kind, void *object);
/* The callback is over: where somebody still holds the handle, the object is kept, if it can be; else it is dead. */
void handle_lent(PyObject *handle);
/* The live object of a handle of that kind, or NULL without an exception. */
void *handle_peek(PyObject *argument, const struct kind *kind);

/* ---- Slots ---- */

int slot_ready(PyObject *module);
/* The number that the library is given for a Slot; None gives 0, which is nobody's. -1 with an exception. */
int slot_number(PyObject *argument, void **number);
/* Whom a number stands for: a new reference, or NULL without an exception where that one is gone. */
PyObject *slot_owner(void *number);

/* ---- Text ---- */

/* A str as UTF-8, as long as the str; NULL with an exception where it is none, or has a NUL inside. */
const char *plain_text(PyObject *text);

/* ---- Calls and errors ---- */

int call_ready(PyObject *module);
/* arguments: the wrapper's. Returns 0, or -1 with an exception where one of its handles was freed after it was looked
 * at: what makes a buffer or a truth of the next argument may be Python. */
int call_enter(PyObject *arguments);
/* Returns 0, or -1 with the exception of a callback that waited for the end of this call. */
int call_leave(void);
/* As call_leave() for a finaliser: there is nobody to raise at, so an error that waited is reported. */
void call_leave_finaliser(void);
/* A callback raised: the exception waits for the outermost call. A second one is reported at once. */
void call_park(void);

/* Room for the sentence that some functions write beside their code. */
#define ERROR_TEXT_SIZE 1024
char *error_text(void);
/* Raise what a negative result means. arguments: the wrapper's, whose first may be a handle that knows more. */
void error_raise(int code, PyObject *arguments);
/* receive's -1: raises where a second thread is inside; else leaves it at -1. Returns 0 or -1. */
int error_receive(PyObject *arguments);
/* Remember in the exception how many bytes were taken when another session's callback raised. */
void error_note_taken(int taken);

/* ---- For transports and protocols of asyncio's kind ---- */

/* Make the types; module: gets Intake and Flow. Return 0, or -1 with an exception. */
int intake_ready(PyObject *module);
int flow_ready(PyObject *module);

/* Make the types; module: gets Files and FilesGuest. Returns 0, or -1 with an exception. */
int files_ready(PyObject *module);

/* ---- Methods ---- */

/* Make the function quicken. Returns 0, or -1 with an exception. */
int methods_ready(PyObject *module);
/* As PyObject_GetAttr(), and faster for what is there where the class has a __getattr__ for what is not. */
PyObject *attribute_of(PyObject *owner, PyObject *name);

/* ---- Callbacks ---- */

/* Each finds an attribute of the owner. Those that begin with an underscore wrap what they are given first, or are what
 * a property stands for. */
enum callback {
    SEND,
    CLOSE,
    RESUME,
    READY,
    QUESTION,
    WITHDRAWN,
    STREAM,
    NOTICE,
    CLOSED,
    DATA,
    STDERR,
    REQUEST,
    END,
    WRITABLE,
    STREAM_CLOSED,
    TRACE,
    PASSPHRASE,
    REPLY,
    DONE,
    PROGRESS,
    SINK,
    SOURCE,
    JOB,
    RELEASE,
    CALLBACKS
};

int callbacks_ready(PyObject *module);
/* Call the owner's attribute with up to three arguments, whose references are taken over. NULL: it raised (the
 * exception waits), an argument could not be made, or there is no owner. */
PyObject *call_owner(void *number, enum callback name, PyObject **arguments, size_t count);
/* The same, for 0 or -1. */
int call_for_yes(void *number, enum callback name, PyObject **arguments, size_t count);
/* For callbacks that cannot fail. An error of the interpreter's that is under way stays as it is. */
void call_in_passing(void *number, enum callback name, PyObject **arguments, size_t count);
/* With what is lent for the call. */
int call_lending(void *number, enum callback name, const struct kind *kind, void *object);

int on_comm_send(void *handle, void *buffer, size_t size);
void on_comm_close(void *handle);
void on_comm_resume(void *handle);
int on_ready(sessile_session *session, void *app);
int on_question(sessile_question *question, void *app);
int on_withdrawn(sessile_question *question, void *app);
int on_stream(sessile_stream *stream, void *app);
int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app);
void on_closed(sessile_session *session, int error, void *app);
int on_data(sessile_stream *stream, const void *data, size_t size, void *app);
int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app);
int on_request(sessile_stream *stream, int request, void *app);
int on_end(sessile_stream *stream, void *app);
int on_writable(sessile_stream *stream, void *app);
void on_stream_closed(sessile_stream *stream, int error, void *app);
void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase, void *app);
int on_passphrase(void *buffer, size_t size, void *app);

/* ---- Callbacks of SFTP ---- */

int on_sftp_ready(sessile_sftp *sftp, void *app);
int on_sftp_resume(sessile_sftp *sftp, void *app);
void on_sftp_closed(sessile_sftp *sftp, int error, void *app);
int on_sftp_send(sessile_sftp *sftp, const void *data, size_t size, void *app);
int on_sftp_reply(sessile_sftp_request *request, void *app);
int on_sftp_done(sessile_sftp_transfer *transfer, void *app);
int on_sftp_progress(sessile_sftp_transfer *transfer, void *app);
int on_sftp_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app);
int on_sftp_source(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app);
int on_sftp_job(sessile_sftp_job *job, void *app);
int on_sftp_withdrawn(sessile_sftp_job *job, void *app);
void on_sftp_release(sessile_sftp *sftp, uint64_t file, void *app);

#endif
