/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the process layer: process, message, stack, scheduler, thread. Who may touch what
 * is said at each field; the rules (PROC-n) are in README.md beside this file. */
#ifndef COP_PROC_TYPES_H
#define COP_PROC_TYPES_H

#include <coppice/process.h>
#include <setjmp.h>
#include <time.h>

#include "base/block.h"
#include "base/choose.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/thread.h"
#include "proc/park.h"
#include "proc/sanitizer.h"

#define cop__likely(X)           __builtin_expect(!!(X), 1)
#define cop__unlikely(X)         __builtin_expect(!!(X), 0)
#define cop__load(X)             atomic_load_explicit(&(X), memory_order_relaxed)
#define cop__load_acquire(X)     atomic_load_explicit(&(X), memory_order_acquire)
#define cop__store(X, V)         atomic_store_explicit(&(X), (V), memory_order_relaxed)
#define cop__store_release(X, V) atomic_store_explicit(&(X), (V), memory_order_release)

/* --- Messages and signals ----------------------------------------------------------------------
 */

enum cop__msg_kind {
    /* what a mailbox holds */
    COP__PLAIN,      /* term */
    COP__CAST,       /* term is the request of {Label, Request}, aux the label */
    COP__CALL,       /* term is the request, from and ref the caller, aux the label */
    COP__REPLY,      /* term is the answer to call `ref` */
    COP__DOWN_REPLY, /* term is the reason for which call `ref` gets no answer */
    COP__ALIASED,    /* term, sent to alias ref: looked at when it is received */
    /* signals: acted upon when they are received (signal.c); from here on PEND is set */
    COP__SIGNALS,
    COP__EXIT = COP__SIGNALS, /* term {'EXIT', From, Reason}; exit/2 */
    COP__EXIT_LINK,           /* the same, because a link broke */
    COP__DOWN,                /* term {'DOWN', ref, process, Pid, Reason} */
    COP__LINK,
    COP__UNLINK,     /* ref is the number of this unlink */
    COP__UNLINK_ACK, /* ref as above */
    COP__MONITOR,    /* ref */
    COP__DEMONITOR,  /* ref */
    COP__FORGET,  /* the caller of call ref does not wait any more; term deadlock: it never did */
    COP__INFO,    /* term is the list of items; answered as call ref */
    COP__ALIVE,   /* answered as call ref */
    COP__LEADER,  /* term is the new group leader */
    COP__SUSPEND, /* ref: answered as call, from the suspender */
    COP__RESUME,
    COP__ADOPT, /* aux pointer in ref: a resource given to this process */
    /* from other nodes (far.c); ref is the number of the connection they came over */
    COP__FAR,
    COP__FAR_LINK = COP__FAR, /* term Pid; from is the process that was asked for */
    COP__FAR_UNLINK,          /* term {Pid, Number}; from as above */
    COP__FAR_UNLINK_ACK,      /* term {Pid, Number} */
    COP__FAR_EXIT,            /* term {'EXIT', Pid, Reason}: a link broke */
    COP__FAR_MONITOR,         /* term {Pid, Ref, Target} */
    COP__FAR_DEMONITOR,       /* term Ref */
    COP__FAR_SPAWNED,         /* term {Ref, Flags, PidOrReason} */
    COP__NODE_DOWN,           /* the connection has ended */
};

enum {
    COP__MSG_COUNTED = 1, /* body[0] is the list of counted binaries of the tree */
    COP__MSG_PRIORITY = 2,
    COP__MSG_SHORT = 4, /* PLAIN, CAST: the tree follows from `from` on, there is no from and ref */
    COP__MSG_ASKS = 64, /* its sender can wait for room in a mailbox: bounded.h */
    COP__MSG_WITHDRAWN = 32, /* a call that is not to be handled (deadlock.h) */
    COP__MSG_BOUND = 16,     /* counted by a bounded mailbox, and not taken yet */
    COP__MSG_BARE = 8,       /* a call, or its reply, whose tag is Ref and not [alias | Ref] */
};

/* One 64-byte aligned block. The tree of `term` follows from body on, or from `from` on
 * in a short one (plain messages). Immutable once pushed. */
