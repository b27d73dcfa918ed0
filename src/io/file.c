/* SPDX-License-Identifier: Apache-2.0 */
/* Files. Every call that may wait for a disk is a blocking section: rt is even there, the scheduler
 * goes to other processes, and only this process waits. Layer 3; IO-10.
 *
 * The hard idea: closing while another process is inside such a section. Closing the descriptor
 * under it would let the call reach whatever file has the number next. So the operation leaves its
 * mark in `reading`; a closer that finds the mark of a living process replaces it, and the
 * operation closes when it comes back. */
#include <coppice/fault.h>
#include <coppice/file.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/fd_table.h"

enum { READ_STEP = 65536, LINE_MAX_SIZE = 16 << 20 }; /* bytes */

/* --- Paths and system calls
 * ------------------------------------------------------------------------ */

static int path_from(char *ret_path, cop_bytes path)
{
    if (path.size == 0 || memchr(path.data, 0, path.size))
        return -COP_EBADARG;
    if (path.size >= PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(ret_path, path.data, path.size);
    ret_path[path.size] = 0;
    return 0;
}

/* In functions that never park: errno is the thread's. They are called in blocking sections. */
static int open_once(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);

    return fd < 0 ? cop__last_error() : fd;
}

/* offset -1: at the file's position. At least one byte unless at the end. */
static int64_t read_once(int fd, void *buffer, size_t size, int64_t offset)
{
    ssize_t count;

    do
        count = offset < 0 ? read(fd, buffer, size) : pread(fd, buffer, size, offset);
    while (count < 0 && cop__last_error() == -EINTR);
    return count < 0 ? cop__last_error() : count;
}

static int64_t write_all(int fd, const char *data, size_t size, int64_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = offset < 0 ? write(fd, data + done, size - done)
                                   : pwrite(fd, data + done, size - done, offset + (int64_t)done);

        if (count >= 0)
            done += (size_t)count;
        else if (cop__last_error() != -EINTR)
            return cop__last_error();
    }
    return 0;
}

/* --- Operations on an open file
 * ----------------------------------------------------------------------- */

struct operation {
    struct cop__fd *slot;
    uint64_t mark; /* our id, in `reading` from begin to end: others get EBUSY */
};

static int begin(struct operation *operation, cop_file file)
{
    struct cop__fd *slot;
    int result = -COP_EBADARG;

    cop__enter();
    if (cop__running()) {
        slot = cop__fd_find(file.id);
        result = slot && slot->kind == COP__FD_FILE
                     ? cop__fd_take(slot, &slot->reading, cop__fd_seq_of(file.id))
                     : -COP_ECLOSED;
        if (result == 0) {
            *operation = (struct operation){ slot, cop__proc_pid(cop__running()).id };
            atomic_store_explicit(&slot->reading, operation->mark, memory_order_release);
        }
    }
    cop__leave();
    return result;
}

/* What came of it, or -COP_ECLOSED when somebody has closed the file meanwhile. */
static int64_t end(struct operation *operation, int64_t result)
{
    uint64_t mark = operation->mark;

    cop__enter();
    if (!atomic_compare_exchange_strong(&operation->slot->reading, &mark, 0)) {
        cop__fd_close_late(operation->slot);
        result = -COP_ECLOSED;
    }
    cop__leave();
    return result;
}

/* What was read ahead is not the system's position: go back to where the caller is. */
static void forget_ahead(struct cop__fd *slot)
{
    size_t ahead = cop__buffer_size(&slot->in);

    if (ahead) {
        lseek(slot->fd, -(off_t)ahead, SEEK_CUR);
        cop__buffer_consume(&slot->in, ahead);
    }
}

int64_t cop_file_pread(cop_file file, void *buffer, size_t size, int64_t offset)
{
    struct operation operation;
    int64_t result;

    if (offset < 0)
        return -COP_EBADARG;
    result = begin(&operation, file);
    if (result < 0)
        return result;
    cop_blocking_begin();
    result = read_once(operation.slot->fd, buffer, size, offset);
    cop_blocking_end();
    return end(&operation, result);
}

int64_t cop_file_get(cop_file file, void *buffer, size_t size)
{
    struct operation operation;
    struct cop__buffer *in;
    int64_t result = begin(&operation, file);

    if (result < 0)
        return result;
    in = &operation.slot->in;
    if (cop__buffer_size(in)) {
        size = cop__buffer_size(in) < size ? cop__buffer_size(in) : size;
        memcpy(buffer, cop__buffer_bytes(in).data, size);
        cop__buffer_consume(in, size);
        return end(&operation, (int64_t)size);
    }
    cop_blocking_begin();
    result = read_once(operation.slot->fd, buffer, size, -1);
    cop_blocking_end();
    return end(&operation, result);
}

