/* SPDX-License-Identifier: Apache-2.0 */
/* Faults and kills by the thousand, at random instants, in processes that allocate, print, sort,
 * lock, build terms, call each other and hold sockets and files: nothing hangs, nothing is lost or
 * doubled, and memory stays flat. All of it under the C library's own checks of its heap, where
 * these can be had. */
#include "conformance/fault_kinds.h"
#include "stress/stress.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

enum { WORKERS = 8, TENTHS = 10 };

/* The checks are in a library of their own, which must be there before the program starts. */
__attribute__((constructor)) static void check_the_heap(int argc, char **argv)
{
    (void)argc;
    if (!getenv("MALLOC_CHECK_") && contains_faults()) {
        setenv("MALLOC_CHECK_", "3", 1);
        setenv("LD_PRELOAD", "libc_malloc_debug.so.0", 1);
        execv("/proc/self/exe", argv);
    }
}

/* --- Work ----------------------------------------------------------------------------------------
 */

static volatile int sink;
static volatile double real_sink;

/* Of the process: it goes with it. */
static void allocate_own(struct stress_random *random)
{
    void *blocks[8];

    for (int i = 0; i < 8; i++)
        blocks[i] = cop_alloc(1 + stress_below(random, 2000));
    for (int i = 0; i < 8; i += 2)
        cop_free(blocks[i]);
    for (int i = 1; i < 8; i += 2)
        cop_free(blocks[i]);
}

/* Of the C library: what would be lost in between is protected, as the guide says. */
static void allocate(struct stress_random *random)
{
    void *blocks[16];

    cop_unsafe_begin();
    for (int i = 0; i < 16; i++) {
        blocks[i] = malloc(1 + stress_below(random, 2000));
        memset(blocks[i], i, 1);
    }
    for (int i = 0; i < 16; i++)
        free(blocks[i]);
    cop_unsafe_end();
}

static void print(struct stress_random *random)
{
    char text[256];

    snprintf(text, sizeof text, "%g %s %d", (double)random->state, "text", sink);
    sink = text[3];
}

static void sort(struct stress_random *random)
{
    int numbers[64];

    for (int i = 0; i < 64; i++)
        numbers[i] = (int)stress_below(random, 1000);
    qsort(numbers, 64, sizeof numbers[0], compare_well);
    sink = numbers[5];
}

static void copy(struct stress_random *random)
{
    char from[4096], to[4096];
    size_t size = 1 + stress_below(random, sizeof to - 1);

    memset(from, sink, size);
    memcpy(to, from, size);
    sink = to[0];
}

