/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls into the library, and how errors leave them: those of callbacks out of the outermost call, those of the
 * library as exceptions of the classes that are registered for their codes. */
#include <string.h>

#include "glue.h"

/* What one thread is in the midst of. */
static _Thread_local struct {
    unsigned depth;
    PyObject *type, *value, *traceback; /* the error that waits */
    char text[ERROR_TEXT_SIZE];
} call;

static PyObject *error_class;   /* the base, and what stands for a code that has no class */
static PyObject *error_classes; /* code -> class */

static int any_dead(PyObject *arguments)
{
    if (!arguments || !PyTuple_Check(arguments))
        return arguments && handle_is_dead(arguments);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); i++)
        if (handle_is_dead(PyTuple_GET_ITEM(arguments, i)))
            return 1;
    return 0;
}

int call_enter(PyObject *arguments)
{
    if (any_dead(arguments)) {
        error_raise(SESSILE_ERR_GONE, NULL);
        return -1;
    }
    call.depth++;
    return 0;
}

int call_leave(void)
{
    PyObject *type = call.type, *value = call.value, *traceback = call.traceback;

    if (--call.depth || !type)
        return 0;
    call.type = call.value = call.traceback = NULL;
    PyErr_Restore(type, value, traceback);
    return -1;
}

void call_leave_finaliser(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    if (call_leave() < 0)
        PyErr_WriteUnraisable(NULL);
    PyErr_Restore(type, value, traceback);
}

void call_park(void)
{
    if (call.type)
        PyErr_WriteUnraisable(NULL);
    else
        PyErr_Fetch(&call.type, &call.value, &call.traceback);
}

char *error_text(void)
{
    call.text[0] = '\0';
    return call.text;
}

/* ---- The library's errors ---- */

static PyObject *class_of(int code)
{
    PyObject *number = PyLong_FromLong(code);
    PyObject *found = number ? PyDict_GetItemWithError(error_classes, number) : NULL;

    Py_XDECREF(number);
    if (PyErr_Occurred())
        PyErr_Clear();
    return found ? found : error_class;
}

static void raise_with(int code, const char *text)
{
    PyObject *sentence = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *value = sentence ? PyObject_CallFunction(class_of(code), "iO", code, sentence) : NULL;

    if (value)
        PyErr_SetObject((PyObject *)Py_TYPE(value), value);
    Py_XDECREF(value);
    Py_XDECREF(sentence);
}

/* A call that failed because its session has: what that was. */
static sessile_session *failed_session(PyObject *first)
{
    sessile_stream *stream = handle_peek(first, &kind_stream);

    return stream ? sessile_stream_session(stream) : handle_peek(first, &kind_session);
}

static const char *text_of(int *code, PyObject *first)
{
    const char *text = "";
    sessile_session *session;
    sessile_sftp *sftp;
    Handle *handle = (Handle *)first;

    if (*code == SESSILE_ERR_FAILED && (session = failed_session(first)) && sessile_session_error(session) < 0) {
        *code = sessile_session_error(session);
        text = sessile_session_error_text(session);
    } else if (*code == SESSILE_ERR_FAILED && (sftp = handle_peek(first, &kind_sftp)) && sessile_sftp_error(sftp) < 0) {
        *code = sessile_sftp_error(sftp);
        text = sessile_sftp_error_text(sftp);
    } else if (handle_peek(first, &kind_tls_config) || handle_peek(first, &kind_ssh_config)) {
        text = handle->kind->error_text(handle->object);
    }
    return text;
}

static PyObject *first_of(PyObject *arguments)
{
    if (arguments && PyTuple_Check(arguments))
        return PyTuple_GET_SIZE(arguments) ? PyTuple_GET_ITEM(arguments, 0) : NULL;
    return arguments;
}

/* A config that was handed to a session says what is wrong with it. */
static const char *text_of_config(PyObject *arguments)
{
    PyObject *second =
        PyTuple_Check(arguments) && PyTuple_GET_SIZE(arguments) > 1 ? PyTuple_GET_ITEM(arguments, 1) : NULL;
    int code = SESSILE_OK;

    return second ? text_of(&code, second) : "";
}

void error_raise(int code, PyObject *arguments)
{
    char kept[ERROR_TEXT_SIZE];
    const char *text;

    if (PyErr_Occurred())
        return;
    memcpy(kept, call.text, sizeof kept);
    kept[sizeof kept - 1] = '\0';
    call.text[0] = '\0';
    text = arguments && !kept[0] ? text_of(&code, first_of(arguments)) : kept;
    if (arguments && !text[0] && code != SESSILE_ERR_MISUSE && code != SESSILE_ERR_BUSY)
        text = text_of_config(arguments);
    raise_with(code, text[0] ? text : sessile_error_describe(code));
}

int error_receive(PyObject *arguments)
{
    sessile_session *session = handle_peek(first_of(arguments), &kind_session);

    if (!session || sessile_session_error(session) != SESSILE_ERR_BUSY)
        return 0;
    error_raise(SESSILE_ERR_BUSY, NULL);
    return -1;
}

void error_note_taken(int taken)
{
    PyObject *type, *value, *traceback, *number = NULL;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (!value || !(number = PyLong_FromLong(taken)) || PyObject_SetAttrString(value, "taken", number) < 0)
        PyErr_Clear();
    Py_XDECREF(number);
    PyErr_Restore(type, value, traceback);
}

int call_ready(PyObject *module)
{
    error_class = PyErr_NewExceptionWithDoc("sessile._sessile.Error",
                                            "Error(code, text): a call of the library failed.", NULL, NULL);
    error_classes = PyDict_New();
    if (!error_class || !error_classes || PyModule_AddObjectRef(module, "Error", error_class) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "error_classes", error_classes);
}
