/* SPDX-License-Identifier: Apache-2.0 */
/* What every public header stands on: the attributes of exported names, errno that survives a
 * process's move to another thread, the error numbers, and cop_bytes. */
#ifndef COPPICE_BASE_H
#define COPPICE_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define COP_BEGIN_DECLS extern "C" {
#define COP_END_DECLS   }
#define COP_NORETURN    [[noreturn]]
#else
#define COP_BEGIN_DECLS
#define COP_END_DECLS
#define COP_NORETURN _Noreturn
#endif

#define COP_API          __attribute__((visibility("default")))
#define COP_PRINTF(F, A) __attribute__((format(printf, F, A)))
#define COP_INFINITY     (-1) /* a time that never ends, for every timeout_ms */

COP_BEGIN_DECLS

/* A view of bytes; the view owns nothing. What it points into says how long it lives: for bytes
 * that came out of a term, until the end of the turn. */
typedef struct {
    const char *data;
    size_t size;
} cop_bytes;

/* For printf("%.*s", COP_STR(bytes)). */
#define COP_STR(BYTES) ((int)(BYTES).size), ((BYTES).data)

/* Errors of Coppice's own, beside errno's; every fallible function returns one of these, negated.
 * They lie above the system's numbers. */
enum {
    COP_ENOPROC = 4001, /* noproc: no such process */
    COP_ETIMEOUT,       /* timeout: the time given has passed */
    COP_EBADARG,        /* badarg: an argument that can never be right */
    COP_ECLOSED,        /* closed: the other side has closed the connection */
    COP_ESYNTAX,        /* syntax: text that is no term */
    COP_ESYSTEMLIMIT,   /* system_limit: a bounded table is full */
    COP_EALREADY,       /* already_started, already_present: the name is taken */
    COP_ENOTFOUND,      /* not_found */
    COP_ENOCONNECTION,  /* noconnection: the other node cannot be reached */
    COP_EEXIT           /* the peer exited; the reason is beside it */
};

/* The name of an error as OTP spells it: cop_error_name(-ENOENT) is "enoent".
 *
 * Returns  a constant string, never NULL; "unknown" for a number in no table.
 * Parks    no.
 * Context  any thread.
 * OTP      the atoms of inet(3) and file(3).
 */
COP_API const char *cop_error_name(int error);

/* What happened, in a sentence: cop_error_text(-ENOENT) is "no such file or directory".
 *
 * Returns  a constant string, never NULL.
 * Parks    no.
 * Context  any thread.
 * OTP      file:format_error/1, inet:format_error/1.
 */
COP_API const char *cop_error_text(int error);

/* The address of errno of the thread that runs the caller now. A process may go on on another
 * thread after any call that parks, and compilers keep the address glibc gives them; this one is
 * opaque. <coppice.h> redefines errno to use it, and must be included after <errno.h>, which it
 * includes itself.
 *
 * Returns  the address; use it at once.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API int *cop__errno(void);

COP_END_DECLS

#undef errno
#define errno (*cop__errno())

#endif