static void compute(struct stress_random *random)
{
    double sum = 0;

    for (int i = 0; i < 200; i++)
        sum += 1.0 / (1 + (double)stress_below(random, 1000));
    real_sink = sum;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int64_t under_lock[2];

static void lock(struct stress_random *random)
{
    (void)random;
    cop_unsafe_begin();
    pthread_mutex_lock(&mutex);
    under_lock[0]++;
    sink = (int)under_lock[0];
    under_lock[1]++;
    pthread_mutex_unlock(&mutex);
    cop_unsafe_end();
}

static void build(struct stress_random *random)
{
    cop_term list = cop("[]");

    for (int i = 0; i < 200; i++)
        list = cop_cons(cop("{N, \"text\"}", (int64_t)stress_below(random, 1000)), list);
    list = cop_list_sort(list);
    sink = (int)cop_hash(list) + cop_show(list)[3];
    cop_turn_end();
}

static void keep(struct stress_random *random)
{
    cop_term kept = COP_NONE;

    for (int i = 0; i < 3; i++)
        cop_keep(&kept, cop("{kept, N, [1, 2, 3], \"a text\"}", (int64_t)stress_below(random, 99)));
    cop_keep_clear(&kept);
    cop_turn_end();
}

static void hold_socket(struct stress_random *random)
{
    cop_socket listener;

    if (cop_tcp_listen(&listener, 0) == 0 && stress_below(random, 2))
        cop_tcp_close(listener);
}

static void hold_file(struct stress_random *random)
{
    cop_file file;

    if (cop_file_open(&file, cop_bytes_from("/dev/zero"), COP_FILE_READ) == 0) {
        char bytes[100];

        cop_file_get(file, bytes, sizeof bytes);
        if (stress_below(random, 2))
            cop_file_close(file);
    }
}

static void talk(struct stress_random *random)
{
    cop_send(cop_self(), cop("{self, N}", (int64_t)stress_below(random, 99)));
    cop_receive_match("{self, _}");
    cop_turn_end();
}

static void (*const work[])(struct stress_random *) = { allocate_own, allocate, print, sort, copy,
    compute, lock, build, keep, hold_socket, hold_file, talk };
enum { WORKS = sizeof work / sizeof work[0] };

/* --- Kills ---------------------------------------------------------------------------------------
 */

static _Atomic(int64_t) defers_set, defers_run;

static void count_defer(void *unused)
{
    (void)unused;
    atomic_fetch_add(&defers_run, 1);
}

static void worker_main(cop_term arg)
{
    struct stress_random random;
    int64_t seed;

    cop_must(cop_to_int(&seed, arg));
    random = stress_random_for((uint64_t)seed);
    cop_unsafe_begin();
    cop_defer(count_defer, NULL);
    atomic_fetch_add(&defers_set, 1);
    cop_unsafe_end();
    for (;;)
        work[stress_below(&random, WORKS)](&random);
}

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static void memory_is_flat(const char *what, int64_t first_bytes)
{
    int64_t grown = stress_resident_bytes() - first_bytes;

    printf("%s: memory has grown by %d KB since the first tenth\n", what, (int)(grown >> 10));
    if (!STRESS_SANITIZED)
        CHECK(grown < 24 << 20);
}

/* Each kill is heard of once, with its reason, and every process's defer has run. */
STRESS(kills_at_random_instants)
{
    int64_t count = stress_count(10000, 1000000, 2000), started = 0, start_ns = cop_monotonic_ns();
    struct stress_random random = stress_random_for(1);
    cop_pid pids[WORKERS];
    cop_ref refs[WORKERS];
    int64_t first_bytes = 0;
    int descriptors;

    hush();
    if (!contains_faults())
        return;
    descriptors = open_descriptors();
    for (int i = 0; i < WORKERS; i++)
        pids[i] = cop_spawn_monitor(worker_main, cop_int(++started), &refs[i]);
    for (int64_t i = 0; i < count; i++) {
        uint32_t which = stress_below(&random, WORKERS);

        for (uint32_t wait = stress_below(&random, 2000); wait; wait--)
            sink = (int)wait;
        cop_exit_signal(pids[which], cop("kill"));
        EXPECT("{'DOWN', Ref, process, Pid, killed}", refs[which], pids[which]);
        pids[which] = cop_spawn_monitor(worker_main, cop_int(++started), &refs[which]);
        cop_turn_end();
        if (i == count / TENTHS)
            first_bytes = stress_resident_bytes();
    }
    printf("%d kills, %d us each\n", (int)count,
        (int)((cop_monotonic_ns() - start_ns) / 1000 / count));
    for (int i = 0; i < WORKERS; i++) {
        cop_exit_signal(pids[i], cop("kill"));
        EXPECT("{'DOWN', Ref, process, _, killed}", refs[i]);
    }
    NOTHING();
    CHECK_EQ_INT(atomic_load(&defers_run), atomic_load(&defers_set));
    CHECK(atomic_load(&defers_run) > started / 2); /* some are killed before they begin */
    CHECK_EQ_INT(under_lock[0], under_lock[1]);
    CHECK_EQ_INT(open_descriptors(), descriptors);
    memory_is_flat("kills", first_bytes);
}

/* --- Faults --------------------------------------------------------------------------------------
 */

static bool is_quiet(const struct kind *kind)
{
    return kind->fault != assert_it && kind->fault != smash_the_stack;
}

static cop_step server_init(void *state, cop_term start)
{
    (void)state, (void)start;
    cop_defer(count_defer, NULL);
    return cop_ok();
}

/* {fault, Kind}, after some work; {ask, Name}: of a neighbour. */
static cop_step server_call(void *state, cop_term request)
{
    struct stress_random random;
    int64_t which;

    (void)state;
    if (!cop_match(request, "{fault, Which}", &which))
        return cop_reply(request);
    random = stress_random_for((uint64_t)which);
    for (int i = 0; i < WORKS; i++)
        work[i](&random);
    kinds[which].fault();
    return cop_reply(cop("it_came_back"));
}

static const cop_gen_server server = {
    .name = "server",
    .init = server_init,
    .handle_call = server_call,
};

static const cop_supervisor tree = {
    .strategy = COP_ONE_FOR_ONE,
    .intensity = 100000000,
    .period_s = 1,
    .children = COP_CHILDREN({ .name = "server", .gen_server = &server }, ),
};

struct call {
    int64_t which;
};

static void call_server(void *arg)
{
    struct call *call = arg;

    cop_call("server", cop("{fault, Which}", call->which));
}

/* Each caller hears of the fault of its server, which is restarted as often as it has faulted. */
STRESS(faults_of_every_kind)
{
    int64_t count = stress_count(10000, 1000000, 0), first_bytes = 0, start_ns = cop_monotonic_ns();
    struct stress_random random = stress_random_for(2);
    cop_pid supervisor, last = { 0 };

    hush();
    if (!contains_faults())
        return;
    atomic_store(&defers_run, 0);
    cop_must(cop_supervisor_start_link(&supervisor, &tree, NULL));
    for (int64_t i = 0; i < count; i++) {
        struct call call = { (int64_t)stress_below(&random, KINDS) };
        cop_term reason = COP_NONE;
        cop_pid pid;

        if (!is_quiet(&kinds[call.which]) ||
            (kinds[call.which].fault == bus_error && stress_below(&random, 10) > 0))
            call.which = 0;
        while (!cop_whereis(&pid, "server") || pid.id == last.id)
            cop_yield();
        last = pid;
        CHECK_EQ_INT(cop_try(call_server, &call, &reason, NULL), COP_CLASS_EXIT);
        CHECK(cop_match(reason, "{{fault, _, _, _}, {gen_server, call, _}}"));
        cop_turn_end();
        if (i == count / TENTHS)
            first_bytes = stress_resident_bytes();
    }
    printf("%d faults, %d us each\n", (int)count,
        (int)((cop_monotonic_ns() - start_ns) / 1000 / count));
    while (atomic_load(&defers_run) < count)
        cop_sleep(1);
    CHECK_EQ_INT(atomic_load(&defers_run), count);
    memory_is_flat("faults", first_bytes);
}

/* --- A storm -------------------------------------------------------------------------------------
 */

enum { CRASHES_PER_S = 5000, BATCHES_PER_S = 100, TREES = 5, CHILDREN = 10 };

static _Atomic(int64_t) starts[TREES], crashes[TREES];

struct crasher {
    int64_t number;
};

static cop_step crasher_init(void *state, cop_term number)
{
    struct crasher *self = state;
    char name[32];

    cop_must(cop_to_int(&self->number, number));
    snprintf(name, sizeof name, "crasher_%d", (int)self->number);
    cop_must(cop_register(name, cop_self()) == 0);
    atomic_fetch_add(&starts[self->number / CHILDREN], 1);
    return cop_ok();
}

static cop_step crasher_cast(void *state, cop_term request)
{
    struct crasher *self = state;
    int64_t which;

    cop_must(cop_match(request, "{fault, Which}", &which));
    atomic_fetch_add(&crashes[self->number / CHILDREN], 1);
    kinds[which].fault();
    return cop_noreply();
}

static const cop_gen_server crasher = {
    .state_size = sizeof(struct crasher),
    .init = crasher_init,
    .handle_cast = crasher_cast,
};

static const cop_supervisor crashers = {
    .strategy = COP_SIMPLE_ONE_FOR_ONE,
    .intensity = 100000000,
    .period_s = 1,
    .children = COP_CHILDREN({ .name = "crasher", .gen_server = &crasher }, ),
};

static int64_t sum(_Atomic(int64_t) *counts)
{
    int64_t total = 0;

    for (int i = 0; i < TREES; i++)
        total += atomic_load(&counts[i]);
    return total;
}

/* Many crashes at once in several trees: each supervisor restarts as often as its children crash.
 */
STRESS(a_storm_of_crashes)
{
    int seconds = stress_count(2, 60, 2), number = 0;
    struct stress_random random = stress_random_for(3);
    int64_t start_ns = cop_monotonic_ns(), first_bytes = 0;

    hush();
    if (!contains_faults())
        return;
    for (int i = 0; i < TREES; i++) {
        cop_pid supervisor;

        cop_must(cop_supervisor_start_link(&supervisor, &crashers, NULL) == 0);
        for (int j = 0; j < CHILDREN; j++, number++)
            cop_must(cop_supervisor_start_child(NULL, supervisor, number) == 0);
    }
    for (int batch = 0; batch < seconds * BATCHES_PER_S; batch++) {
        int64_t due_ns = start_ns + (int64_t)batch * (1000000000 / BATCHES_PER_S);

        while (cop_monotonic_ns() < due_ns)
            cop_sleep(1);
        for (int i = 0; i < CRASHES_PER_S / BATCHES_PER_S; i++) {
            int64_t kind = (int64_t)stress_below(&random, KINDS);
            char name[32];

            /* what is slow elsewhere: files, and what assert prints */
            if (!is_quiet(&kinds[kind]) || kinds[kind].fault == bus_error)
                kind = 0;
            snprintf(name, sizeof name, "crasher_%d", i % (TREES * CHILDREN));
            cop_cast(name, cop("{fault, Kind}", kind));
            cop_turn_end();
        }
        if (batch == seconds * BATCHES_PER_S / TENTHS)
            first_bytes = stress_resident_bytes();
    }
    for (int tries = 0; sum(starts) < sum(crashes) + TREES * CHILDREN && tries < 5000; tries++)
        cop_sleep(1);
    for (int i = 0; i < TREES; i++)
        CHECK_EQ_INT(atomic_load(&starts[i]), atomic_load(&crashes[i]) + CHILDREN);
    printf("%d crashes in %d s\n", (int)sum(crashes),
        (int)((cop_monotonic_ns() - start_ns) / 1000000000));
    memory_is_flat("storm", first_bytes);
}
