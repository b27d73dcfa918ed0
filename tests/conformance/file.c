/* SPDX-License-Identifier: Apache-2.0 */
/* Files in a node: whole files, positions, lines, ownership, and errors by OTP's names. */
#include <sys/stat.h>
#include <unistd.h>

#include <coppice.h>

#include "conformance/node.h"

/* A test whose body is the first process of a node. */
#define NODE_TEST(NAME)               \
    static void in_node_##NAME(void); \
    TEST(NAME)                        \
    {                                 \
        node_run(in_node_##NAME, 2);  \
    }                                 \
    static void in_node_##NAME(void)

enum { LONG_MS = 10000 };

static char name[64];

static cop_bytes path(void)
{
    snprintf(name, sizeof name, "/tmp/cop_file_test.%d", (int)getpid());
    return cop_bytes_from(name);
}

/* A whole file is written, read and deleted; one that does not exist is enoent. */
NODE_TEST(whole_files)
{
    cop_bytes text = { 0 };

    CHECK_EQ_INT(cop_file_write_new(path(), "hello\n", 6), 0);
    CHECK_EQ_INT(cop_file_read(&text, path()), 0);
    CHECK(cop_bytes_eq(text, "hello\n"));
    CHECK_EQ_INT(cop_file_write_new(path(), "", 0), 0);
    CHECK_EQ_INT(cop_file_read(&text, path()), 0);
    CHECK_EQ_INT(text.size, 0);
    CHECK_EQ_INT(cop_file_delete(path()), 0);
    CHECK_EQ_INT(cop_file_read(&text, path()), -ENOENT);
    CHECK_EQ_INT(cop_file_delete(path()), -ENOENT);
    CHECK_EQ_INT(cop_file_read(&text, cop_bytes_from("/tmp")), -EISDIR);
    CHECK_EQ_INT(cop_file_read(&text, (cop_bytes){ "a\0b", 3 }), -COP_EBADARG);
    CHECK_EQ_INT(cop_file_read(&text, cop_bytes_from("/proc/self/status")), 0); /* size said: 0 */
    CHECK(text.size > 100);
}

/* Reads and writes at a position and at the file's own; the two do not disturb each other. */
NODE_TEST(positions)
{
    cop_file file = { 0 };
    char buffer[16];

    CHECK_EQ_INT(cop_file_open(&file, path(),
                     COP_FILE_READ | COP_FILE_WRITE | COP_FILE_CREATE | COP_FILE_TRUNCATE),
        0);
    CHECK_EQ_INT(cop_file_put(file, "0123456789", 10), 0);
    CHECK_EQ_INT(cop_file_pwrite(file, "xx", 2, 4), 0);
    CHECK_EQ_INT(cop_file_size(file), 10);
    CHECK_EQ_INT(cop_file_pread(file, buffer, 4, 3), 4);
    CHECK(memcmp(buffer, "3xx6", 4) == 0);
    CHECK_EQ_INT(cop_file_pread(file, buffer, 4, 100), 0);
    CHECK_EQ_INT(cop_file_pread(file, buffer, 4, -1), -COP_EBADARG);
    CHECK_EQ_INT(cop_file_get(file, buffer, 4), 0); /* at the end */
    CHECK_EQ_INT(cop_file_sync(file), 0);
    CHECK_EQ_INT(cop_file_close(file), 0);
    CHECK_EQ_INT(cop_file_close(file), -COP_ECLOSED);
    CHECK_EQ_INT(cop_file_get(file, buffer, 4), -COP_ECLOSED);
    CHECK_EQ_INT(cop_file_open(&file, path(), COP_FILE_WRITE | COP_FILE_EXCLUSIVE), -EEXIST);
    CHECK_EQ_INT(cop_file_open(&file, path(), 0), -COP_EBADARG);
    CHECK_EQ_INT(cop_file_open(&file, path(), COP_FILE_APPEND), 0);
    CHECK_EQ_INT(cop_file_put(file, "end", 3), 0);
    CHECK_EQ_INT(cop_file_size(file), 13);
    CHECK_EQ_INT(cop_file_get(file, buffer, 4), -EBADF); /* not opened for reading */
    CHECK_EQ_INT(cop_file_close(file), 0);
    cop_file_delete(path());
}

/* Lines with both ends, a last one without; get goes on where the lines stopped. */
NODE_TEST(lines)
{
    cop_file file = { 0 };
    cop_bytes line;
    char rest[16];

    CHECK_EQ_INT(cop_file_write_new(path(), "one\r\n\ntwo\nrest", 14), 0);
    CHECK_EQ_INT(cop_file_open(&file, path(), COP_FILE_READ), 0);
    CHECK_EQ_INT(cop_file_read_line(&line, file), 3);
    CHECK(cop_bytes_eq(line, "one"));
    CHECK_EQ_INT(cop_file_read_line(&line, file), 0);
    CHECK_EQ_INT(cop_file_get(file, rest, 4), 4);
    CHECK(memcmp(rest, "two\n", 4) == 0);
    CHECK_EQ_INT(cop_file_read_line(&line, file), 4);
    CHECK(cop_bytes_eq(line, "rest"));
    CHECK_EQ_INT(cop_file_read_line(&line, file), -COP_ECLOSED);
    CHECK_EQ_INT(cop_file_close(file), 0);
    cop_file_delete(path());
}

/* Writing after reading lines goes where the reader is, not where the read-ahead is. */
NODE_TEST(write_after_lines)
{
    cop_file file = { 0 };
    cop_bytes line, text;

    CHECK_EQ_INT(cop_file_write_new(path(), "aa\nbb\ncc\n", 9), 0);
    CHECK_EQ_INT(cop_file_open(&file, path(), COP_FILE_READ | COP_FILE_WRITE), 0);
    CHECK_EQ_INT(cop_file_read_line(&line, file), 2);
    CHECK_EQ_INT(cop_file_put(file, "XX", 2), 0);
    CHECK_EQ_INT(cop_file_close(file), 0);
    CHECK_EQ_INT(cop_file_read(&text, path()), 0);
    CHECK(cop_bytes_eq(text, "aa\nXX\ncc\n"));
    cop_file_delete(path());
}

/* A file that is a socket's number is no socket, and the other way round. */
NODE_TEST(kinds)
{
    cop_file file = { 0 };
    cop_socket socket;
    char buffer[4];

    CHECK_EQ_INT(cop_file_open(&file, cop_bytes_from("/dev/zero"), COP_FILE_READ), 0);
    CHECK_EQ_INT(cop_tcp_listen(&socket, 0), 0);
    CHECK_EQ_INT(cop_tcp_close((cop_socket){ file.id }), -COP_ECLOSED);
    CHECK(cop_tcp_recv((cop_socket){ file.id }, buffer, 4, 0) < 0);
    CHECK(cop_tcp_send((cop_socket){ file.id }, "x", 1) < 0);
    CHECK_EQ_INT(cop_file_get((cop_file){ socket.id }, buffer, 4), -COP_ECLOSED);
    CHECK_EQ_INT(cop_file_close((cop_file){ socket.id }), -COP_ECLOSED);
    CHECK_EQ_INT(cop_file_get(file, buffer, 4), 4);
}

static void read_fifo(cop_term arg)
{
    uint64_t id = 0;
    cop_pid starter;
    char buffer[8];
    int64_t result;

    CHECK(cop_match(arg, "{Id, Starter}", &id, &starter));
    do /* the starter looks at its size now and then */
        result = cop_file_get((cop_file){ id }, buffer, sizeof buffer);
    while (result == -EBUSY);
    cop_send(starter, cop("{done, Result}", result));
}

/* Closing a file another process is inside of: it comes back with closed, and closes then. */
NODE_TEST(closed_while_read)
{
    cop_file file = { 0 }, writer = { 0 };
    int64_t result = 0;
    char buffer[4];

    CHECK_EQ_INT(mkfifo((path(), name), 0600), 0);
    CHECK_EQ_INT(cop_file_open(&file, path(), COP_FILE_READ | COP_FILE_WRITE), 0);
    CHECK_EQ_INT(cop_file_open(&writer, path(), COP_FILE_WRITE), 0);
    cop_spawn_link(read_fifo, cop("{Id, Starter}", file.id, cop_self()));
    for (int i = 0; i < 10000 && cop_file_size(file) != -EBUSY; i++)
        cop_sleep(1);
    CHECK_EQ_INT(cop_file_get(file, buffer, 4), -EBUSY);
    CHECK_EQ_INT(cop_file_close(file), 0);
    CHECK_EQ_INT(cop_file_put(writer, "x", 1), 0);
    CHECK(cop_receive_match_within(LONG_MS, "{done, Result}", &result));
    CHECK_EQ_INT(result, -COP_ECLOSED);
    cop_file_delete(path());
}

static void tick(cop_term arg)
{
    cop_pid starter;

    CHECK(cop_to_pid(&starter, arg));
    cop_send(starter, cop("tick"));
}

static void write_fifo(cop_term arg)
{
    uint64_t id = 0;
    cop_pid starter, ticker;

    CHECK(cop_match(arg, "{Id, Starter}", &id, &starter));
    ticker = cop_spawn_link(tick, cop_from_pid(cop_self()));
    (void)ticker;
    CHECK(cop_receive_match_within(LONG_MS, "tick")); /* others run while the reader blocks */
    CHECK_EQ_INT(cop_file_put((cop_file){ id }, "x", 1), 0);
}

static void read_on_one_scheduler(void)
{
    cop_file file = { 0 }, writer = { 0 };
    char buffer[4];

    CHECK_EQ_INT(mkfifo((path(), name), 0600), 0);
    CHECK_EQ_INT(cop_file_open(&file, path(), COP_FILE_READ | COP_FILE_WRITE), 0);
    CHECK_EQ_INT(cop_file_open(&writer, path(), COP_FILE_WRITE), 0);
    cop_spawn_link(write_fifo, cop("{Id, Starter}", writer.id, cop_self()));
    CHECK_EQ_INT(cop_file_get(file, buffer, 4), 1);
    cop_file_delete(path());
}

/* A process that blocks in a file holds nobody up, even with one scheduler. */
TEST(blocking_holds_nobody_up)
{
    node_run(read_on_one_scheduler, 1);
}

static void keep_until_told(cop_term arg)
{
    (void)arg;
    CHECK(cop_receive_match_within(LONG_MS, "stop"));
}

/* A file goes to another process and closes with it. */
NODE_TEST(give_away)
{
    cop_file file = { 0 };
    cop_ref monitor;
    cop_pid owner = cop_spawn_monitor(keep_until_told, cop_nil(), &monitor);

    CHECK_EQ_INT(cop_file_write_new(path(), "x", 1), 0);
    CHECK_EQ_INT(cop_file_open(&file, path(), COP_FILE_READ), 0);
    CHECK_EQ_INT(cop_file_give_away(file, owner), 0);
    CHECK_EQ_INT(cop_file_size(file), 1);
    cop_send(owner, cop("stop"));
    CHECK(cop_receive_match_within(LONG_MS, "{'DOWN', Ref, process, _, normal}", monitor));
    CHECK_EQ_INT(cop_file_size(file), -COP_ECLOSED);
    cop_file_delete(path());
}

NODE_TEST(rename_file)
{
    char other[80];
    cop_bytes text;

    path();
    snprintf(other, sizeof other, "%s.new", name);
    CHECK_EQ_INT(cop_file_write_new(path(), "moved", 5), 0);
    CHECK_EQ_INT(cop_file_rename(path(), cop_bytes_from(other)), 0);
    CHECK_EQ_INT(cop_file_read(&text, cop_bytes_from(other)), 0);
    CHECK(cop_bytes_eq(text, "moved"));
    CHECK_EQ_INT(cop_file_rename(path(), cop_bytes_from(other)), -ENOENT);
    CHECK_EQ_INT(cop_file_delete(cop_bytes_from(other)), 0);
}