struct cop__msg {
    struct cop__msg *next;
    union {
        struct {
            uint8_t kind, class;
            uint16_t flags;
            uint32_t aux;
        };
        uint64_t head; /* the four at once */
    };
    cop_term term;
    uint64_t from; /* id of a local pid; 0: from outside */
    uint64_t ref;
    uint64_t body[];
};

/* --- The mailbox word (docs/adr/0003) ------------------------------------------------------------
 */

#define COP__MBOX_ANY   1ull  /* parked for any message */
#define COP__MBOX_SIG   2ull  /* parked for signals and wakes only */
#define COP__MBOX_PEND  4ull  /* a signal is queued, or a wake came */
#define COP__MBOX_DEAD  8ull  /* closed */
#define COP__MBOX_BOUND 32ull /* it has a bound: bounded.c */
#define COP__MBOX_FULL  16ull /* overload: senders pay more of their budget */
#define COP__MBOX_PTR   0x0000ffffffffffc0ull
#define COP__MBOX_TAG   0xffff000000000000ull /* 16 bits that change with every reuse of the slot */

/* --- Stacks --------------------------------------------------------------------------------------
 */

enum { COP__STACK_SMALL, COP__STACK_LARGE, COP__STACK_CLASSES };
enum { COP__LENT_WORDS = 96 }; /* first chunk of the turn's heap, in the top page of the stack */

enum { COP__FAULT_FRAMES = 24 };

/* What ends a process from within its code: written by a signal handler on the thread that runs it,
 * read when it has come back to that thread's base (fault.c). */
struct cop__fault {
    int signal;    /* 0: a kill */
    uint8_t event; /* enum cop__event */
    uint8_t rule;
    uintptr_t address;
    uintptr_t return_to; /* whose place the trampoline has taken; 0: nobody's */
    uint32_t count;
    uintptr_t pcs[COP__FAULT_FRAMES];
};

/* At the top of each stack, so that a shallow process touches one page. */
struct cop__stack {
    struct cop__stack *next;
    struct cop__heap heap;    /* of the turn that runs on this stack */
    char *lo;                 /* lowest usable byte */
    void *top;                /* where the first frame starts */
    struct cop__catch *catch; /* innermost cop_try, in a frame of this stack */
    const uint64_t *canary;   /* to be looked at when the process stops; NULL: it is guarded */
    uint32_t index;
    uint8_t class, guard; /* enum cop__guard */
    bool yellow_open;
    _Atomic(uint32_t) unsafe; /* cop_unsafe_begin without end; read in handlers */
    struct cop__fault fault;
    struct cop__fiber fiber; /* what sanitizers keep for a stack */
    uint64_t lent[COP__LENT_WORDS];
};

/* --- Processes -----------------------------------------------------------------------------------
 */

enum {
    COP__P_TRAP_EXIT = 1,
    COP__P_LOOP = 2,     /* has become a loop: no stack while it waits */
    COP__P_EXITING = 4,  /* past the point of no return; read by others */
    COP__P_PROC_LIB = 8, /* crash report; ancestors are recorded */
    COP__P_HIBERNATING = 16,
    COP__P_SUSPENDED = 32,
    COP__P_DOOMED = 64, /* a fatal exit signal was received: ends at the next chance */
    COP__P_LARGE_STACK = 128,
    COP__P_PARKED = 256,       /* waits; for process_info */
    COP__P_CRASHED = 512,      /* next run is crash_main */
    COP__P_TIMED = 1024,       /* has started timers toward itself */
    COP__P_FAULTED = 2048,     /* next run is fault_main */
    COP__P_OWES = 16384,       /* has calls that somebody else may answer; cleared late */
    COP__P_NEVER_WAITS = 8192, /* for room in a mailbox: a supervisor */
    COP__P_SHORT = 32768,      /* doomed: the system had no memory for what it did */
    COP__P_FAULT_TOLD = 4096,  /* it has ended with a fault, and the reason is in ext */
};

struct cop__ext;
/* Others look at it (deadlock.h). place: a link of a list, or its head. */
#define cop__set_next(PLACE, PROC) __atomic_store_n((PLACE), (PROC), __ATOMIC_RELAXED)

