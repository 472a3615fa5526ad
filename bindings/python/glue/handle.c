/* SPDX-License-Identifier: Apache-2.0
 *
 * Handles: one Python type for all objects of the library. A handle holds one reference; freeing it twice, using it
 * afterwards or handing it to a function of another kind is an exception. */
#include "glue.h"

#define KIND(kind_name, ...)                                                                                           \
    static void release_##kind_name(void *object)                                                                      \
    {                                                                                                                  \
        sessile_##kind_name##_free(object);                                                                            \
    }                                                                                                                  \
    const struct kind kind_##kind_name = {.name = #kind_name, .release = release_##kind_name, __VA_ARGS__}

static const char *tls_config_text(void *object)
{
    return sessile_tls_config_error_text(object);
}

static const char *ssh_config_text(void *object)
{
    return sessile_ssh_config_error_text(object);
}

static void *keep_question(void *object)
{
    return sessile_question_keep(object);
}

static void *keep_job(void *object)
{
    return sessile_sftp_job_keep(object);
}

KIND(session, .at_once = 1);
KIND(stream);
KIND(question, .keep = keep_question);
KIND(callbacks);
KIND(key);
KIND(known_hosts);
KIND(authorized_keys);
KIND(principals);
KIND(grant);
KIND(krl);
KIND(tls_config, .error_text = tls_config_text);
KIND(tls_tickets);
KIND(ssh_config, .error_text = ssh_config_text);
KIND(sftp, .at_once = 1);
KIND(sftp_request, .at_once = 1);
KIND(sftp_attrs);
KIND(sftp_transfer, .at_once = 1);
KIND(sftp_job, .keep = keep_job);

static PyTypeObject *handle_type;

/* Freeing a session may call back. */
static void object_release(const struct kind *kind, void *object)
{
    call_enter(NULL);
    kind->release(object);
    call_leave_finaliser();
}

/* What is not freed at once waits until no call uses it. */
static void handle_free(Handle *self)
{
    void *object = self->object;

    self->freed = 1;
    if (!object || (self->pins && !self->kind->at_once))
        return;
    self->object = NULL;
    if (!self->lent)
        object_release(self->kind, object);
}

static void handle_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    handle_free((Handle *)self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *handle_make(const struct kind *kind, void *object, int lent)
{
    Handle *self = PyObject_New(Handle, handle_type);

    if (!self)
        return NULL;
    self->object = object;
    self->kind = kind;
    self->pins = 0;
    self->freed = 0;
    self->lent = (char)lent;
    return (PyObject *)self;
}

static int main_interpreter_only(void)
{
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "sessile runs in the main interpreter only, not in a sub-interpreter");
    return -1;
}

PyObject *handle_new(const struct kind *kind, void *object)
{
    PyObject *handle;

    if (!object)
        Py_RETURN_NONE;
    handle = main_interpreter_only() < 0 ? NULL : handle_make(kind, object, 0);
    if (!handle)
        object_release(kind, object);
    return handle;
}

PyObject *handle_lend(const struct kind *kind, void *object)
{
    return handle_make(kind, object, 1);
}

void handle_lent(PyObject *handle)
{
    Handle *self = (Handle *)handle;

    if (self->object && (Py_REFCNT(handle) == 1 || !self->kind->keep(self->object)))
        self->object = NULL;
    self->lent = 0;
    Py_DECREF(handle);
}

int handle_is_dead(PyObject *argument)
{
    return Py_IS_TYPE(argument, handle_type) && (!((Handle *)argument)->object || ((Handle *)argument)->freed);
}

void *handle_peek(PyObject *argument, const struct kind *kind)
{
    if (!argument || !PyObject_TypeCheck(argument, handle_type) || ((Handle *)argument)->kind != kind)
        return NULL;
    return ((Handle *)argument)->object;
}

void *handle_pin(PyObject *argument, const struct kind *kind, int optional, Handle **held)
{
    Handle *self = (Handle *)argument;

    if (optional && argument == Py_None)
        return NULL;
    if (!PyObject_TypeCheck(argument, handle_type) || self->kind != kind) {
        PyErr_Format(PyExc_TypeError, "expected a handle of a %s, not %R", kind->name, argument);
        return NULL;
    }
    if (!self->object || self->freed) {
        error_raise(SESSILE_ERR_GONE, NULL);
        return NULL;
    }
    self->pins++;
    Py_INCREF(argument);
    *held = self;
    return self->object;
}

void handle_unpin(Handle *held)
{
    if (!held)
        return;
    if (--held->pins == 0 && held->freed)
        handle_free(held);
    Py_DECREF(held);
}

static PyObject *handle_repr(PyObject *self)
{
    Handle *handle = (Handle *)self;

    if (!handle->object || handle->freed)
        return PyUnicode_FromFormat("<freed handle of a %s>", handle->kind->name);
    return PyUnicode_FromFormat("<handle of a %s at %p>", handle->kind->name, handle->object);
}

static PyObject *handle_address(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(((Handle *)self)->object);
}

static PyObject *handle_kind(PyObject *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(((Handle *)self)->kind->name);
}

static PyObject *module_free(PyObject *module, PyObject *argument)
{
    Handle *self = (Handle *)argument;

    (void)module;
    if (!PyObject_TypeCheck(argument, handle_type)) {
        PyErr_Format(PyExc_TypeError, "expected a handle, not %R", argument);
        return NULL;
    }
    if (self->freed)
        Py_RETURN_NONE;
    call_enter(NULL);
    handle_free(self);
    if (call_leave() < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyGetSetDef handle_getset[] = {
    {"address", handle_address, NULL, "A number that tells this object from all others that are alive; 0 when freed.",
     NULL},
    {"kind", handle_kind, NULL, "What it is a handle of, such as \"session\".", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot handle_slots[] = {
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_repr, handle_repr},
    {Py_tp_getset, handle_getset},
    {Py_tp_doc, "One reference to an object of the library. Functions of the module make them."},
    {0, NULL},
};

static PyType_Spec handle_spec = {
    .name = "sessile._sessile.Handle",
    .basicsize = sizeof(Handle),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = handle_slots,
};

static PyMethodDef handle_methods[] = {
    {"free", module_free, METH_O,
     "free(handle)\n\nGive the handle's reference back now. Afterwards every use of it raises. Twice is once."},
    {NULL, NULL, 0, NULL},
};

int handle_ready(PyObject *module)
{
    if (main_interpreter_only() < 0)
        return -1;
    handle_type = (PyTypeObject *)PyType_FromSpec(&handle_spec);
    if (!handle_type || PyModule_AddObjectRef(module, "Handle", (PyObject *)handle_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, handle_methods);
}
