/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for the library, which ends at its first NUL: one that has a NUL inside would be taken for another. */
#include <string.h>

#include "glue.h"

const char *plain_text(PyObject *text)
{
    Py_ssize_t length = 0;
    const char *found = PyUnicode_AsUTF8AndSize(text, &length);

    if (!found || strlen(found) == (size_t)length)
        return found;
    PyErr_SetString(PyExc_ValueError, "embedded null character");
    return NULL;
}
