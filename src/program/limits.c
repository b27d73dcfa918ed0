/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of an isolated child: rlimits, and a filter of system calls. Layer 8.
 *
 * The filter is a list of what a runtime that computes needs. What is not in it fails with EPERM,
 * so that a library that tries something finds an error in place of its end; what no such child has
 * a reason to try ends it. */
#include "program/limits.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000u
#endif

/* --- Time, descriptors, memory ------------------------------------------------------------------
 */

static int limit(int resource, uint64_t soft, uint64_t hard)
{
    struct rlimit now;

    if (getrlimit(resource, &now) < 0)
        return -errno;
    now.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    return setrlimit(resource, &now) < 0 ? -errno : 0;
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

/* --- System calls -------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
enum { X32_BIT = 0x40000000 };
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#endif

static const int allowed[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_lseek,
    SYS_close,
    SYS_fstat,
    SYS_fsync,
    SYS_fdatasync,
    SYS_ftruncate,
    SYS_fcntl,
    SYS_dup,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_sendto,
    SYS_sendmsg,
    SYS_shutdown,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_getsockname,
    SYS_getpeername,
    SYS_ppoll,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    SYS_pipe2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_futex,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_mincore,
    SYS_brk,
    SYS_membarrier,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_rt_sigpending,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_times,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getrandom,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getcpu,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_prctl,
    SYS_exit,
    SYS_exit_group,
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_arch_prctl
    SYS_arch_prctl,
#endif
#ifdef SYS_time
    SYS_time,
#endif
};

static const int deadly[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_rt_sigqueueinfo,
    SYS_tkill,
    SYS_bpf,
    SYS_mount,
    SYS_init_module,
    SYS_finit_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_setns,
    SYS_unshare,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
};

enum {
    PROGRAM_MAX =
        8 + 2 * (int)(sizeof allowed / sizeof *allowed + sizeof deadly / sizeof *deadly) + 4 * 6
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short size;
};

static void add(struct program *program, unsigned op, uint32_t value, uint8_t yes, uint8_t no)
{
    program->code[program->size++] =
        (struct sock_filter){ .code = (uint16_t)op, .jt = yes, .jf = no, .k = value };
}

static void load(struct program *program, size_t offset)
{
    add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *program, uint32_t verdict)
{
    add(program, BPF_RET | BPF_K, verdict, 0, 0);
}

/* The number of the call is loaded. */
static void if_call(struct program *program, int call, uint32_t verdict)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
    answer(program, verdict);
}

/* The same, with the low half of its first argument compared in this way. */
static void if_call_with(struct program *program, int call, unsigned compare, uint32_t value)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4);
    load(program, offsetof(struct seccomp_data, args[0])); /* both machines: low half first */
    add(program, BPF_JMP | compare | BPF_K, value, 0, 1);
    answer(program, SECCOMP_RET_ALLOW);
    answer(program, SECCOMP_RET_KILL_PROCESS);
}

static void compute_only(struct program *program)
{
    load(program, offsetof(struct seccomp_data, arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 1, 0);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    add(program, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    answer(program, SECCOMP_RET_KILL_PROCESS);
#endif
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if_call(program, allowed[i], SECCOMP_RET_ALLOW);
    if_call(program, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS); /* its flags cannot be seen: clone */
    if_call_with(program, SYS_clone, BPF_JSET, CLONE_THREAD);
    if_call_with(program, SYS_tgkill, BPF_JEQ, (uint32_t)getpid());
    if_call_with(program, SYS_kill, BPF_JEQ, (uint32_t)getpid());
    if_call_with(program, SYS_prlimit64, BPF_JEQ, 0);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        if_call(program, deadly[i], SECCOMP_RET_KILL_PROCESS);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
}

static int install(const struct sock_fprog *filter)
{
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, filter) != 0)
        return errno ? -errno : -EACCES; /* a thread that has another filter */
    return 0;
}

static int limit_calls(const struct cop_limits *limits)
{
    struct program program = { .size = 0 };
    struct sock_fprog own = { .filter = program.code };
    int error = 0;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) < 0)
        return -errno;
    if (limits->seccomp_filter)
        error = install(limits->seccomp_filter);
    if (error || limits->seccomp != COP_SECCOMP_COMPUTE)
        return error;
    compute_only(&program);
    own.len = program.size;
    return install(&own);
}

int cop__limit_now(const struct cop_limits *limits)
{
    int error = limits->memory_max_bytes ? limit_memory(limits->memory_max_bytes) : 0;

    if (!error && (limits->seccomp != COP_SECCOMP_OFF || limits->seccomp_filter))
        error = limit_calls(limits);
    return error;
}