struct cop__origin;
struct cop__memory;
struct cop__thr;

struct cop__proc {
    /* line 0: written by strangers, or read by them */
    _Alignas(64) _Atomic(uint64_t) mbox;
    _Atomic(uint32_t) gen; /* of the pid; unique among all processes until 2^32 spawns */
    uint32_t index;
    _Atomic(uint32_t) flags;
    _Atomic(uint32_t) name; /* atom index of the registered name, under the name lock */
    /* link in a queue or free list: whoever owns the right to schedule. While it waits for the
     * reply to a call: whom it waits for (deadlock.h) */
    struct cop__proc *next;
    _Atomic(struct cop__thr *) on; /* the thread running it */
    uint64_t ref_count;            /* references made; goes on over reuses of the slot */
    uint32_t reductions;
    uint8_t priority;
    bool call_bare;    /* its tag is the reference alone */
    uint64_t call_ref; /* id of the reference whose reply is waited for, 0: none */
    /* line 1: owner only */
    struct cop__msg *first, *last; /* inner queue, oldest first */
    struct cop__msg *turn;         /* blocks received in this turn */
    struct cop__ext *ext;          /* all that most processes never need */
    void *sp;                      /* saved context; NULL: starts anew */
    struct cop__stack *stack;      /* NULL for an idle loop */
    const cop_loop *loop;
    void *state; /* of the loop; before the start: entry function */
    /* line 2: cold */
    struct cop__msg *current;   /* loop: the message being handled, NULL between turns */
    struct cop__msg *owed;      /* calls taken and not yet answered */
    struct cop__memory *memory; /* process memory */
    struct cop__origin *origin; /* how it was started; shared */
    uint64_t link0;             /* the first link; most have exactly one */
    uint64_t watch0;            /* the first monitor on it: its reference, and id of the watcher */
    uint64_t watcher0;
    struct cop__msg *start; /* proc_lib: the starter's request, answered by init_ack or the exit */
};
_Static_assert(sizeof(struct cop__proc) == 192, "a process is three cache lines");

/* How a process was started: shared by all that one parent starts with one function. */
struct cop__origin {
    _Atomic(uint32_t) refs;   /* counted in batches on both sides (spawn.c) */
    uint32_t parent_name;     /* atom of the parent's name when this was made */
    const char *initial_call; /* constant */
    cop_process_main *entry;
    const char *label;
    cop_pid group_leader;       /* id 0: the node's */
    uint64_t parent;            /* local pid id, 0: none */
    struct cop__msg *ancestors; /* a message block: list of pids and names, nearest first */
    bool proc_lib;
    uint8_t class;
};

enum cop__timer_state {
    COP__TIMER_ARMED,
    COP__TIMER_FIRING,
    COP__TIMER_FIRED,
    COP__TIMER_CANCELLED
};

/* A node of a scheduler's wheel (timer.h). A block of its own: the wheel it is in may be another
 * scheduler's when its process wants to be rid of it. */
struct cop__timer {
    struct cop__timer *next, **prev;
    uint64_t when_ms;
    union {
        _Atomic(uint64_t) dest; /* local pid id, or 0: a name */
        /* once cancelled, in another scheduler's inbox; a release, for who looks for dead ones */
        _Atomic(struct cop__timer *) inbox_next;
    };
    struct cop__msg *message; /* NULL: wake the process */
    uint64_t ref;
    _Atomic(uint32_t) state;
    uint32_t name; /* atom index, resolved when it fires */
    uint16_t slot;
    uint8_t sched; /* index of the wheel's scheduler */
    uint8_t class;
};
_Static_assert(sizeof(struct cop__timer) <= 64, "a timer is a block of the first class");

