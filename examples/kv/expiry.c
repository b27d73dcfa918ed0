/* SPDX-License-Identifier: Apache-2.0 */
/* Times: in seconds or milliseconds, from now or from 1970, with every overflow an error. */
#include "expiry.h"
#include "commands.h"
#include "number.h"
#include "reply.h"

bool expiry_option(enum expiry_unit *ret_unit, cop_bytes word)
{
    static const char *const words[] = { "ex", "px", "exat", "pxat" };

    for (int i = 0; i < 4; i++)
        if (word_is(word, words[i])) {
            *ret_unit = (enum expiry_unit)i;
            return true;
        }
    return false;
}

cop_term expiry_parse(int64_t *ret_expires_ms, cop_bytes text, enum expiry_unit unit, bool positive,
    const char *command)
{
    bool seconds = unit == EXPIRY_EX || unit == EXPIRY_EXAT;
    bool from_now = unit == EXPIRY_EX || unit == EXPIRY_PX;
    int64_t time;

    if (!number_parse(&time, text.data, text.size))
        return answer_error(ERR_INTEGER);
    if ((positive && time <= 0) || (seconds && __builtin_mul_overflow(time, 1000, &time)) ||
        (from_now && __builtin_add_overflow(time, cop_system_time_ms(), &time)))
        return answer_errorf("ERR invalid expire time in '%s' command", command);
    *ret_expires_ms = time;
    return COP_NONE;
}
