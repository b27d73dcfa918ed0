/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of an isolated child: memory, processor time and descriptors, by rlimits; for system
 * calls see calls.c. Layer 8. */
#include "program/limits.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int limit(int resource, uint64_t soft, uint64_t hard)
{
    struct {
        uint64_t soft, hard;
    } now; /* as the system has it; the C libraries differ in the type of resource */

    if (syscall(SYS_prlimit64, 0, resource, NULL, &now) < 0)
        return -errno;
    now.hard = hard < now.hard ? hard : now.hard;
    now.soft = soft < now.hard ? soft : now.hard;
    return syscall(SYS_prlimit64, 0, resource, &now, NULL) < 0 ? -errno : 0;
}

int cop__limit_early(const struct cop_limits *limits)
{
    int error = 0;

    if (limits->cpu_max_s > 0) /* a second after the signal that can be told of comes SIGKILL */
        error = limit(RLIMIT_CPU, (uint64_t)limits->cpu_max_s, (uint64_t)limits->cpu_max_s + 1);
    if (!error && limits->open_files_max > 0)
        error = limit(
            RLIMIT_NOFILE, (uint64_t)limits->open_files_max, (uint64_t)limits->open_files_max);
    return error;
}

/* Bytes of private memory that this process may write, as RLIMIT_DATA counts them; 0: not known. */
static uint64_t data_size(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit_memory(size_t size)
{
    uint64_t now = data_size();

    return now ? limit(RLIMIT_DATA, now + size, now + size) : -ENOTSUP;
}

int cop__limit_now(const struct cop_limits *limits)
{
    int error = limits->memory_max_bytes ? limit_memory(limits->memory_max_bytes) : 0;

    if (!error && (limits->seccomp != COP_SECCOMP_OFF || limits->seccomp_filter))
        error = cop__limit_calls(limits);
    return error;
}
