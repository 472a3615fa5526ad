/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots: numbers for owners. The number is an index into a table and a generation, so one that is no longer in use
 * finds nobody, whenever the library may come with it. */
#include <stdint.h>

#include "glue.h"

struct entry {
    PyObject *owner; /* a weak reference, or NULL: free */
    uint32_t generation;
    uint32_t next; /* of the free ones */
};

#define NONE UINT32_MAX

static struct entry *entries;
static uint32_t entry_count;
static uint32_t first_free = NONE;

typedef struct {
    PyObject_HEAD uint64_t number; /* 0: none */
} Slot;

static PyTypeObject *slot_type;

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "a slot's number travels as a pointer");

static int entries_grow(void)
{
    uint32_t count = entry_count ? entry_count * 2 : 64;
    struct entry *grown;

    if (count <= entry_count || !(grown = PyMem_Realloc(entries, count * sizeof *entries))) {
        PyErr_NoMemory();
        return -1;
    }
    entries = grown;
    for (uint32_t i = count; i-- > entry_count;) {
        entries[i] = (struct entry){NULL, 1, first_free};
        first_free = i;
    }
    entry_count = count;
    return 0;
}

static struct entry *entry_of(uint64_t number)
{
    uint32_t index = (uint32_t)number;

    if (index >= entry_count || entries[index].generation != (uint32_t)(number >> 32) || !entries[index].owner)
        return NULL;
    return &entries[index];
}

static uint64_t entry_take(PyObject *weak)
{
    uint32_t index = first_free;

    first_free = entries[index].next;
    entries[index].owner = weak;
    return (uint64_t)entries[index].generation << 32 | index;
}

static void entry_drop(uint64_t number)
{
    struct entry *entry = entry_of(number);
    PyObject *weak;

    if (!entry)
        return;
    weak = entry->owner;
    entry->owner = NULL;
    if (++entry->generation == 0)
        entry->generation = 1;
    entry->next = first_free;
    first_free = (uint32_t)number;
    Py_DECREF(weak);
}

static PyObject *slot_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *owner, *weak;
    Slot *self;

    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Slot() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "O:Slot", &owner) || !(weak = PyWeakref_NewRef(owner, NULL)))
        return NULL;
    self = first_free == NONE && entries_grow() < 0 ? NULL : (Slot *)PyType_GenericAlloc(type, 0);
    if (!self || first_free == NONE) {
        Py_DECREF(weak);
        Py_XDECREF((PyObject *)self);
        return NULL;
    }
    self->number = entry_take(weak);
    return (PyObject *)self;
}

static void slot_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    entry_drop(((Slot *)self)->number);
    PyObject_Free(self);
    Py_DECREF(type);
}

int slot_number(PyObject *argument, void **number)
{
    *number = NULL;
    if (argument == Py_None)
        return 0;
    if (!PyObject_TypeCheck(argument, slot_type)) {
        PyErr_Format(PyExc_TypeError, "expected a Slot, not %R", argument);
        return -1;
    }
    *number = (void *)(uintptr_t)((Slot *)argument)->number;
    return 0;
}

PyObject *slot_owner(void *number)
{
    struct entry *entry = entry_of((uint64_t)(uintptr_t)number);
    PyObject *owner = NULL;

    if (!entry)
        return NULL;
#if PY_VERSION_HEX >= 0x030d0000 && !defined(Py_LIMITED_API)
    if (PyWeakref_GetRef(entry->owner, &owner) < 0)
        PyErr_Clear();
    return owner;
#else
    owner = PyWeakref_GetObject(entry->owner);
    return owner == Py_None ? NULL : Py_NewRef(owner);
#endif
}

static PyType_Slot slot_slots[] = {
    {Py_tp_new, slot_new},
    {Py_tp_dealloc, slot_dealloc},
    {Py_tp_doc, "Slot(owner)\n--\n\nStands for owner, which it holds weakly, where the library calls back."},
    {0, NULL},
};

static PyType_Spec slot_spec = {
    .name = "sessile._sessile.Slot",
    .basicsize = sizeof(Slot),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slot_slots,
};

int slot_ready(PyObject *module)
{
    slot_type = (PyTypeObject *)PyType_FromSpec(&slot_spec);
    return slot_type ? PyModule_AddObjectRef(module, "Slot", (PyObject *)slot_type) : -1;
}
