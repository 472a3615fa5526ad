/* SPDX-License-Identifier: Apache-2.0
 *
 * From the library's callbacks to attributes of the owner in Python. An attribute that is None is nobody; an owner that
 * is gone fails what expects an answer. What is raised waits for the outermost call (call.c). */
#include <string.h>

#include "glue.h"

static const char *const spelled[CALLBACKS] = {
    "on_send",       "on_close", "on_resume", "on_ready",  "_question", "_withdrawn",  "_stream",        "_notice",
    "_closed",       "_on_data", "on_stderr", "_request",  "on_end",    "on_writable", "_stream_closed", "on_trace",
    "on_passphrase", "_reply",   "_done",     "_progress", "_sink",     "_source",     "_job",           "_release",
};

static PyObject *names[CALLBACKS];

static PyObject *park(PyObject *owner)
{
    call_park();
    Py_XDECREF(owner);
    return NULL;
}

PyObject *call_owner(void *number, enum callback name, PyObject **arguments, size_t count)
{
    PyObject *owner = slot_owner(number);
    PyObject *callable = NULL, *result = NULL;
    size_t made = 0;

    while (made < count && arguments[made])
        made++;
    if (made < count)
        owner = park(owner);
    else if (owner && (callable = attribute_of(owner, names[name])))
        result = callable == Py_None ? Py_NewRef(Py_None) : PyObject_Vectorcall(callable, arguments, count, NULL);
    if (owner && !result)
        owner = park(owner);
    for (size_t i = 0; i < count; i++)
        Py_XDECREF(arguments[i]);
    Py_XDECREF(callable);
    Py_XDECREF(owner);
    return result;
}

int call_for_yes(void *number, enum callback name, PyObject **arguments, size_t count)
{
    PyObject *result = call_owner(number, name, arguments, count);

    Py_XDECREF(result);
    return result ? 0 : -1;
}

void call_in_passing(void *number, enum callback name, PyObject **arguments, size_t count)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    call_for_yes(number, name, arguments, count);
    PyErr_Restore(type, value, traceback);
}

int call_lending(void *number, enum callback name, const struct kind *kind, void *object)
{
    PyObject *handle = handle_lend(kind, object);
    PyObject *argument = Py_XNewRef(handle);
    int result = call_for_yes(number, name, &argument, 1);

    if (handle)
        handle_lent(handle);
    return result;
}

static PyObject *bytes_of(const void *data, size_t size)
{
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

/* ---- The wire ---- */

/* None and 0 are yes. A count, as socket.send has it, must be all of it; a negative number is the proposal's no. */
static int send_result(PyObject *result, size_t size)
{
    int overflow = 0;
    long long taken;

    if (result == Py_None || !PyLong_CheckExact(result))
        return 0;
    taken = PyLong_AsLongLongAndOverflow(result, &overflow);
    if (taken > 0 && (size_t)taken < size) {
        PyErr_Format(PyExc_ValueError, "send took %lld of %zu bytes: it has to take all of them", taken, size);
        call_park();
        return -1;
    }
    return overflow < 0 || (taken < 0 && !overflow) ? -1 : 0;
}

int on_comm_send(void *handle, void *buffer, size_t size)
{
    PyObject *argument = bytes_of(buffer, size);
    PyObject *result = call_owner(handle, SEND, &argument, 1);
    int sent = result ? send_result(result, size) : -1;

    Py_XDECREF(result);
    return sent;
}

void on_comm_close(void *handle)
{
    call_in_passing(handle, CLOSE, NULL, 0);
}

void on_comm_resume(void *handle)
{
    call_in_passing(handle, RESUME, NULL, 0);
}

/* ---- Sessions ---- */

int on_ready(sessile_session *session, void *app)
{
    (void)session;
    return call_for_yes(app, READY, NULL, 0);
}

int on_question(sessile_question *question, void *app)
{
    return call_lending(app, QUESTION, &kind_question, question);
}

int on_withdrawn(sessile_question *question, void *app)
{
    return call_lending(app, WITHDRAWN, &kind_question, question);
}

int on_stream(sessile_stream *stream, void *app)
{
    PyObject *argument = handle_new(&kind_stream, sessile_stream_keep(stream));

    return call_for_yes(app, STREAM, &argument, 1);
}

int on_notice(sessile_session *session, int kind, const void *data, size_t size, void *app)
{
    PyObject *arguments[2] = {PyLong_FromLong(kind), bytes_of(data, size)};

    (void)session;
    return call_for_yes(app, NOTICE, arguments, 2);
}

void on_closed(sessile_session *session, int error, void *app)
{
    PyObject *argument = PyLong_FromLong(error);

    (void)session;
    call_in_passing(app, CLOSED, &argument, 1);
}

/* ---- Streams: the owner is the stream's ---- */

int on_data(sessile_stream *stream, const void *data, size_t size, void *app)
{
    PyObject *argument = bytes_of(data, size);

    (void)stream;
    return call_for_yes(app, DATA, &argument, 1);
}

int on_stderr(sessile_stream *stream, const void *data, size_t size, void *app)
{
    PyObject *argument = bytes_of(data, size);

    (void)stream;
    return call_for_yes(app, STDERR, &argument, 1);
}

int on_request(sessile_stream *stream, int request, void *app)
{
    PyObject *argument = PyLong_FromLong(request);

    (void)stream;
    return call_for_yes(app, REQUEST, &argument, 1);
}

int on_end(sessile_stream *stream, void *app)
{
    (void)stream;
    return call_for_yes(app, END, NULL, 0);
}

int on_writable(sessile_stream *stream, void *app)
{
    (void)stream;
    return call_for_yes(app, WRITABLE, NULL, 0);
}

void on_stream_closed(sessile_stream *stream, int error, void *app)
{
    PyObject *argument = PyLong_FromLong(error);

    (void)stream;
    call_in_passing(app, STREAM_CLOSED, &argument, 1);
}

/* ---- The rest ---- */

void on_trace(sessile_session *session, int direction, const char *message, size_t size, const char *phase, void *app)
{
    PyObject *arguments[4] = {PyLong_FromLong(direction), PyUnicode_FromString(message), PyLong_FromSize_t(size),
                              PyUnicode_FromString(phase)};

    (void)session;
    call_in_passing(app, TRACE, arguments, 4);
}

int on_passphrase(void *buffer, size_t size, void *app)
{
    PyObject *result = call_owner(app, PASSPHRASE, NULL, 0);
    Py_buffer view;
    int length = -1;

    if (!result || result == Py_None || PyObject_GetBuffer(result, &view, PyBUF_SIMPLE) < 0) {
        if (PyErr_Occurred())
            call_park();
        Py_XDECREF(result);
        return -1;
    }
    if ((size_t)view.len <= size) {
        memcpy(buffer, view.buf, (size_t)view.len);
        length = (int)view.len;
    }
    PyBuffer_Release(&view);
    Py_DECREF(result);
    return length;
}

int callbacks_ready(PyObject *module)
{
    (void)module;
    for (int i = 0; i < CALLBACKS; i++)
        if (!(names[i] = PyUnicode_InternFromString(spelled[i])))
            return -1;
    return 0;
}
