/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that fault on purpose, some of them so that the node stops: those run in a child. */
#ifndef COP_CONFORMANCE_FAULTY_H
#define COP_CONFORMANCE_FAULTY_H

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/node.h"

#include <coppice.h>

#include "base/symbols.h"
#include "base/text.h"

/* Not under a sanitizer, which sees every fault itself; not in a static program; not with the
 * portable switch. */
static inline bool contains_faults(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(COP_SWITCH_UCONTEXT)
    return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#endif
#endif
    cop__text_refresh();
    return !cop__text_is_static();
}

static inline bool has_names(void)
{
    struct cop__symbol symbol;

    return cop__symbol_of(&symbol, (uintptr_t)contains_faults) && symbol.function;
}

/* No reports, and nothing of what assert prints. */
static inline void hush(void)
{
    cop_log_set_level(COP_LOG_EMERGENCY);
}

static inline int compare_well(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static cop_process_main *apart_main;
static struct cop_options apart_options;

static inline int apart_first(int argc, char **argv)
{
    cop_ref ref;

    (void)argc, (void)argv;
    cop_spawn_monitor(apart_main, COP_NONE, &ref);
    cop_receive_match("{'DOWN', Ref, process, _, _}", ref);
    return 0;
}

/* In a child of its own: returns its wait status, and what it wrote on stderr. */
static inline int run_apart(
    cop_process_main *body, char *ret_report, size_t size, const char *on_fault)
{
    int status = 0, ends[2];
    size_t used = 0;
    ssize_t got;
    pid_t child;

    fflush(NULL);
    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        const struct rlimit none = { 0, 0 };

        setrlimit(RLIMIT_CORE, &none);
        if (on_fault)
            setenv("COPPICE_ON_FAULT", on_fault, 1);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        apart_main = body;
        _exit(cop_run_main_with(apart_first, 0, NULL, &apart_options));
    }
    close(ends[1]);
    while (used + 1 < size && (got = read(ends[0], ret_report + used, size - 1 - used)) > 0)
        used += (size_t)got;
    ret_report[used] = 0;
    close(ends[0]);
    CHECK_EQ_INT(waitpid(child, &status, 0), child);
    return status;
}

#endif
