/* SPDX-License-Identifier: Apache-2.0 */
/* The client of epmd (epmd.h). One connection serves one request; answers have no length, so each
 * is read until it has what its layout asks for (D-18). */
#include "dist/epmd.h"

#include <coppice/os_process.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dist/bytes.h"

enum {
    PATH_SIZE = 4096,
    EPMD_PORT = 4369,
    TYPE_NORMAL = 77,
    TYPE_HIDDEN = 72,
    PORT_HEAD = 10 /* tag, result, port16, type, protocol, highest16, lowest16 */
};

int cop__epmd_own_port(void)
{
    const char *wanted = getenv("ERL_EPMD_PORT");
    long port = wanted ? strtol(wanted, NULL, 10) : 0;

    return port > 0 && port < 65536 ? (int)port : EPMD_PORT;
}

static int open_epmd(cop_socket *ret_socket, const char *host)
{
    return cop_tcp_connect(
        ret_socket, host, cop__epmd_own_port(), .timeout_ms = COP__EPMD_TIMEOUT_MS);
}

static int request(cop_socket socket, unsigned char *body, size_t size)
{
    cop__put_be(body, size - 2, 2);
    return cop_tcp_send(socket, body, size);
}

/* The creation in the answer to ALIVE2: of 4 bytes, or of 2 from an old epmd. */
static int read_registered(cop_socket socket, uint32_t *ret_creation)
{
    unsigned char answer[6];
    int error = cop_tcp_recv_exactly(socket, answer, 4, COP__EPMD_TIMEOUT_MS);

    if (error < 0)
        return error;
    if (answer[0] == COP__EPMD_ALIVE2_RESP) {
        error = cop_tcp_recv_exactly(socket, answer + 4, 2, COP__EPMD_TIMEOUT_MS);
        if (error < 0)
            return error;
        *ret_creation = (uint32_t)cop__get_be(answer + 2, 4);
    } else if (answer[0] == COP__EPMD_ALIVE2_OLD_RESP) {
        *ret_creation = (uint32_t)cop__get_be(answer + 2, 2);
    } else {
        return -EPROTO;
    }
    return answer[1] ? -COP_EALREADY : 0; /* D-17 */
}

int cop__epmd_register(
    cop_socket *ret_socket, uint32_t *ret_creation, const char *alive, int port, bool hidden)
{
    unsigned char body[32 + COP__EPMD_NAME_MAX];
    size_t name = strlen(alive), at = 2;
    int error;

    if (!name || name > COP__EPMD_NAME_MAX)
        return -COP_EBADARG;
    error = open_epmd(ret_socket, "127.0.0.1");
    if (error < 0)
        return error;
    body[at++] = COP__EPMD_ALIVE2;
    cop__put_be(body + at, (uint64_t)port, 2);
    body[at + 2] = hidden ? TYPE_HIDDEN : TYPE_NORMAL;
    body[at + 3] = 0;
    cop__put_be(body + at + 4, COP__EPMD_VERSION, 2);
    cop__put_be(body + at + 6, COP__EPMD_VERSION, 2);
    cop__put_be(body + at + 8, name, 2);
    memcpy(body + at + 10, alive, name);
    cop__put_be(body + at + 10 + name, 0, 2);
    error = request(*ret_socket, body, at + 12 + name);
    if (error == 0)
        error = read_registered(*ret_socket, ret_creation);
    if (error < 0)
        cop_tcp_close(*ret_socket);
    return error;
}

int cop__epmd_read_port(const unsigned char *bytes, size_t size)
{
    if (size >= 1 && bytes[0] != COP__EPMD_PORT2)
        return -EPROTO;
    if (size >= 2 && bytes[1])
        return -COP_ENOTFOUND;
    if (size < PORT_HEAD)
        return 0;
    if (cop__get_be(bytes + 6, 2) < COP__EPMD_VERSION ||
        cop__get_be(bytes + 8, 2) > COP__EPMD_VERSION)
        return -COP_ENOTFOUND; /* D-19 */
    return cop__get_be(bytes + 2, 2) ? (int)cop__get_be(bytes + 2, 2) : -COP_ENOTFOUND;
}

int cop__epmd_port(const char *host, const char *alive)
{
    unsigned char body[8 + COP__EPMD_NAME_MAX], answer[PORT_HEAD];
    size_t name = strlen(alive), have = 0;
    cop_socket socket;
    int result;

    if (!name || name > COP__EPMD_NAME_MAX)
        return -COP_EBADARG;
    result = open_epmd(&socket, host);
    if (result < 0)
        return result;
    body[2] = COP__EPMD_PORT_PLEASE2;
    memcpy(body + 3, alive, name);
    result = request(socket, body, 3 + name);
    while (result == 0) {
        int64_t count =
            cop_tcp_recv(socket, answer + have, sizeof answer - have, COP__EPMD_TIMEOUT_MS);

        if (count < 0) {
            result = (int)count;
            break;
        }
        have += (size_t)count;
        result = cop__epmd_read_port(answer, have);
    }
    cop_tcp_close(socket);
    return result;
}

/* The program on PATH; false: there is none. */
static bool find_program(char path[PATH_SIZE])
{
    const char *at = getenv("PATH");

    while (at && *at) {
        size_t size = strcspn(at, ":");

        if (size && snprintf(path, PATH_SIZE, "%.*s/epmd", (int)size, at) < PATH_SIZE &&
            access(path, X_OK) == 0)
            return true;
        at += size + (at[size] == ':');
    }
    return false;
}

/* It puts itself into the background, and what was started ends. */
int cop__epmd_start(void)
{
    static const char *const args[] = { "-daemon", "-address", "127.0.0.1", NULL };
    char path[PATH_SIZE];
    cop_os_process process = { 0 };
    int error;

    if (!find_program(path))
        return -ENOENT;
    error = cop_os_spawn(&process, path, .args = args);
    if (error < 0)
        return error;
    error = cop_os_wait(process, COP__EPMD_TIMEOUT_MS);
    cop_os_close(process);
    return error < 0 ? error : 0;
}
