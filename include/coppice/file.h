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

enum { COP_FILE_READ = 1, COP_FILE_WRITE = 2, COP_FILE_APPEND = 4, COP_FILE_CREATE = 8, COP_FILE_TRUNCATE = 16,
    COP_FILE_EXCLUSIVE = 32 };
COP_API int cop_file_read(cop_bytes *ret_text, cop_bytes path);       /* whole file, for the turn */
COP_API int cop_file_write_new(cop_bytes path, const void *data, size_t size); /* file:write_file/2 */
COP_API int cop_file_open(cop_file *ret_file, cop_bytes path, unsigned modes);
COP_API int64_t cop_file_pread(cop_file file, void *buffer, size_t size, int64_t offset); /* 0: end */
COP_API int64_t cop_file_get(cop_file file, void *buffer, size_t size);   /* at the file's own position */
COP_API int cop_file_put(cop_file file, const void *data, size_t size);
COP_API int cop_file_pwrite(cop_file file, const void *data, size_t size, int64_t offset);
COP_API int64_t cop_file_read_line(cop_bytes *ret_line, cop_file file);   /* -COP_ECLOSED at the end */
COP_API int64_t cop_file_size(cop_file file);
COP_API int cop_file_sync(cop_file file);
COP_API int cop_file_close(cop_file file);
COP_API int cop_file_give_away(cop_file file, cop_pid new_owner);
COP_API int cop_file_delete(cop_bytes path);
COP_API int cop_file_rename(cop_bytes from, cop_bytes to);

/* Bytes: small helpers the direct style needs. */
COP_API size_t cop_bytes_split(cop_bytes text, char separator, cop_bytes *ret_words, size_t words_max);
COP_API bool cop_bytes_eq(cop_bytes bytes, const char *text);
COP_API size_t cop_bytes_count(cop_bytes bytes, char what);
COP_API cop_bytes cop_bytes_from(const char *text);

COP_END_DECLS

#endif
