/* SPDX-License-Identifier: Apache-2.0
 *
 * Intake: what arrives on a wire, on its way into a session. It is the base of a protocol of asyncio's kind
 * (get_buffer, buffer_updated, data_received), and keeps what the session has not taken.
 *
 * A transport reads into a room that is lent to it from get_buffer until buffer_updated: mostly one and the same of the
 * whole process, so that a wire on which nothing waits holds no memory. While it is lent, others are given one of their
 * own. The front of a room is left free for what is kept: it is moved there, and all is offered in one piece.
 *
 * What arrives while the session is at work is added to what is kept, which the session is not looking at then.
 *
 * The GIL is what guards the shared room: event loops of several threads lend it in turn. */
#include <string.h>

#include "glue.h"

#include <structmember.h>

#define SHARED_SIZE ((size_t)256 * 1024)
#define LEAST_ROOM ((size_t)64 * 1024)

static unsigned char shared_room[SHARED_SIZE];
static int shared_is_lent;

struct bytes {
    unsigned char *data; /* NULL: none */
    size_t start, end, size;
};

struct room {
    unsigned char *data; /* NULL: none */
    PyObject *own;       /* a memoryview, which keeps its bytearray from being resized; NULL: the shared one */
    size_t front, size;
};

typedef struct {
    PyObject_HEAD PyObject *session; /* a Handle; NULL before it is attached */
    struct bytes kept;
    struct room room;
    char offering, again;
    char deaf; /* Python's: the transport was told to read no more */
} Intake;

static PyObject *balance_name;

/* ---- What is kept ---- */

static size_t kept_size(const Intake *self)
{
    return self->kept.end - self->kept.start;
}

/* Not to be used where nothing is kept. */
static unsigned char *kept_data(const Intake *self)
{
    return self->kept.data + self->kept.start;
}

static void bytes_free(struct bytes *bytes)
{
    PyMem_Free(bytes->data);
    *bytes = (struct bytes){0};
}

static int bytes_reserve(struct bytes *bytes, size_t more)
{
    size_t count = bytes->end - bytes->start;
    size_t size = more < count ? 2 * count : count + more;
    unsigned char *data;

    if (bytes->size - bytes->end >= more)
        return 0;
    if (!(data = PyMem_Malloc(size))) {
        PyErr_NoMemory();
        return -1;
    }
    if (count)
        memcpy(data, bytes->data + bytes->start, count);
    PyMem_Free(bytes->data);
    *bytes = (struct bytes){data, 0, count, size};
    return 0;
}

static int bytes_add(struct bytes *bytes, const unsigned char *data, size_t size)
{
    if (!size)
        return 0;
    if (bytes_reserve(bytes, size) < 0)
        return -1;
    memcpy(bytes->data + bytes->end, data, size);
    bytes->end += size;
    return 0;
}

/* ---- Rooms ---- */

static int room_take(struct room *room, size_t front)
{
    PyObject *whole;

    *room = (struct room){.front = front, .size = SHARED_SIZE};
    if (!shared_is_lent && front + LEAST_ROOM <= SHARED_SIZE) {
        shared_is_lent = 1;
        room->data = shared_room;
        return 0;
    }
    room->size = front + LEAST_ROOM;
    if (!(whole = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)room->size)))
        return -1;
    if ((room->own = PyMemoryView_FromObject(whole)))
        room->data = (unsigned char *)PyByteArray_AsString(whole);
    Py_DECREF(whole);
    return room->own ? 0 : -1;
}

static void room_leave(struct room *room)
{
    if (room->data == shared_room)
        shared_is_lent = 0;
    Py_XDECREF(room->own);
    *room = (struct room){0};
}

/* Behind the front. A view of the shared room is always valid; one of another room holds it. */
static PyObject *room_view(const struct room *room)
{
    PyObject *from, *slice, *view;

    if (!room->own)
        return PyMemoryView_FromMemory((char *)room->data + room->front, (Py_ssize_t)(room->size - room->front),
                                       PyBUF_WRITE);
    from = PyLong_FromSize_t(room->front);
    slice = from ? PySlice_New(from, NULL, NULL) : NULL;
    view = slice ? PyObject_GetItem(room->own, slice) : NULL;
    Py_XDECREF(slice);
    Py_XDECREF(from);
    return view;
}

/* ---- Offering ---- */

/* One receive. *taken: what it took, also where it leads to an exception (-1); all, where the session has failed. A
 * callback may have freed it. */
