/* SPDX-License-Identifier: Apache-2.0 */
/* Which system calls an isolated child may make: a filter of seccomp. Layer 8.
 *
 * It is a list of what a runtime that computes needs. What is not in it fails with EPERM, so that a
 * library that tries something finds an error in place of its end; what no such child has a reason
 * to try ends it. */
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program/limits.h"

/* The system's interface, which not every C library has headers for. */
enum {
    SET_MODE_FILTER = 1,
    FILTER_FLAG_TSYNC = 1,
    DATA_NUMBER = 0,
    DATA_MACHINE = 4,
    DATA_ARG0 = 16
};
enum { LOAD = 0x20, IF_EQUAL = 0x15, IF_AT_LEAST = 0x35, IF_ANY_BIT = 0x45, RETURN = 0x06 };
#define KILL_PROCESS 0x80000000u
#define FAIL_WITH    0x00050000u
#define ALLOW        0x7fff0000u
#if defined(__x86_64__)
#define MACHINE 0xc000003eu
enum { X32_BIT = 0x40000000 };
#elif defined(__aarch64__)
#define MACHINE 0xc00000b7u
#endif

struct step {
    uint16_t op;
    uint8_t yes, no;
    uint32_t value;
};
struct filter { /* as struct sock_fprog */
    uint16_t size;
    const struct step *steps;
};

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
    struct step steps[PROGRAM_MAX];
    uint16_t size;
};

static void add(struct program *program, uint16_t op, uint32_t value, uint8_t yes, uint8_t no)
{
    program->steps[program->size++] = (struct step){ op, yes, no, value };
}

static void load(struct program *program, uint32_t offset)
{
    add(program, LOAD, offset, 0, 0);
}

static void answer(struct program *program, uint32_t verdict)
{
    add(program, RETURN, verdict, 0, 0);
}

/* The number of the call is loaded. */
static void if_call(struct program *program, int call, uint32_t verdict)
{
    add(program, IF_EQUAL, (uint32_t)call, 0, 1);
    answer(program, verdict);
}

/* The same, with the low half of its first argument compared in this way. */
static void if_call_with(struct program *program, int call, uint16_t compare, uint32_t value)
{
    add(program, IF_EQUAL, (uint32_t)call, 0, 4);
    load(program, DATA_ARG0); /* both machines: low half first */
    add(program, compare, value, 0, 1);
    answer(program, ALLOW);
    answer(program, KILL_PROCESS);
}

static void compute_only(struct program *program)
{
    load(program, DATA_MACHINE);
    add(program, IF_EQUAL, MACHINE, 1, 0);
    answer(program, KILL_PROCESS);
    load(program, DATA_NUMBER);
#ifdef __x86_64__
    add(program, IF_AT_LEAST, X32_BIT, 0, 1);
    answer(program, KILL_PROCESS);
#endif
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if_call(program, allowed[i], ALLOW);
    if_call(program, SYS_clone3, FAIL_WITH | ENOSYS); /* its flags cannot be seen: clone */
    if_call_with(program, SYS_clone, IF_ANY_BIT, CLONE_THREAD);
    if_call_with(program, SYS_tgkill, IF_EQUAL, (uint32_t)getpid());
    if_call_with(program, SYS_kill, IF_EQUAL, (uint32_t)getpid());
    if_call_with(program, SYS_prlimit64, IF_EQUAL, 0);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        if_call(program, deadly[i], KILL_PROCESS);
    answer(program, FAIL_WITH | EPERM);
}

static int install(const void *filter)
{
    if (syscall(SYS_seccomp, SET_MODE_FILTER, FILTER_FLAG_TSYNC, filter) != 0)
        return errno ? -errno : -EACCES; /* a thread that has another filter */
    return 0;
}

int cop__limit_calls(const struct cop_limits *limits)
{
    struct program program = { .size = 0 };
    struct filter own = { .steps = program.steps };
    int error = 0;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) < 0)
        return -errno;
    if (limits->seccomp_filter)
        error = install(limits->seccomp_filter);
    if (error || limits->seccomp != COP_SECCOMP_COMPUTE)
        return error;
    compute_only(&program);
    own.size = program.size;
    return install(&own);
}
