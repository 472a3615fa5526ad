/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading fields by their description. */
#include "ssh/connection/fields.h"

#include <string.h>

#define PORT_MAX 65535

static int text_is_usable(const struct field *field, const struct reader *text)
{
    if (text->left > field->most)
        return 0;
    return field->kind != FIELD_TEXT || !text->left || !memchr(text->data, 0, text->left);
}

static int field_read(struct reader *r, const struct field *field, struct field_value *value)
{
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_BYTES:
        value->text = get_sub32(r);
        return text_is_usable(field, &value->text);
    case FIELD_BOOLEAN:
        value->number = get_u8(r) != 0;
        return 1;
    default:
        value->number = get_u32(r);
        return field->kind != FIELD_PORT || value->number <= PORT_MAX;
    }
}

int fields_read(struct reader *r, const struct field *fields, struct field_value values[FIELDS_MAX])
{
    int usable = 1;

    memset(values, 0, FIELDS_MAX * sizeof *values);
    for (size_t i = 0; i < FIELDS_MAX && fields[i].kind != FIELD_END; i++)
        usable &= field_read(r, &fields[i], &values[i]);
    return usable;
}

void fields_ask(sessile_question *question, const struct field *fields, const struct field_value *values)
{
    for (size_t i = 0; i < FIELDS_MAX && fields[i].kind != FIELD_END; i++) {
        if (!fields[i].item)
            continue;
        if (fields[i].kind == FIELD_TEXT || fields[i].kind == FIELD_BYTES)
            question_add(question, fields[i].item, values[i].text.data, values[i].text.left);
        else
            question_add_number(question, fields[i].item, values[i].number);
    }
}