static int receive(Intake *self, const unsigned char *data, size_t size, size_t *taken)
{
    Handle *held = NULL;
    sessile_session *session = handle_pin(self->session, &kind_session, 0, &held);
    int count, result = -1;

    *taken = 0;
    if (!session)
        return -1;
    if (call_enter(NULL) == 0) {
        count = sessile_session_receive(session, data, size);
        result = call_leave();
        *taken = count < 0 ? size : (size_t)count;
        if (result == 0 && count < 0 && error_receive((PyObject *)held) < 0) {
            *taken = 0;
            result = -1;
        }
    }
    handle_unpin(held);
    return result;
}

/* Keep what is left of a piece, before what has arrived since. */
static int keep_rest(Intake *self, const unsigned char *data, size_t size)
{
    struct bytes rest = {0};

    if (!size)
        return 0;
    if (bytes_add(&rest, data, size) < 0 ||
        (self->kept.data && bytes_add(&rest, kept_data(self), kept_size(self)) < 0)) {
        bytes_free(&rest);
        return -1;
    }
    bytes_free(&self->kept);
    self->kept = rest;
    return 0;
}

/* Offer what is kept, as long as the session asks for it again. */
static int offer_kept(Intake *self)
{
    int result = 0;

    while (result == 0 && self->again && self->kept.data) {
        struct bytes whole = self->kept;
        size_t taken;

        self->kept = (struct bytes){0};
        self->again = 0;
        result = receive(self, whole.data + whole.start, whole.end - whole.start, &taken);
        whole.start += taken;
        if (!self->kept.data && whole.start < whole.end) {
            self->kept = whole;
            continue;
        }
        if (keep_rest(self, whole.data + whole.start, whole.end - whole.start) < 0)
            result = -1;
        bytes_free(&whole);
    }
    return result;
}