static int put_at(cop_file file, const void *data, size_t size, int64_t offset)
{
    struct operation operation;
    int64_t result = begin(&operation, file);

    if (result < 0)
        return (int)result;
    if (offset < 0)
        forget_ahead(operation.slot);
    cop_blocking_begin();
    result = write_all(operation.slot->fd, data, size, offset);
    cop_blocking_end();
    return (int)end(&operation, result);
}

int cop_file_put(cop_file file, const void *data, size_t size)
{
    return put_at(file, data, size, -1);
}

int cop_file_pwrite(cop_file file, const void *data, size_t size, int64_t offset)
{
    return offset < 0 ? -COP_EBADARG : put_at(file, data, size, offset);
}

/* One more piece into the read-ahead. Bytes; 0: the end. */
static int64_t read_ahead(struct cop__fd *slot)
{
    int64_t room, count;

    cop__enter(); /* one step for an exit signal */
    room = cop__buffer_reserve(&slot->in, 1, LINE_MAX_SIZE);
    cop__leave();
    if (room < 0)
        return room;
    cop_blocking_begin();
    count = read_once(slot->fd, slot->in.data + slot->in.end, (size_t)room, -1);
    cop_blocking_end();
    if (count > 0)
        slot->in.end += (uint32_t)count;
    return count;
}

/* The next line and its end, or the rest of the file. Bytes; 0: the end of the file. */
static int64_t next_line(struct cop__fd *slot)
{
    struct cop__frame frame;
    size_t needed;
    int found;

    while ((found = cop__buffer_frame(&frame, &needed, &slot->in, 0, LINE_MAX_SIZE)) == 0) {
        int64_t count = read_ahead(slot);

        if (count < 0)
            return count;
        if (count == 0)
            return (int64_t)cop__buffer_size(&slot->in); /* the last line may have no end */
    }
    return found < 0 ? found : (int64_t)frame.size;
}

int64_t cop_file_read_line(cop_bytes *ret_line, cop_file file)
{
    struct operation operation;
    cop_bytes line;
    int64_t size, result = begin(&operation, file);

    if (result < 0)
        return result;
    size = next_line(operation.slot);
    if (size <= 0)
        return end(&operation, size < 0 ? size : -COP_ECLOSED);
    line = (cop_bytes){ cop__buffer_bytes(&operation.slot->in).data, (size_t)size };
    cop__buffer_consume(&operation.slot->in, line.size); /* the bytes stay until the next read */
    if (line.data[line.size - 1] == '\n') {
        line.size--;
        if (line.size && line.data[line.size - 1] == '\r')
            line.size--;
    }
    result = end(&operation, (int64_t)line.size);
    if (result >= 0)
        *ret_line = line;
    return result;
}

int64_t cop_file_size(cop_file file)
{
    struct operation operation;
    struct stat status;
    int64_t result = begin(&operation, file);

    if (result < 0)
        return result;
    result = fstat(operation.slot->fd, &status) < 0 ? cop__last_error() : (int64_t)status.st_size;
    return end(&operation, result);
}

int cop_file_sync(cop_file file)
{
    struct operation operation;
    int64_t result = begin(&operation, file);

    if (result < 0)
        return (int)result;
    cop_blocking_begin();
    result = fsync(operation.slot->fd) < 0 ? cop__last_error() : 0;
    cop_blocking_end();
    return (int)end(&operation, result);
}

/* --- Opening, closing, owning
 * --------------------------------------------------------------------------- */

static int flags_of(unsigned modes)
{
    bool write = modes & (COP_FILE_WRITE | COP_FILE_APPEND);
    int flags = write ? modes & COP_FILE_READ ? O_RDWR : O_WRONLY : O_RDONLY;

    return flags | (modes & COP_FILE_APPEND ? O_APPEND : 0) |
           (modes & COP_FILE_CREATE ? O_CREAT : 0) | (modes & COP_FILE_TRUNCATE ? O_TRUNC : 0) |
           (modes & COP_FILE_EXCLUSIVE ? O_CREAT | O_EXCL : 0);
}

/* An exit signal must not come between the descriptor and the record of it. One that comes while
 * the system waits (for the other end of a FIFO) interrupts that, and is obeyed at the end. */
