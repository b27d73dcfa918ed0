/* SPDX-License-Identifier: Apache-2.0 */
/* tcp_echo_server PORT: one process for each connection, in direct style. */
#include "bench.h"

enum { BUFFER_SIZE = 512, BACKLOG = 4096 };

static void session_main(cop_term arg)
{
    cop_socket socket;
    char buffer[BUFFER_SIZE];
    int64_t size;

    cop_must(cop_to_socket(&socket, arg));
    while ((size = cop_tcp_recv(socket, buffer, sizeof buffer, COP_INFINITY)) > 0)
        if (cop_tcp_send(socket, buffer, (size_t)size) < 0)
            break;
    cop_tcp_close(socket);
}

void bench_tcp_echo_server(struct params params)
{
    int port = (int)param_number(params, 0);
    cop_socket listener, socket;

    cop_must(cop_tcp_listen(&listener, port, .backlog = BACKLOG));
    printf("ready\n");
    fflush(stdout);
    for (;; cop_turn_end()) {
        cop_must(cop_tcp_accept(&socket, listener));
        cop_tcp_give_away(socket, cop_spawn(session_main, cop_from_socket(socket)));
    }
}
