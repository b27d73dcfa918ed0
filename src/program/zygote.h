/* SPDX-License-Identifier: Apache-2.0 */
/* The process that the operating-system processes of isolated children are forked from (zygote.c).
 * Layer 8, private. */
#ifndef COP_PROGRAM_ZYGOTE_H
#define COP_PROGRAM_ZYGOTE_H

#include <coppice/isolate.h>

/* What is asked of it: one message, with two descriptors. */
struct cop__zygote_request {
    uint32_t place, creation; /* by which the new part of the node is called */
    struct cop_limits limits;
    char name[16]; /* of the process, for ps and top */
};

/* What it says of the process, over the second descriptor, which closes after the last. Who closes
 * the other end, or writes to it, has the process killed. */
enum cop__zygote_news_kind { COP__ZYGOTE_STARTED = 1, COP__ZYGOTE_FAILED, COP__ZYGOTE_ENDED };
struct cop__zygote_news {
    int32_t kind;  /* enum cop__zygote_news_kind */
    int32_t value; /* number of the process; errno; status as of waitpid */
};

/* What a process forked from it runs: its end of the first descriptor; gives its exit status. */
typedef int cop__zygote_inside(const struct cop__zygote_request *request, int connection);

/* Fork it. This program must have one thread. It must not be there yet. 0 or -errno. */
int cop__zygote_start(cop__zygote_inside *inside);
bool cop__zygote_is_there(void);
/* It ends, and all that were forked from it. No node runs. */
void cop__zygote_stop(void);

/* Have a process forked; connection and status stay the caller's. 0; -EAGAIN: it has too much to
 * do; -EPIPE: it is gone; other -errno. Never waits. */
int cop__zygote_fork(const struct cop__zygote_request *request, int connection, int status);

#endif
