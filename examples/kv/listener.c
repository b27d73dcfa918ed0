/* SPDX-License-Identifier: Apache-2.0 */
/* The listener: a session for each connection, started under its supervisor, which gets the socket.
 */
#include "listener.h"
#include "config.h"

#include <stdio.h>

/* A client that takes no answers for so long is dropped. */
enum { SEND_TIMEOUT_MS = 60 * 1000, ACCEPT_PAUSE_MS = 100 };

static cop_socket open_port(void)
{
    cop_socket socket;
    int error = cop_tcp_listen(&socket, config.port, .address = config.bind);

    if (error < 0) {
        fprintf(stderr, "kv: cannot listen on %s:%d: %s\n", config.bind, config.port,
            cop_error_text(error));
        cop_halt(1);
    }
    printf("kv: listening on %s:%d\n", config.bind, cop_tcp_port(socket));
    fflush(stdout);
    return socket;
}

void listener(cop_term arg)
{
    cop_socket server = open_port(), client;
    cop_pid pid;

    (void)arg;
    for (;; cop_turn_end()) {
        int error = cop_tcp_accept(&client, server, .send_timeout_ms = SEND_TIMEOUT_MS,
            .packet_size_max = config.request_size_max);

        if (error < 0) { /* descriptors may be scarce, or the client gave up: others may come */
            cop_log(COP_LOG_WARNING, "kv: accept: %s", cop_error_text(error));
            cop_sleep(ACCEPT_PAUSE_MS);
        } else if (cop_supervisor_start_child(&pid, "sessions", cop_from_socket(client)) < 0) {
            cop_tcp_close(client);
        } else {
            if (cop_tcp_give_away(client, pid) < 0)
                cop_tcp_close(client); /* the session will see that */
            cop_send(pid, cop("socket_is_yours"));
        }
    }
}
