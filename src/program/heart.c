/* SPDX-License-Identifier: Apache-2.0 */
/* The beats that coppice-heart (tools/heart.c) waits for: a byte each into a pipe, from a process
 * with the highest priority. Layer 8. */
#include "program/heart.h"

#include <coppice/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BEATS = 4 }; /* in each timeout */

static _Atomic(cop_heart_callback *) callback;
static _Atomic(void *) callback_arg;
static _Atomic(int64_t) timeout_ms;
static int pipe_fd;

void cop_heart_set_callback(cop_heart_callback *new_callback, void *arg)
{
    atomic_store(&callback_arg, arg);
    atomic_store(&callback, new_callback);
}

int64_t cop_heart_timeout_ms(void)
{
    return atomic_load(&timeout_ms);
}

static bool is_well(void)
{
    cop_heart_callback *now = atomic_load(&callback);

    return !now || now(atomic_load(&callback_arg));
}

/* False: there is nobody to beat for any more. */
static bool beat(void)
{
    char byte = 1;

    return write(pipe_fd, &byte, sizeof byte) == sizeof byte || errno == EAGAIN || errno == EINTR;
}

static void heart_main(cop_term arg)
{
    int64_t interval_ms = atomic_load(&timeout_ms) / BEATS;

    (void)arg;
    cop_set_group_leader(cop_self(), cop_self()); /* of no application */
    for (;; cop_turn_end()) {
        if (is_well() && !beat()) {
            cop_log(COP_LOG_WARNING, "coppice-heart is gone: nobody watches this program");
            return;
        }
        cop_sleep(interval_ms > 0 ? interval_ms : 1);
    }
}

/* FD:TIMEOUT:PID. The variable goes on to programs that this one starts, so it counts only for the
 * one it was made for. */
static bool is_for_us(int *ret_fd, long long *ret_timeout_ms)
{
    const char *text = getenv("COPPICE_HEART");
    int pid;

    return text && sscanf(text, "%d:%lld:%d", ret_fd, ret_timeout_ms, &pid) == 3 &&
           pid == (int)getpid() && *ret_fd > STDERR_FILENO && *ret_timeout_ms > 0 &&
           fcntl(*ret_fd, F_SETFD, FD_CLOEXEC) == 0;
}

void cop__heart_start(void)
{
    long long timeout;

    if (!is_for_us(&pipe_fd, &timeout))
        return;
    atomic_store(&timeout_ms, timeout);
    cop_spawn_with(heart_main, cop_nil(),
        &(struct cop_spawn_options){ .priority = COP_MAX, .label = "heart" }, NULL);
}
