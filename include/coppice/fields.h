/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a state struct as a table, so that a behaviour can show and replace the state. */
#ifndef COPPICE_FIELDS_H
#define COPPICE_FIELDS_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* The fields of a state struct, declared once: the state then prints as a map, can be replaced from
 * a map, and appears in reports.
 *   static const cop_field fields[] = { COP_FIELD(struct counter, value), COP_FIELDS_END }; */
typedef struct {
    const char *name;
    size_t offset;
    enum cop_field_type {
        COP_FIELD_END,
        COP_FIELD_BOOL,
        COP_FIELD_INT32,
        COP_FIELD_UINT32,
        COP_FIELD_INT64,
        COP_FIELD_UINT64,
        COP_FIELD_DOUBLE,
        COP_FIELD_TERM,
        COP_FIELD_PID,
        COP_FIELD_REF,
        COP_FIELD_ATOM,
        COP_FIELD_STRING /* const char *, read only */
    } type;
} cop_field;
#ifndef __cplusplus
#define COP_FIELD(STRUCT, MEMBER)                                                              \
    {                                                                                          \
#MEMBER, offsetof(STRUCT, MEMBER),                                                           \
        _Generic(((STRUCT *)0)->MEMBER, bool: COP_FIELD_BOOL, int: COP_FIELD_INT32,                \
            unsigned: COP_FIELD_UINT32, long: COP_FIELD_INT64, long long: COP_FIELD_INT64,         \
            unsigned long: COP_FIELD_UINT64, unsigned long long: COP_FIELD_UINT64,                 \
            double: COP_FIELD_DOUBLE, cop_term: COP_FIELD_TERM, cop_pid: COP_FIELD_PID,            \
            cop_ref: COP_FIELD_REF, cop_atom: COP_FIELD_ATOM, const char *: COP_FIELD_STRING,      \
            char *: COP_FIELD_STRING) \
    }
#define COP_FIELDS_END      \
    {                       \
        0, 0, COP_FIELD_END \
    }
#endif

COP_END_DECLS

#endif
