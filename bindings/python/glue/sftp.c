/* SPDX-License-Identifier: Apache-2.0
 *
 * From SFTP's callbacks to attributes of the owner in Python. Bytes are copied on their way: what Python holds on to
 * is its own. */
#include <string.h>

#include "glue.h"

static PyObject *bytes_of(const void *data, size_t size)
{
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

int on_sftp_ready(sessile_sftp *sftp, void *app)
{
    (void)sftp;
    return call_for_yes(app, READY, NULL, 0);
}

int on_sftp_resume(sessile_sftp *sftp, void *app)
{
    (void)sftp;
    return call_for_yes(app, RESUME, NULL, 0);
}

void on_sftp_closed(sessile_sftp *sftp, int error, void *app)
{
    PyObject *argument = PyLong_FromLong(error);

    (void)sftp;
    call_in_passing(app, CLOSED, &argument, 1);
}

/* A number from a callback, 0 to size; None is whole. Negative: none, and what was wrong waits. */
static int count_of(PyObject *result, size_t size, const char *callback)
{
    long long count;

    if (result == Py_None)
        return (int)size;
    count = PyLong_Check(result) ? PyLong_AsLongLong(result) : -1;
    if (count >= 0 && (unsigned long long)count <= size)
        return (int)count;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "%s returned %R: neither None nor 0 to %zu", callback, result, size);
    call_park();
    return -1;
}

int on_sftp_send(sessile_sftp *sftp, const void *data, size_t size, void *app)
{
    PyObject *argument = bytes_of(data, size);
    PyObject *result = call_owner(app, SEND, &argument, 1);
    int taken = result ? count_of(result, size, "on_send") : -1;

    (void)sftp;
    Py_XDECREF(result);
    return taken;
}

int on_sftp_reply(sessile_sftp_request *request, void *app)
{
    (void)request;
    return call_for_yes(app, REPLY, NULL, 0);
}

int on_sftp_done(sessile_sftp_transfer *transfer, void *app)
{
    (void)transfer;
    return call_for_yes(app, DONE, NULL, 0);
}

int on_sftp_progress(sessile_sftp_transfer *transfer, void *app)
{
    (void)transfer;
    return call_for_yes(app, PROGRESS, NULL, 0);
}

/* What is true is to pause. */
int on_sftp_sink(sessile_sftp_transfer *transfer, uint64_t offset, const void *data, size_t size, void *app)
{
    PyObject *arguments[2] = {PyLong_FromUnsignedLongLong(offset), bytes_of(data, size)};
    PyObject *result = call_owner(app, SINK, arguments, 2);
    int pause = result ? PyObject_IsTrue(result) : -1;

    (void)transfer;
    if (result && pause < 0)
        call_park();
    Py_XDECREF(result);
    return pause > 0 ? SESSILE_SFTP_PAUSE : pause;
}

/* None: nothing for now. No bytes: the end. */
static int filled_with(PyObject *result, void *data, size_t size)
{
    Py_buffer view;
    int count = -1;

    if (result == Py_None)
        return SESSILE_ERR_BUSY;
    if (PyObject_GetBuffer(result, &view, PyBUF_SIMPLE) < 0) {
        call_park();
        return -1;
    }
    if ((size_t)view.len > size) {
        PyErr_Format(PyExc_ValueError, "a source returned %zd bytes, and %zu were asked for", view.len, size);
        call_park();
    } else {
        memcpy(data, view.buf, (size_t)view.len);
        count = (int)view.len;
    }
    PyBuffer_Release(&view);
    return count;
}

int on_sftp_source(sessile_sftp_transfer *transfer, uint64_t offset, void *data, size_t size, void *app)
{
    PyObject *arguments[2] = {PyLong_FromUnsignedLongLong(offset), PyLong_FromSize_t(size)};
    PyObject *result = call_owner(app, SOURCE, arguments, 2);
    int count = result ? filled_with(result, data, size) : -1;

    (void)transfer;
    Py_XDECREF(result);
    return count;
}

int on_sftp_job(sessile_sftp_job *job, void *app)
{
    return call_lending(app, JOB, &kind_sftp_job, job);
}

int on_sftp_withdrawn(sessile_sftp_job *job, void *app)
{
    return call_lending(app, WITHDRAWN, &kind_sftp_job, job);
}

void on_sftp_release(sessile_sftp *sftp, uint64_t file, void *app)
{
    PyObject *argument = PyLong_FromUnsignedLongLong(file);

    (void)sftp;
    call_in_passing(app, RELEASE, &argument, 1);
}
