/* SPDX-License-Identifier: Apache-2.0 */
/* Files in direct style. The calls are blocking sections: other processes go on meanwhile. A file
 * belongs to the process that opened it and closes with it. */
#ifndef COPPICE_FILE_H
#define COPPICE_FILE_H

#include <coppice/process.h>

COP_BEGIN_DECLS

typedef struct {
    uint64_t id;
} cop_file;

enum {
    COP_FILE_READ = 1,
    COP_FILE_WRITE = 2,
    COP_FILE_APPEND = 4,
    COP_FILE_CREATE = 8,
    COP_FILE_TRUNCATE = 16,
    COP_FILE_EXCLUSIVE = 32
};

/* Read a whole file.
 *
 * Returns  0 and a view of it that lives for the turn; -ENOENT, -EACCES, -EISDIR and other
 *          -errno; -COP_EBADARG for a path with a zero byte.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:read_file/1.
 */
COP_API int cop_file_read(cop_bytes *ret_text, cop_bytes path);

/* Write a whole file: make it, or replace what is in it.
 *
 * Returns  0, or -ENOSPC, -ENOENT, -EACCES, -EISDIR and other -errno; then part may be written.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:write_file/2.
 */
COP_API int cop_file_write_new(cop_bytes path, const void *data, size_t size);

/* Open a file. modes: one or more of COP_FILE_READ, COP_FILE_WRITE, COP_FILE_APPEND, and how.
 * COP_FILE_CREATE makes a missing file, COP_FILE_EXCLUSIVE insists on it.
 *
 * Returns  0 and a file of the caller; -EEXIST, -EMFILE, -ENOENT, -EACCES, -EISDIR and other
 *          -errno; -COP_EBADARG for modes that say neither to read nor to write.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:open/2 with raw.
 */
COP_API int cop_file_open(cop_file *ret_file, cop_bytes path, unsigned modes);

/* Read at an offset, leaving the file's position alone.
 *
 * Returns  the bytes read, 0 at the end; -COP_ECLOSED for a closed file, -EBUSY when another
 *          process is inside it, -errno.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:pread/3.
 */
COP_API int64_t cop_file_pread(cop_file file, void *buffer, size_t size, int64_t offset);

/* Read at the file's position.
 *
 * Returns  as cop_file_pread.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:read/2.
 */
COP_API int64_t cop_file_get(cop_file file, void *buffer, size_t size);

/* Write all of it at the file's position, or at the end of a file opened to append.
 *
 * Returns  0, or -ENOSPC and others as cop_file_pread; then part may be written.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:write/2.
 */
COP_API int cop_file_put(cop_file file, const void *data, size_t size);

/* Write all of it at an offset, leaving the file's position alone.
 *
 * Returns  as cop_file_put.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:pwrite/3.
 */
COP_API int cop_file_pwrite(cop_file file, const void *data, size_t size, int64_t offset);

/* Read the next line; the last one may have no end.
 *
 * Returns  its length without \n or \r\n, and a view of it that lives until the next read of this
 *          file, its close, or the end of the turn; -COP_ECLOSED at the end, -EMSGSIZE above 16
 *          MB.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:read_line/1, which keeps the end of the line.
 */
COP_API int64_t cop_file_read_line(cop_bytes *ret_line, cop_file file);

/* The size of a file in bytes.
 *
 * Returns  the size, or an error as cop_file_pread.
 * Parks    no.
 * Context  any process.
 * OTP      file:read_file_info/1.
 */
COP_API int64_t cop_file_size(cop_file file);

/* Wait until what was written is on the disk.
 *
 * Returns  0, -EIO, or an error as cop_file_pread.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:sync/1.
 */
COP_API int cop_file_sync(cop_file file);

/* Close a file. A process that is inside it gets -COP_ECLOSED when it comes back.
 *
 * Returns  0; -COP_ECLOSED when it was closed already.
 * Parks    no.
 * Context  any process.
 * OTP      file:close/1.
 */
COP_API int cop_file_close(cop_file file);

/* Make another process the owner, with which the file then closes.
 *
 * Returns  0; -EPERM when the caller is not the owner, -COP_ENOPROC, -EBUSY as cop_tcp_give_away,
 *          -COP_ECLOSED.
 * Parks    no.
 * Context  the owner.
 * OTP      none: there a file stays with the process that opened it.
 */
COP_API int cop_file_give_away(cop_file file, cop_pid new_owner);

/* Remove a file.
 *
 * Returns  0, or -ENOENT, -EACCES, -EISDIR and other -errno.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:delete/1.
 */
COP_API int cop_file_delete(cop_bytes path);

/* Rename a file, in one step for all who look.
 *
 * Returns  0, or -ENOENT, -EACCES, -EISDIR and other -errno.
 * Parks    in the system; other processes run meanwhile.
 * Context  any process.
 * OTP      file:rename/2.
 */
COP_API int cop_file_rename(cop_bytes from, cop_bytes to);

/* Bytes: small helpers the direct style needs. */

/* Cut text at each separator. Empty words count; the last word takes what is left.
 *
 * Returns  how many words there are, at most words_max; views into text.
 * Parks    no.
 * Context  any thread.
 * OTP      binary:split/3 with global.
 */
COP_API size_t cop_bytes_split(
    cop_bytes text, char separator, cop_bytes *ret_words, size_t words_max);

/* Are these the bytes of text?
 *
 * Returns  true when they are, to the last byte.
 * Parks    no.
 * Context  any thread.
 * OTP      =:=.
 */
COP_API bool cop_bytes_eq(cop_bytes bytes, const char *text);

/* How often a byte occurs.
 *
 * Returns  the count.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API size_t cop_bytes_count(cop_bytes bytes, char what);

/* A view of a string; NULL is empty.
 *
 * Returns  the view; it lives as long as text.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API cop_bytes cop_bytes_from(const char *text);

COP_END_DECLS

#endif
