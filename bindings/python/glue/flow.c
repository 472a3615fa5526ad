/* SPDX-License-Identifier: Apache-2.0
 *
 * Flow: the short way between a stream and the application's protocol, for a transport of asyncio's kind. It knows the
 * plain case only: what arrives goes to protocol.data_received() and is consumed, what is written is taken whole. The
 * transport says when that is so (reading, writing); all else is for its methods _arrived, _write, _left and _raised.
 *
 * While a write is on the stack (busy) the stream may ask for more; again remembers that. */
#include "glue.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD PyObject *transport, *stream, *protocol; /* stream: a Handle */
    char reading, writing, busy, again;
} Flow;

enum method { ARRIVED, WRITE, LEFT, RAISED, DATA_RECEIVED, METHODS };
static const char *const spelled[METHODS] = {"_arrived", "_write", "_left", "_raised", "data_received"};
static PyObject *methods[METHODS];

static PyObject *call_one(PyObject *object, enum method method, PyObject *argument)
{
    PyObject *arguments[2] = {object, argument};

    return PyObject_VectorcallMethod(methods[method], arguments, 2, NULL);
}

/* Something of the application's raised, or of a transport's below: that is for the loop's exception handler, and the
 * end of the session. Returns -1 with what is no Exception. */
static int tell_raised(Flow *self)
{
    PyObject *type, *value, *traceback, *result;

    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    result = call_one(self->transport, RAISED, value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* ---- Calls of a stream, whose errors are none of the protocol's business ---- */

static sessile_stream *stream_pin(Flow *self, Handle **held)
{
    sessile_stream *stream = handle_pin(self->stream, &kind_stream, 0, held);

    if (!stream && PyErr_ExceptionMatches(PyExc_Exception))
        PyErr_Clear();
    return stream;
}

static int consume(Flow *self, size_t size)
{
    Handle *held = NULL;
    sessile_stream *stream = stream_pin(self, &held);
    int result;

    if (!stream)
        return PyErr_Occurred() ? -1 : 0;
    call_enter(NULL);
    sessile_stream_consumed(stream, size);
    result = call_leave();
    handle_unpin(held);
    return result;
}

/* *taken: how many bytes the stream has taken. Where it is over, that is all: the protocol learns it otherwise. A
 * callback that raises leaves a session of which nobody knows what has gone out: it is ended. */
static int put(Flow *self, const Py_buffer *view, size_t *taken)
{
    Handle *held = NULL;
    sessile_stream *stream = stream_pin(self, &held);
    int count = -1, result = 0;

    *taken = (size_t)view->len;
    if (!stream)
        return PyErr_Occurred() ? -1 : 0;
    self->busy = 1;
    self->again = 0;
    call_enter(NULL);
    count = sessile_stream_write(stream, view->buf, (size_t)view->len);
    result = call_leave();
    self->busy = 0;
    handle_unpin(held);
    if (result < 0)
        return tell_raised(self);
    if (count == SESSILE_ERR_BUSY) {
        error_raise(count, NULL);
        return -1;
    }
    if (count >= 0)
        *taken = (size_t)count;
    return 0;
}

/* ---- Reading ---- */

static PyObject *deliver(Flow *self, PyObject *data)
{
    Py_ssize_t size = PyBytes_Size(data);
    PyObject *protocol = Py_NewRef(self->protocol);
    PyObject *result = call_one(protocol, DATA_RECEIVED, data);

    Py_DECREF(protocol);
    if (!result && tell_raised(self) < 0)
        return NULL;
    Py_XDECREF(result);
    if (consume(self, (size_t)size) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *flow_arrived(PyObject *object, PyObject *data)
{
    Flow *self = (Flow *)object;

    if (self->reading && self->protocol && PyBytes_Check(data))
        return deliver(self, data);
    return call_one(self->transport, ARRIVED, data);
}

/* ---- Writing ---- */

static int is_octets(PyObject *data)
{
    return PyBytes_Check(data) || PyByteArray_Check(data) || PyMemoryView_Check(data);
}

static PyObject *write_left(Flow *self, PyObject *data, size_t taken)
{
    PyObject *arguments[3] = {self->transport, data, PyLong_FromSize_t(taken)};
    PyObject *result = arguments[2] ? PyObject_VectorcallMethod(methods[LEFT], arguments, 3, NULL) : NULL;

    Py_XDECREF(arguments[2]);
    return result;
}

static PyObject *flow_write(PyObject *object, PyObject *data)
{
    Flow *self = (Flow *)object;
    size_t size, taken = 0;
    Py_buffer view;
    int result;

    if (!self->writing || self->busy || !is_octets(data))
        return call_one(self->transport, WRITE, data);
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        PyErr_Clear();
        return call_one(self->transport, WRITE, data);
    }
    size = (size_t)view.len;
    result = size ? put(self, &view, &taken) : 0;
    PyBuffer_Release(&view);
    if (result < 0)
        return NULL;
    if (taken < size || self->again)
        return write_left(self, data, taken);
    Py_RETURN_NONE;
}

static PyObject *flow_put(PyObject *object, PyObject *data)
{
    Py_buffer view;
    size_t taken;
    int result;

    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    result = put((Flow *)object, &view, &taken);
    PyBuffer_Release(&view);
    return result < 0 ? NULL : PyLong_FromSize_t(taken);
}

/* ---- The type ---- */

static PyObject *flow_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *transport, *stream;
    Handle *held = NULL;
    Flow *self;

    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Flow() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "OO:Flow", &transport, &stream) || !handle_pin(stream, &kind_stream, 0, &held))
        return NULL;
    handle_unpin(held);
    if ((self = (Flow *)PyType_GenericAlloc(type, 0))) {
        self->transport = Py_NewRef(transport);
        self->stream = Py_NewRef(stream);
    }
    return (PyObject *)self;
}