static int open_and_own(uint64_t *ret_id, const char *path, int flags)
{
    int fd, result;

    cop_unsafe_begin();
    cop_blocking_begin();
    fd = result = open_once(path, flags);
    cop_blocking_end();
    if (fd >= 0) {
        cop__enter();
        result = cop__fd_open(ret_id, fd, COP__FD_FILE, NULL);
        cop__leave();
    }
    cop_unsafe_end();
    return result;
}

int cop_file_open(cop_file *ret_file, cop_bytes path, unsigned modes)
{
    char text[PATH_MAX];
    uint64_t id = 0;
    int result = path_from(text, path);

    if (result < 0)
        return result;
    if (!cop_in_process() || !(modes & (COP_FILE_READ | COP_FILE_WRITE | COP_FILE_APPEND)) ||
        modes >= 2 * COP_FILE_EXCLUSIVE)
        return -COP_EBADARG;
    do
        result = open_and_own(&id, text, flags_of(modes));
    while (result == -EINTR);
    if (result == 0)
        ret_file->id = id;
    return result;
}

int cop_file_close(cop_file file)
{
    struct cop__fd *slot;
    int result;

    cop__enter();
    slot = cop__fd_find(file.id);
    result = slot && slot->kind == COP__FD_FILE ? cop__fd_close(slot, cop__fd_seq_of(file.id))
                                                : -COP_ECLOSED;
    cop__leave();
    return result;
}

int cop_file_give_away(cop_file file, cop_pid new_owner)
{
    struct cop__fd *slot;
    int result;

    cop__enter();
    slot = cop__fd_find(file.id);
    result = slot && slot->kind == COP__FD_FILE ? cop__fd_give(file.id, new_owner) : -COP_ECLOSED;
    cop__leave();
    return result;
}

/* --- Whole files, names
 * ---------------------------------------------------------------------------------- */

/* Read to the end, growing: the size the system tells may be 0 (as in /proc) or out of date. */
static int64_t read_whole(struct cop__buffer *ret_text, int fd)
{
    struct stat status;
    size_t hint =
        fstat(fd, &status) == 0 && status.st_size > 0 ? (size_t)status.st_size + 1 : READ_STEP;

    for (;;) {
        int64_t room = cop__buffer_reserve(ret_text, hint, UINT32_MAX), count;

        if (room < 0)
            return room == -EMSGSIZE ? -EFBIG : room;
        count = read_once(fd, ret_text->data + ret_text->end, (size_t)room, -1);
        if (count <= 0)
            return count;
        ret_text->end += (uint32_t)count;
        hint = ret_text->capacity - ret_text->end ? 1 : READ_STEP;
    }
}

int cop_file_read(cop_bytes *ret_text, cop_bytes path)
{
    struct cop__buffer text = { 0 };
    char name[PATH_MAX], *data;
    int64_t result = path_from(name, path);
    int fd;

    if (result < 0)
        return (int)result;
    cop_blocking_begin();
    fd = open_once(name, O_RDONLY);
    result = fd;
    if (fd >= 0) {
        result = read_whole(&text, fd);
        close(fd);
    }
    cop_blocking_end();
    if (result == 0) {
        cop_binary_new(cop__buffer_size(&text), &data); /* in the memory of the turn */
        if (cop__buffer_size(&text))
            memcpy(data, text.data, cop__buffer_size(&text));
        *ret_text = (cop_bytes){ data, cop__buffer_size(&text) };
    }
    cop__buffer_done(&text);
    return (int)result;
}

int cop_file_write_new(cop_bytes path, const void *data, size_t size)
{
    char name[PATH_MAX];
    int64_t result = path_from(name, path);
    int fd;

    if (result < 0)
        return (int)result;
    cop_blocking_begin();
    fd = open_once(name, O_WRONLY | O_CREAT | O_TRUNC);
    result = fd;
    if (fd >= 0) {
        result = write_all(fd, data, size, -1);
        if (close(fd) < 0 && result == 0)
            result = cop__last_error(); /* some file systems say only now that the disk is full */
    }
    cop_blocking_end();
    return (int)result;
}

int cop_file_delete(cop_bytes path)
{
    char name[PATH_MAX];
    int result = path_from(name, path);

    if (result < 0)
        return result;
    cop_blocking_begin();
    result = unlink(name) < 0 ? cop__last_error() : 0;
    cop_blocking_end();
    return result;
}

int cop_file_rename(cop_bytes from, cop_bytes to)
{
    char old_name[PATH_MAX], new_name[PATH_MAX];
    int result = path_from(old_name, from);

    if (result == 0)
        result = path_from(new_name, to);
    if (result < 0)
        return result;
    cop_blocking_begin();
    result = rename(old_name, new_name) < 0 ? cop__last_error() : 0;
    cop_blocking_end();
    return result;
}
