/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: a directory that is served over SFTP, and nothing outside it. It and the conversations that it serves
 * (FilesGuest) are objects of the library of confined files; a guest holds its Files. */
#include <sessile_files.h>

#include "glue.h"

typedef struct {
    PyObject_HEAD sessile_files *files;
} Files;

typedef struct {
    PyObject_HEAD sessile_files_guest *guest;
    PyObject *files;
} FilesGuest;

static PyTypeObject *guest_type;

static PyObject *files_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *path = NULL;
    int read_only = 0;
    Files *self;

    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Files() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "O&p:Files", PyUnicode_FSConverter, &path, &read_only))
        return NULL;
    self = (Files *)PyType_GenericAlloc(type, 0);
    if (self && !(self->files = sessile_files_new(PyBytes_AsString(path), read_only))) {
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AsString(path));
        Py_CLEAR(self);
    }
    Py_DECREF(path);
    return (PyObject *)self;
}

static void files_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    sessile_files_free(((Files *)self)->files);
    PyObject_Free(self);
    Py_DECREF(type);
}

static void on_guest_closed(sessile_files_guest *guest, int error, void *app)
{
    PyObject *argument = PyLong_FromLong(error);

    (void)guest;
    call_in_passing(app, CLOSED, &argument, 1);
}

static FilesGuest *guest_make(Files *files, void *app)
{
    FilesGuest *self = PyObject_New(FilesGuest, guest_type);

    if (!self)
        return NULL;
    self->files = Py_NewRef((PyObject *)files);
    if (!(self->guest = sessile_files_guest_new(files->files, on_guest_closed, app))) {
        PyErr_NoMemory();
        Py_CLEAR(self);
    }
    return self;
}

/* The typemaps' order of things, by hand: pin, enter, call, leave. */
static PyObject *files_serve(PyObject *self, PyObject *arguments)
{
    PyObject *slot, *stream;
    Handle *held = NULL;
    sessile_stream *on;
    FilesGuest *guest = NULL;
    void *app;
    int result;

    if (!PyArg_ParseTuple(arguments, "OO:serve", &slot, &stream) || slot_number(slot, &app) < 0 ||
        !(on = handle_pin(stream, &kind_stream, 0, &held)))
        return NULL;
    if (call_enter(arguments) == 0) {
        guest = guest_make((Files *)self, app);
        result = guest ? sessile_sftp_attach(sessile_files_sftp(guest->guest), on) : SESSILE_OK;
        if (call_leave() < 0)
            Py_CLEAR(guest);
        else if (result < 0) {
            error_raise(result, NULL);
            Py_CLEAR(guest);
        }
    }
    handle_unpin(held);
    return (PyObject *)guest;
}

static void guest_dealloc(PyObject *self)
{
    FilesGuest *guest = (FilesGuest *)self;
    PyTypeObject *type = Py_TYPE(self);

    call_enter(NULL);
    sessile_files_guest_free(guest->guest);
    call_leave_finaliser();
    Py_DECREF(guest->files);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMethodDef files_methods[] = {
    {"serve", files_serve, METH_VARARGS,
     "serve(slot, stream)\n\nServe a client over a stream's handle, as long as what is returned is held. The slot's "
     "owner "
     "has its _closed(code) called at the end."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot files_slots[] = {
    {Py_tp_new, files_new},
    {Py_tp_dealloc, files_dealloc},
    {Py_tp_methods, files_methods},
    {Py_tp_doc, "Files(root, read_only)\n--\n\nA directory, and nothing outside it."},
    {0, NULL},
};

static PyType_Spec files_spec = {
    .name = "sessile._sessile.Files",
    .basicsize = sizeof(Files),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = files_slots,
};

static PyType_Slot guest_slots[] = {
    {Py_tp_dealloc, guest_dealloc},
    {Py_tp_doc, "A client that is served. Files.serve() makes them."},
    {0, NULL},
};

static PyType_Spec guest_spec = {
    .name = "sessile._sessile.FilesGuest",
    .basicsize = sizeof(FilesGuest),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = guest_slots,
};

int files_ready(PyObject *module)
{
    PyTypeObject *files_type = (PyTypeObject *)PyType_FromSpec(&files_spec);

    guest_type = (PyTypeObject *)PyType_FromSpec(&guest_spec);
    if (!files_type || !guest_type || PyModule_AddObjectRef(module, "FilesGuest", (PyObject *)guest_type) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Files", (PyObject *)files_type);
}
