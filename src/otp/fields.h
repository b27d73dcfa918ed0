/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COP_OTP_FIELDS_H
#define COP_OTP_FIELDS_H

#include <coppice/fields.h>

/* The state as a map of its fields. */
cop_term cop__fields_get(const cop_field *fields, const void *state);
/* Some or all fields from a map. False: wrong shape or type (fields may be NULL); nothing was
 * changed. */
bool cop__fields_put(const cop_field *fields, void *state, cop_term map);

#endif