struct cop__monitor {
    uint64_t ref;
    uint64_t target;     /* id of the pid, 0 when the target was never there */
    uint64_t far;        /* its node: 0 for this one */
    uint64_t connection; /* over which a target of another node is watched */
    cop_atom name, node; /* monitored by name */
    uint8_t alias;       /* enum cop_alias_mode, and the two below */
    bool monitoring;     /* a 'DOWN' may still come */
    bool alias_active;
    bool reply_once; /* alias made by cop_alias_reply */
    bool priority;
    bool spawning;        /* a process of another node that is being started: far.c */
    uint8_t class;        /* of this block */
    struct cop__msg *tag; /* block with the term in place of 'DOWN' or spawn_reply; NULL */
};

struct cop__defer {
    struct cop__defer *next;
    void (*fn)(void *ptr);
    void *ptr;
};

struct cop__catch {
    struct cop__catch *outer;
    struct cop__defer *defers; /* those registered before */
    uint32_t unsafe;           /* as it was */
    bool wants_stack;
    jmp_buf at;
};

struct cop__dict_entry {
    struct cop__dict_entry *next;
    cop_term key, value; /* kept */
};

struct cop__ext {
    struct cop__map links;        /* pid id -> 0 active, else number of the unlink under way */
    struct cop__map monitors;     /* ref id -> struct cop__monitor *; aliases too */
    struct cop__map monitored_by; /* ref id -> pid id of the watcher; more than watch0 */
    struct cop__timer *timer;     /* of receive and loop; may be armed earlier than deadline */
    uint64_t deadline_ns;         /* 0: none */
    struct cop__defer *defers;
    struct cop__resource *resources;
    struct cop__memory *kept; /* terms of cop_keep */
    struct cop__dict_entry *dictionary;
    struct cop__origin *child_origin; /* cached for the next child */
    uint32_t child_refs;              /* references to it that are ours to give to children */
    uint8_t class;                    /* of this block */
    bool crashing;                    /* handle_crash runs: the next one ends the process */
    bool reporting;                   /* its crash: one within that ends it without a word */
    /* what was raised, for handle_crash and cop_try */
    enum cop_class raised;
    uint32_t suspend_count;
    cop_term raised_reason, raised_stack;
    cop_term exit_reason;  /* once doomed or exiting */
    cop_term current_from; /* of a call that came as a message; cleared when the turn ends */
    struct cop__msg *start_result; /* init_fail: sent when all is released */
    cop_pid group_leader;
    cop_term label; /* kept */
    uint64_t unlink_count;
    size_t heap_max;            /* bytes; 0: no limit (P-40) */
    cop_term tuning;            /* kept: a map of flags that were set and have no other effect */
    uint64_t random;            /* state of cop_random, 0: not used yet */
    uint64_t mark_ref;          /* the last reference made, and the newest message then: what is */
    struct cop__msg *mark_last; /* before cannot mention it (cop_receive_begin_ref) */
    uint32_t long_queue;        /* its mailbox was long, by the setting of this number */
    struct cop__far *far;       /* ties to processes of other nodes */
};
_Static_assert(sizeof(struct cop__ext) <= 256, "ext is one block of the third class");

/* --- Schedulers and threads ----------------------------------------------------------------------
 */

enum { COP__RING = 256, COP__STACKS_HOT = 64, COP__BUDGET = 512, COP__OVERLOAD_COST = 64 };
enum {
    COP__WHEEL_LEVELS = 5,
    COP__WHEEL_NEAR_BITS = 10,
    COP__WHEEL_NEAR = 1 << COP__WHEEL_NEAR_BITS
};
enum { COP__WHEEL_SLOTS = COP__WHEEL_NEAR + (COP__WHEEL_LEVELS - 1) * 64 };

struct cop__wheel {
    uint64_t now_ms; /* all before this have fired */
    uint64_t count;
    struct cop__timer *cursor; /* the next to be swept; NULL: the first of the next slot */
    unsigned swept;            /* slot of the higher levels, counted from the first of these */
    unsigned owed;             /* steps of the sweep */
    uint64_t occupied[COP__WHEEL_SLOTS / 64]; /* a bit per slot */
    struct cop__timer *slots[COP__WHEEL_SLOTS];
};