static int flow_traverse(PyObject *object, visitproc visit, void *arg)
{
    Flow *self = (Flow *)object;

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->transport);
    Py_VISIT(self->protocol);
    return 0;
}

static int flow_clear(PyObject *object)
{
    Flow *self = (Flow *)object;

    self->reading = self->writing = 0;
    Py_CLEAR(self->protocol);
    return 0;
}

static void flow_dealloc(PyObject *object)
{
    Flow *self = (Flow *)object;
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    Py_XDECREF(self->transport);
    Py_XDECREF(self->stream);
    Py_XDECREF(self->protocol);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyMethodDef flow_methods[] = {
    {"arrived", flow_arrived, METH_O, "arrived(data)\n\nThe stream's on_data."},
    {"write", flow_write, METH_O, "write(data)\n\nThe transport's."},
    {"put", flow_put, METH_O, "put(data)\n\nHow many bytes the stream takes; all, where it is over."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef flow_members[] = {
    {"protocol", T_OBJECT, offsetof(Flow, protocol), 0, "Whose data_received() it is."},
    {"reading", T_BOOL, offsetof(Flow, reading), 0, "What arrives goes to the protocol at once."},
    {"writing", T_BOOL, offsetof(Flow, writing), 0, "What is written goes to the stream at once."},
    {"busy", T_BOOL, offsetof(Flow, busy), READONLY, "A write is on the stack."},
    {"again", T_BOOL, offsetof(Flow, again), 0, "The stream has asked for more meanwhile."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot flow_slots[] = {
    {Py_tp_new, flow_new},
    {Py_tp_traverse, flow_traverse},
    {Py_tp_clear, flow_clear},
    {Py_tp_dealloc, flow_dealloc},
    {Py_tp_methods, flow_methods},
    {Py_tp_members, flow_members},
    {Py_tp_doc, "Flow(transport, stream)\n--\n\nThe short way between a stream's handle and transport's protocol."},
    {0, NULL},
};

static PyType_Spec flow_spec = {
    .name = "sessile._sessile.Flow",
    .basicsize = sizeof(Flow),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = flow_slots,
};

int flow_ready(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&flow_spec);

    for (int i = 0; i < METHODS; i++)
        if (!(methods[i] = PyUnicode_InternFromString(spelled[i])))
            return -1;
    return type ? PyModule_AddObjectRef(module, "Flow", type) : -1;
}
