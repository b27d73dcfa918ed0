/* SPDX-License-Identifier: Apache-2.0 */
/* The times of EXPIRE and SET as clients write them. */
#ifndef KV_EXPIRY_H
#define KV_EXPIRY_H

#include <coppice.h>

enum expiry_unit { EXPIRY_EX, EXPIRY_PX, EXPIRY_EXAT, EXPIRY_PXAT };

/* Is the word EX, PX, EXAT or PXAT? */
bool expiry_option(enum expiry_unit *ret_unit, cop_bytes word);
/* none, and the system time that text means; or the error answer, which names the command. */
cop_term expiry_parse(int64_t *ret_expires_ms, cop_bytes text, enum expiry_unit unit, bool positive,
    const char *command);

#endif
