/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COP_OTP_GEN_EVENT_INT_H
#define COP_OTP_GEN_EVENT_INT_H

#include <coppice/gen_event.h>
#include <coppice/gen_server.h>

#include "otp/fields.h"
#include "otp/gen_server_int.h"

/* Handlers are spoken of by the names of their modules (start_code.c): make one known, find it. */
void cop__entry_make_handler_known(const cop_event_handler *handler);
const cop_event_handler *cop__entry_of_handler_named(cop_atom module); /* NULL: unknown */

#endif
