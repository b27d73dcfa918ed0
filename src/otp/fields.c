/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a behaviour as a map, by its table of fields. Replacing checks every key and type
 * before it changes anything. */
#include "otp/fields.h"

#include <string.h>

#define AT(TYPE) (*(const TYPE *)at)

static cop_term field_term(const void *at, enum cop_field_type type)
{
    switch (type) {
    case COP_FIELD_BOOL:
        return cop_bool(AT(bool));
    case COP_FIELD_INT32:
        return cop_int(AT(int32_t));
    case COP_FIELD_UINT32:
        return cop_int(AT(uint32_t));
    case COP_FIELD_INT64:
        return cop_int(AT(int64_t));
    case COP_FIELD_UINT64:
        return cop_uint(AT(uint64_t));
    case COP_FIELD_DOUBLE:
        return cop_float(AT(double));
    case COP_FIELD_TERM:
        return cop_is_none(AT(cop_term)) ? cop("undefined") : cop_copy(AT(cop_term));
    case COP_FIELD_PID:
        return AT(cop_pid).id ? cop_from_pid(AT(cop_pid)) : cop("undefined");
    case COP_FIELD_REF:
        return AT(cop_ref).id ? cop_from_ref(AT(cop_ref)) : cop("undefined");
    case COP_FIELD_ATOM:
        return AT(cop_atom).index ? cop_from_atom(AT(cop_atom)) : cop("undefined");
    case COP_FIELD_STRING:
        return AT(char *) ? cop_text(AT(char *)) : cop("undefined");
    default:
        return cop("undefined");
    }
}

cop_term cop__fields_get(const cop_field *fields, const void *state)
{
    cop_term map = cop_map_new();

    for (const cop_field *field = fields; field->type != COP_FIELD_END; field++)
        map = cop_map_put(map, cop_from_atom(cop_atom_new(field->name)),
            field_term((const char *)state + field->offset, field->type));
    return map;
}

/* Does the value fit the field, and if `at` is given, put it there. */
static bool put_field(void *at, enum cop_field_type type, cop_term value)
{
    union {
        bool flag;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        double number;
        cop_pid pid;
        cop_ref ref;
        cop_atom atom;
    } v;
    size_t size;
    int64_t wide;

    memset(&v, 0, sizeof v);
    switch (type) {
    case COP_FIELD_BOOL:
        size = sizeof v.flag;
        if (!cop_to_bool(&v.flag, value))
            return false;
        break;
    case COP_FIELD_INT32:
    case COP_FIELD_UINT32:
        size = sizeof v.i32;
        if (!cop_to_int(&wide, value) ||
            (type == COP_FIELD_INT32 ? wide != (int32_t)wide : wide < 0 || wide > UINT32_MAX))
            return false;
        v.u32 = (uint32_t)wide;
        break;
    case COP_FIELD_INT64:
        size = sizeof v.i64;
        if (!cop_to_int(&v.i64, value))
            return false;
        break;
    case COP_FIELD_UINT64:
        size = sizeof v.u64;
        if (!cop_to_uint(&v.u64, value))
            return false;
        break;
    case COP_FIELD_DOUBLE:
        size = sizeof v.number;
        if (!cop_to_double(&v.number, value))
            return false;
        break;
    case COP_FIELD_PID:
        size = sizeof v.pid;
        if (!cop_to_pid(&v.pid, value) && !cop_match(value, "undefined"))
            return false;
        break;
    case COP_FIELD_REF:
        size = sizeof v.ref;
        if (!cop_to_ref(&v.ref, value) && !cop_match(value, "undefined"))
            return false;
        break;
    case COP_FIELD_ATOM:
        size = sizeof v.atom;
        if (!cop_to_atom(&v.atom, value))
            return false;
        break;
    case COP_FIELD_TERM:
        if (at)
            cop_keep(at, value);
        return true;
    default: /* text belongs to the program */
        return at == NULL;
    }
    if (at)
        memcpy(at, &v, size);
    return true;
}

static const cop_field *field_named(const cop_field *fields, cop_term key)
{
    cop_atom name;

    if (!cop_to_atom(&name, key))
        return NULL;
    for (const cop_field *field = fields; field->type != COP_FIELD_END; field++)
        if (strcmp(field->name, cop_atom_text(name).data) == 0)
            return field;
    return NULL;
}

bool cop__fields_put(const cop_field *fields, void *state, cop_term map)
{
    cop_term key, value;

    if (!fields || cop_type_of(map) != COP_TYPE_MAP)
        return false;
    for (cop_map_iterator i = cop_map_begin(map); cop_map_next(&key, &value, &i);) {
        const cop_field *field = field_named(fields, key);

        if (!field || !put_field(NULL, field->type, value))
            return false;
    }
    for (cop_map_iterator i = cop_map_begin(map); cop_map_next(&key, &value, &i);) {
        const cop_field *field = field_named(fields, key);

        if (field->type != COP_FIELD_STRING)
            put_field((char *)state + field->offset, field->type, value);
    }
    return true;
}