/* Python's turn, where the transport has to be stopped, or to go on. */
static int balance(Intake *self)
{
    sessile_session *session = handle_peek(self->session, &kind_session);
    PyObject *result;

    if (!self->deaf && (!self->kept.data || (session && sessile_session_want(session) > 0)))
        return 0;
    result = PyObject_CallMethodObjArgs((PyObject *)self, balance_name, NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* data, size: what the room has, all that is kept included; or nothing, and what is kept is offered. */
static int offer(Intake *self, const unsigned char *data, size_t size)
{
    size_t taken;
    int result = 0;

    self->offering = 1;
    self->again = size == 0;
    if (size) {
        result = receive(self, data, size, &taken);
        if (keep_rest(self, data + taken, size - taken) < 0)
            result = -1;
    }
    if (result == 0)
        result = offer_kept(self);
    self->offering = 0;
    return result < 0 ? -1 : balance(self);
}

static PyObject *offered(int result)
{
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* ---- Methods ---- */

static int is_attached(const Intake *self)
{
    if (!self->session)
        PyErr_SetString(PyExc_RuntimeError, "the intake has no session yet");
    return self->session != NULL;
}

static PyObject *intake_attach(PyObject *object, PyObject *session)
{
    Intake *self = (Intake *)object;
    PyObject *before = self->session;
    Handle *held = NULL;

    if (!handle_pin(session, &kind_session, 0, &held))
        return NULL;
    handle_unpin(held);
    self->session = Py_NewRef(session);
    Py_XDECREF(before);
    Py_RETURN_NONE;
}

static PyObject *intake_get_buffer(PyObject *object, PyObject *hint)
{
    Intake *self = (Intake *)object;

    (void)hint;
    if (!self->room.data && room_take(&self->room, kept_size(self)) < 0)
        return NULL;
    return room_view(&self->room);
}

static int offer_again(Intake *self)
{
    self->again = 1;
    return self->offering ? 0 : offer(self, NULL, 0);
}

/* Whether the session would leave what is kept and so many bytes more as they are. */
static int is_too_little(const Intake *self, size_t count)
{
    sessile_session *session = handle_peek(self->session, &kind_session);

    return session && !self->offering && self->kept.data && kept_size(self) + count < sessile_session_want(session);
}

/* Behind what is kept. */
static int offer_more(Intake *self, const unsigned char *data, size_t count)
{
    int too_little = is_too_little(self, count);

    if (bytes_add(&self->kept, data, count) < 0)
        return -1;
    return too_little ? 0 : offer_again(self);
}

/* What is kept fits into the room's front, unless more was kept meanwhile. */
static int offer_room(Intake *self, struct room *room, size_t count)
{
    size_t before = kept_size(self);
    const unsigned char *arrived = room->data + room->front;

    if (self->offering || before > room->front || is_too_little(self, count))
        return offer_more(self, arrived, count);
    if (before)
        memcpy(room->data + room->front - before, kept_data(self), before);
    bytes_free(&self->kept);
    return before + count ? offer(self, arrived - before, before + count) : 0;
}

static PyObject *intake_buffer_updated(PyObject *object, PyObject *argument)
{
    Intake *self = (Intake *)object;
    size_t count = PyLong_AsSize_t(argument);
    struct room room = self->room;
    int result;

    if (PyErr_Occurred() || !is_attached(self))
        return NULL;
    if (!room.data || count > room.size - room.front) {
        PyErr_SetString(PyExc_ValueError, "more than the buffer that get_buffer() has lent");
        return NULL;
    }
    self->room = (struct room){0};
    result = offer_room(self, &room, count);
    room_leave(&room);
    return offered(result);
}

static PyObject *intake_preload(PyObject *object, PyObject *argument)
{
    Intake *self = (Intake *)object;
    Py_buffer view;
    int result;

    if (PyObject_GetBuffer(argument, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    result = bytes_add(&self->kept, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return offered(result);
}

static PyObject *intake_offer(PyObject *object, PyObject *unused)
{
    (void)unused;
    return is_attached((Intake *)object) ? offered(offer_again((Intake *)object)) : NULL;
}

static PyObject *intake_data_received(PyObject *object, PyObject *data)
{
    Intake *self = (Intake *)object;
    Py_buffer view;
    int result;

    if (!is_attached(self) || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    if (self->offering || self->kept.data)
        result = offer_more(self, view.buf, (size_t)view.len);
    else
        result = view.len ? offer(self, view.buf, (size_t)view.len) : 0;
    PyBuffer_Release(&view);
    return offered(result);
}

static PyObject *intake_forget(PyObject *object, PyObject *unused)
{
    (void)unused;
    bytes_free(&((Intake *)object)->kept);
    Py_RETURN_NONE;
}

static PyObject *intake_release(PyObject *object, PyObject *unused)
{
    (void)unused;
    room_leave(&((Intake *)object)->room);
    Py_RETURN_NONE;
}

/* ---- The type ---- */

static PyObject *intake_waiting(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(kept_size((Intake *)object));
}

static void intake_dealloc(PyObject *object)
{
    Intake *self = (Intake *)object;
    PyTypeObject *type = Py_TYPE(object);

    bytes_free(&self->kept);
    room_leave(&self->room);
    Py_XDECREF(self->session);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyMethodDef intake_methods[] = {
    {"attach", intake_attach, METH_O, "attach(session)\n\nSay whose handle takes what arrives."},
    {"get_buffer", intake_get_buffer, METH_O, "get_buffer(sizehint)\n\nThe transport's call."},
    {"buffer_updated", intake_buffer_updated, METH_O, "buffer_updated(nbytes)\n\nThe transport's call."},
    {"data_received", intake_data_received, METH_O,
     "data_received(data)\n\nThe call of a transport that has no use for a buffer of ours."},
    {"preload", intake_preload, METH_O,
     "preload(data)\n\nBytes that arrived before the transport was this wire's. Nothing is offered yet."},
    {"offer", intake_offer, METH_NOARGS,
     "offer()\n\nOffer again what is kept. From inside the session: as soon as it is done with what it has."},
    {"forget", intake_forget, METH_NOARGS, "forget()\n\nDrop what is kept."},
    {"release", intake_release, METH_NOARGS, "release()\n\nThe transport will not write to the buffer it has."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef intake_getset[] = {
    {"waiting", intake_waiting, NULL, "How many bytes are kept.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef intake_members[] = {
    {"deaf", T_BOOL, offsetof(Intake, deaf), 0, "Whether the transport was told to read no more."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot intake_slots[] = {
    {Py_tp_dealloc, intake_dealloc},
    {Py_tp_methods, intake_methods},
    {Py_tp_getset, intake_getset},
    {Py_tp_members, intake_members},
    {Py_tp_doc, "What arrives on a wire, on its way into a session. _balance() is called where the transport may have "
                "to be stopped, or to go on."},
    {0, NULL},
};

static PyType_Spec intake_spec = {
    .name = "sessile._sessile.Intake",
    .basicsize = sizeof(Intake),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = intake_slots,
};

int intake_ready(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&intake_spec);

    if (!type || !(balance_name = PyUnicode_InternFromString("_balance")))
        return -1;
    return PyModule_AddObjectRef(module, "Intake", type);
}