struct cop__sched {
    _Alignas(64) _Atomic(uint32_t) head; /* thieves and owner CAS */
    /* Written by whoever looks for work to steal (idle.c): turns at the last look, and when it was;
     * from how many processes in the ring on stealing pays, 0: not known. */
    _Atomic(uint32_t) seen_turns, worth, brisk; /* brisk: its turns are short */
    _Atomic(uint64_t) seen_ns;
    _Alignas(64) _Atomic(uint32_t) tail; /* owner stores */
    _Atomic(uint64_t) turns;             /* activations */
    _Atomic(struct cop__proc *) lifo;    /* owner only; others may look */
    uint32_t index;
    _Atomic(struct cop__proc *) current;
    _Atomic(struct cop__thr *) thr;
    uint64_t random;
    uint64_t now_ns; /* cached clock */
    struct cop__sched *next_idle;
    struct cop__blocks blocks;
    struct cop__stack *stacks;
    uint32_t stack_count;
    struct cop__proc *free_first, **free_last; /* slots, first in first out */
    uint32_t free_count;
    uint32_t released_count;                  /* of references to `released`, not taken off yet */
    struct cop__origin *released;             /* origin of the children that ended here lately */
    _Atomic(uint64_t) next_timer_ms;          /* published: earliest, UINT64_MAX without */
    _Atomic(struct cop__timer *) timer_inbox; /* cancelled by others */
    /* counters for cop_statistics; owner writes */
    _Atomic(uint64_t) steals, spawned, exited, reductions;
    struct cop__wheel wheel;
    _Atomic(struct cop__proc *) ring[COP__RING];
};

/* What a process wants when it gives the scheduler away. */
enum cop__act {
    COP__ACT_NONE,
    COP__ACT_WAIT_ANY,
    COP__ACT_WAIT_SIG,
    COP__ACT_YIELD,
    COP__ACT_IDLE, /* from here on the stack's frames are abandoned */
    COP__ACT_YIELD_LOOP,
    COP__ACT_EXIT, /* up to here the next process may follow without the base loop */
    COP__ACT_STRAIGHT_LAST = COP__ACT_EXIT,
    COP__ACT_RESTART,
    COP__ACT_LOST,
    COP__ACT_FAULT /* a handler has jumped to the base: nothing is saved, the claim not looked at */
};

struct cop__thr {
    struct cop__thread base; /* first: base/thread.h */
    struct cop__sched *sched;
    struct cop__proc *current;
    void *base_sp;     /* context of the scheduler loop */
    enum cop__act act; /* what who ran before wants, when it is settled */
    int32_t budget;    /* what the running process may still do before it yields */
    bool searching;
    uint8_t refusal; /* enum cop__refusal: why the last push did not succeed */
    struct cop__clock_memo clock;
    _Atomic(uint32_t) wake;   /* futex */
    struct cop__sched *given; /* with wake */
    struct cop__thr *next;    /* in the list of spares, or of ended threads */
    bool joinable;            /* has run: to be joined before the record is used again */
    clockid_t cpu_clock;      /* set before it takes its first scheduler; read by the monitor */
    struct cop__heap heap;    /* for terms built outside any process */
    struct cop__fiber fiber;
    pthread_t thread;
    _Atomic(pid_t) tid;         /* for tgkill and what /proc says; 0: it has ended */
    uintptr_t base_hi;          /* above all frames of its base */
    uint64_t ran_ns, waited_ns; /* at the monitor's last look (crowd.c) */
    struct cop__look {
        uint64_t tree, gone;
        const void *at;
    } look; /* where its last one into an ordered table ended (ets/ordered_table.c) */
    /* where its handlers run (fault.c) */
    void *signal_stack;
    size_t signal_stack_size;
    _Atomic(uint32_t) returns;  /* how often it came back from user code without a scheduler */
    _Atomic(uint32_t) in_fault; /* its handler is at work: another fault is the handler's */
};

_Static_assert(
    sizeof(struct cop__thr) <= COP__THREAD_RECORD_MAX, "threads without a scheduler get this much");

static inline struct cop__thr *cop__self_thr(void)
{
    return (struct cop__thr *)cop__self_thread();
}

/* The same inside the runtime. */
static inline struct cop__thr *cop__own_thr(void)
{
    return (struct cop__thr *)cop__own_thread();
}

#endif
