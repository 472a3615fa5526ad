/* SPDX-License-Identifier: Apache-2.0
 *
 * The methods of Python's classes that are called for each message: the same as their definitions in Python, which say
 * what they do, without a frame and without a tuple of arguments. */
#include "glue.h"

static PyObject *handle_name;

PyObject *attribute_of(PyObject *owner, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr(owner, name);

    if (found || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyErr_Clear();
    return PyObject_GetAttr(owner, name);
}

static PyObject *receive(PyObject *owner, PyObject *data)
{
    PyObject *handle = attribute_of(owner, handle_name), *result = NULL;
    sessile_session *session;
    Handle *held = NULL;
    Py_buffer view = {0};
    int taken;

    if (!handle || !(session = handle_pin(handle, &kind_session, 0, &held)))
        goto out;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0 || call_enter(handle) < 0)
        goto out;
    taken = sessile_session_receive(session, view.buf, (size_t)view.len);
    if (call_leave() < 0)
        error_note_taken(taken);
    else if (taken >= 0 || error_receive(handle) == 0)
        result = PyLong_FromLong(taken);
out:
    PyBuffer_Release(&view);
    handle_unpin(held);
    Py_XDECREF(handle);
    return result;
}

static PyObject *write_data(PyObject *owner, PyObject *data)
{
    PyObject *handle = attribute_of(owner, handle_name), *result = NULL;
    sessile_stream *stream;
    Handle *held = NULL;
    Py_buffer view = {0};
    int taken;

    if (!handle || !(stream = handle_pin(handle, &kind_stream, 0, &held)))
        goto out;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0 || call_enter(handle) < 0)
        goto out;
    taken = sessile_stream_write(stream, view.buf, (size_t)view.len);
    if (call_leave() < 0)
        goto out;
    if (taken >= 0)
        result = PyLong_FromLong(taken);
    else
        error_raise(taken, handle);
out:
    PyBuffer_Release(&view);
    handle_unpin(held);
    Py_XDECREF(handle);
    return result;
}

static PyMethodDef swift[] = {
    {"receive", receive, METH_O, NULL},
    {"write", write_data, METH_O, NULL},
};

/* Have a method of the class's done in C. It keeps what the definition in Python says of it, which is kept for good. */
static int replace(PyObject *class, PyMethodDef *definition)
{
    PyObject *was = PyObject_GetAttrString(class, definition->ml_name);
    PyObject *says = was ? PyObject_GetAttrString(was, "__doc__") : NULL;
    PyObject *text = says ? PyUnicode_FromFormat("%s($self, data, /)\n--\n\n%S", definition->ml_name, says) : NULL;
    PyObject *method;
    int result = -1;

    if (text && (definition->ml_doc = PyUnicode_AsUTF8AndSize(text, NULL)) &&
        (method = PyDescr_NewMethod((PyTypeObject *)class, definition))) {
        result = PyObject_SetAttrString(class, definition->ml_name, method);
        Py_DECREF(method);
    }
    Py_XDECREF(was);
    Py_XDECREF(says);
    return result;
}

/* A class decorator: what it defines by one of these names becomes the method from here. */
static PyObject *quicken(PyObject *module, PyObject *class)
{
    (void)module;
    if (!PyType_Check(class)) {
        PyErr_Format(PyExc_TypeError, "expected a class, not %R", class);
        return NULL;
    }
    for (size_t i = 0; i < sizeof swift / sizeof *swift; i++)
        if (PyObject_HasAttrString(class, swift[i].ml_name) && replace(class, &swift[i]) < 0)
            return NULL;
    return Py_NewRef(class);
}

static PyMethodDef module_methods[] = {
    {"quicken", quicken, METH_O, "quicken(class)\n--\n\nHave its receive or its write done in C."},
    {NULL, NULL, 0, NULL},
};

int methods_ready(PyObject *module)
{
    if (!(handle_name = PyUnicode_InternFromString("_handle")))
        return -1;
    return PyModule_AddFunctions(module, module_methods);
}
