/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: one table gives number, OTP's name and a sentence. errno's address through a function
 * that the compiler cannot see into: glibc declares its own as constant, and a process may wake on
 * another thread. */
#include <coppice/base.h>

#undef errno
extern int *__errno_location(void) __attribute__((noinline));

/* X(number, name, sentence) */
#define ERRORS(X)                                                            \
    X(COP_ENOPROC, "noproc", "no such process")                              \
    X(COP_ETIMEOUT, "timeout", "the time given has passed")                  \
    X(COP_EBADARG, "badarg", "an argument that can never be right")          \
    X(COP_ECLOSED, "closed", "the connection is closed")                     \
    X(COP_ESYNTAX, "syntax", "text that is no term")                         \
    X(COP_ESYSTEMLIMIT, "system_limit", "a bounded table is full")           \
    X(COP_EALREADY, "already_started", "the name is taken")                  \
    X(COP_ENOTFOUND, "not_found", "there is nothing of that name")           \
    X(COP_ENOCONNECTION, "noconnection", "the other node cannot be reached") \
    X(COP_EEXIT, "exit", "the other process exited")                         \
    X(E2BIG, "e2big", "argument list too long")                              \
    X(EACCES, "eacces", "permission denied")                                 \
    X(EADDRINUSE, "eaddrinuse", "address already in use")                    \
    X(EADDRNOTAVAIL, "eaddrnotavail", "cannot assign requested address")     \
    X(EAFNOSUPPORT, "eafnosupport", "address family not supported")          \
    X(EAGAIN, "eagain", "resource temporarily unavailable")                  \
    X(EALREADY, "ealready", "operation already in progress")                 \
    X(EBADF, "ebadf", "bad file descriptor")                                 \
    X(EBUSY, "ebusy", "already in use")                                      \
    X(ECANCELED, "ecanceled", "operation cancelled")                         \
    X(ECONNABORTED, "econnaborted", "software caused connection abort")      \
    X(ECONNREFUSED, "econnrefused", "connection refused")                    \
    X(ECONNRESET, "econnreset", "connection reset by peer")                  \
    X(EDESTADDRREQ, "edestaddrreq", "destination address required")          \
    X(EDQUOT, "edquot", "disk quota exceeded")                               \
    X(EEXIST, "eexist", "file already exists")                               \
    X(EFAULT, "efault", "bad address in system call")                        \
    X(EFBIG, "efbig", "file too large")                                      \
    X(EHOSTUNREACH, "ehostunreach", "no route to host")                      \
    X(EINPROGRESS, "einprogress", "operation now in progress")               \
    X(EINTR, "eintr", "interrupted system call")                             \
    X(EINVAL, "einval", "invalid argument")                                  \
    X(EIO, "eio", "input or output error")                                   \
    X(EISCONN, "eisconn", "socket is already connected")                     \
    X(EISDIR, "eisdir", "illegal operation on a directory")                  \
    X(ELOOP, "eloop", "too many levels of symbolic links")                   \
    X(EMFILE, "emfile", "too many open files")                               \
    X(EMSGSIZE, "emsgsize", "message too long")                              \
    X(ENAMETOOLONG, "enametoolong", "file name too long")                    \
    X(ENETUNREACH, "enetunreach", "network is unreachable")                  \
    X(ENFILE, "enfile", "file table overflow")                               \
    X(ENOBUFS, "enobufs", "no buffer space available")                       \
    X(ENODEV, "enodev", "no such device")                                    \
    X(ENOENT, "enoent", "no such file or directory")                         \
    X(ENOMEM, "enomem", "not enough memory")                                 \
    X(ENOSPC, "enospc", "no space left on device")                           \
    X(ENOSYS, "enosys", "function not implemented")                          \
    X(ENOTCONN, "enotconn", "socket is not connected")                       \
    X(ENOTDIR, "enotdir", "not a directory")                                 \
    X(ENOTEMPTY, "enotempty", "directory is not empty")                      \
    X(ENOTSOCK, "enotsock", "not a socket")                                  \
    X(ENOTSUP, "enotsup", "operation not supported")                         \
    X(ENXIO, "enxio", "no such device or address")                           \
    X(EPERM, "eperm", "not owner")                                           \
    X(EPIPE, "epipe", "broken pipe")                                         \
    X(EROFS, "erofs", "read-only file system")                               \
    X(ESPIPE, "espipe", "invalid seek")                                      \
    X(ESRCH, "esrch", "no such process")                                     \
    X(ETIMEDOUT, "etimedout", "connection timed out")                        \
    X(EXDEV, "exdev", "cross-device link")

static const struct error {
    int number;
    const char *name, *text;
} errors[] = {
#define ROW(NUMBER, NAME, TEXT) { NUMBER, NAME, TEXT },
    ERRORS(ROW)
#undef ROW
};

static const struct error *find(int error)
{
    int number = error < 0 ? -error : error;

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].number == number)
            return &errors[i];
    return NULL;
}

const char *cop_error_name(int error)
{
    const struct error *found = find(error);

    return found ? found->name : "unknown";
}

const char *cop_error_text(int error)
{
    const struct error *found = find(error);

    return found ? found->text : "unknown error";
}

__attribute__((noinline)) int *cop__errno(void)
{
    int *(*volatile location)(void) = __errno_location;

    return location();
}
