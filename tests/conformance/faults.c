/* SPDX-License-Identifier: Apache-2.0 */
/* A fault in a process's code ends the process, and the node goes on:
 * docs/guide/fault-tolerance.md, rules F1 to F11. fault_kinds.h has the kinds. */
#include "conformance/fault_kinds.h"

static void faulty_main(cop_term arg)
{
    int64_t which;

    cop_must(cop_to_int(&which, arg));
    kinds[which].fault();
    cop_put(arg, arg); /* no tail call */
}

static bool has_frame(cop_term frames, const char *function)
{
    cop_term frame;
    cop_atom name;

    while (cop_list_next(&frame, &frames))
        if (cop_match(frame, "{_, Function, _, _}", &name) &&
            strcmp(cop_atom_text(name).data, function) == 0)
            return true;
    return false;
}

/* Every kind ends its process alone; the reason tells the signal, the address and the frames. */
CLAUSE(every_kind_of_fault_ends_its_process_alone)
{
    if (!contains_faults())
        return;
    hush();
    for (int i = 0; i < KINDS; i++) {
        cop_term frames = COP_NONE, address = COP_NONE;
        cop_atom signal = { 0 };
        const char *name;
        cop_ref ref;

        cop_spawn_monitor(faulty_main, cop_int(i), &ref);
        EXPECT("{'DOWN', Ref, process, _, {fault, Signal, Address, Frames}}", ref, &signal,
            &address, &frames);
        name = cop_atom_text(signal).data;
        if (strcmp(name, kinds[i].signal) != 0 &&
            !(kinds[i].other && strcmp(name, kinds[i].other) == 0))
            CHECK_EQ_STR(name, kinds[i].signal);
        CHECK(cop_type_of(address) == COP_TYPE_INTEGER);
        if (kinds[i].frame && has_names() && !has_frame(frames, kinds[i].frame)) {
            fprintf(stderr, "  %s: %s\n", kinds[i].name, cop_show(frames));
            CHECK(has_frame(frames, kinds[i].frame));
        }
        cop_turn_end();
    }
}

/* The address of a bad write is in the reason. */
CLAUSE(the_address_is_the_one_that_faulted)
{
    int64_t address = 0;
    cop_ref ref;

    if (!contains_faults())
        return;
    hush();
    cop_spawn_monitor(faulty_main, cop_int(1), &ref);
    EXPECT("{'DOWN', Ref, process, _, {fault, sigsegv, Address, _}}", ref, &address);
    CHECK_EQ_INT(address, 0x1234567890ab);
}

/* More block than there were threads at the start, so the monitor has started some of those that
 * the faults are on. */
static void blocking_faulty_main(cop_term arg)
{
    usleep(50000);
    faulty_main(arg);
}

CLAUSE(a_fault_is_contained_on_a_thread_started_for_those_that_block)
{
    enum { MANY = 24 };

    if (!contains_faults())
        return;
    hush();
    for (int i = 0; i < MANY; i++)
        cop_spawn_monitor(blocking_faulty_main, cop_int(i % 2), NULL);
    for (int i = 0; i < MANY; i++)
        EXPECT("{'DOWN', _, process, _, {fault, sigsegv, _, _}}");
}

/* --- What the others see -------------------------------------------------------------------------
 */

static void named_faulty_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_register("faulty", cop_self());
    cop_send(owner, cop("ready"));
    cop_receive_match("now");
    write_to_null();
}

/* Links and monitors fire, and the name is free by then. */
CLAUSE(links_and_monitors_hear_of_a_fault_and_names_are_free)
{
    cop_pid pid, found;
    cop_ref ref;

    if (!contains_faults())
        return;
    hush();
    cop_trap_exit(true);
    pid = cop_spawn_link(named_faulty_main, cop("Self", cop_self()));
    EXPECT("ready");
    ref = cop_monitor(pid);
    cop_send("faulty", cop("now"));
    EXPECT("{'EXIT', Pid, {fault, sigsegv, 0, _}}", pid);
    CHECK(!cop_whereis(&found, "faulty"));
    EXPECT("{'DOWN', Ref, process, Pid, {fault, sigsegv, 0, _}}", ref, pid);
}

static volatile int64_t defer_order;

static void first_defer(void *place)
{
    *(volatile int64_t *)place = ++defer_order;
}

static void faulty_defer(void *place)
{
    *(volatile int64_t *)place = ++defer_order;
    *nowhere = 1;
}

static volatile int64_t ran[3];

static void deferring_main(cop_term arg)
{
    (void)arg;
    cop_defer(first_defer, (void *)&ran[2]);
    cop_defer(faulty_defer, (void *)&ran[1]);
    cop_defer(first_defer, (void *)&ran[0]);
    write_to_null();
}

/* Defers run, newest first; one that faults is dropped, and the next runs. */
CLAUSE(defers_run_after_a_fault_and_one_that_faults_is_dropped)
{
    cop_ref ref;

    if (!contains_faults())
        return;
    hush();
    defer_order = 0;
    ran[0] = ran[1] = ran[2] = 0;
    cop_spawn_monitor(deferring_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {fault, sigsegv, 0, _}}", ref);
    CHECK_EQ_INT(ran[0], 1);
    CHECK_EQ_INT(ran[1], 2);
    CHECK_EQ_INT(ran[2], 3);
}

/* A fault caught by nobody: cop_try is no way around it. */
static void try_body(void *unused)
{
    (void)unused;
    write_to_null();
}

static void trying_main(cop_term arg)
{
    (void)arg;
    cop_try(try_body, NULL, NULL, NULL);
    cop_exit(cop("caught"));
}

CLAUSE(cop_try_does_not_catch_a_fault)
{
    cop_ref ref;

    if (!contains_faults())
        return;
    hush();
    cop_spawn_monitor(trying_main, COP_NONE, &ref);
    EXPECT("{'DOWN', Ref, process, _, {fault, sigsegv, 0, _}}", ref);
}

/* --- In a server ---------------------------------------------------------------------------------
 */

struct server {
    int64_t count;
};

static cop_step server_init(void *state, cop_term start)
{
    (void)state, (void)start;
    return cop_ok();
}

static cop_step server_call(void *state, cop_term request)
{
    struct server *s = state;

    if (cop_match(request, "fault"))
        *nowhere = 1;
    return cop_reply(cop_int(++s->count));
}

static cop_step server_cast(void *state, cop_term request)
{
    (void)state, (void)request;
    *nowhere = 1;
    return cop_noreply();
}

static const cop_gen_server server = {
    .name = "server",
    .state_size = sizeof(struct server),
    .init = server_init,
    .handle_call = server_call,
    .handle_cast = server_cast,
};

static const cop_supervisor tree = {
    .strategy = COP_ONE_FOR_ONE,
    .intensity = 100,
    .children = COP_CHILDREN({ .name = "server", .gen_server = &server }, ),
};

static void call_fault(void *unused)
{
    (void)unused;
    cop_call("server", cop("fault"));
}

/* The call in progress is answered, the supervisor restarts the server, and it serves again. */
CLAUSE(a_fault_in_a_server_answers_its_callers_and_it_is_restarted)
{
    cop_pid supervisor, old, now;
    cop_term reason;

    if (!contains_faults())
        return;
    hush();
    cop_must(cop_supervisor_start_link(&supervisor, &tree, NULL));
    for (int i = 0; i < 5; i++) {
        CHECK(cop_whereis(&old, "server"));
        CHECK_TERM(cop_call("server", cop("count")), "1");
        CHECK_EQ_INT(cop_try(call_fault, NULL, &reason, NULL), COP_CLASS_EXIT);
        CHECK(cop_match(reason, "{{fault, sigsegv, 0, _}, {gen_server, call, _}}"));
        while (!cop_whereis(&now, "server") || now.id == old.id)
            cop_sleep(1);
        cop_cast("server", cop("fault")); /* and one that nobody waits for */
        old = now;
        while (!cop_whereis(&now, "server") || now.id == old.id)
            cop_sleep(1);
    }
}

/* --- Kills ---------------------------------------------------------------------------------------
 */

static volatile uint64_t spun;
static int pipes[2];

static void spin(void)
{
    for (;;)
        spun++;
}

static void block_in_read(void)
{
    char byte;

    while (read(pipes[0], &byte, 1) < 1)
        ;
}

/* In a loop, since the look at a process ends the call that it is in. */
static void block_in_sleep(void)
{
    for (;;)
        usleep(100 * 1000 * 1000);
}

/* Nearly always inside the C library, and most of that with its lock. */
static void allocate_for_ever(void)
{
    for (;;) {
        void *volatile block = malloc(100 + spun++ % 5000);

        free(block);
    }
}

static void print_for_ever(void)
{
    char text[200];

    for (;;)
        snprintf(text, sizeof text, "%f %d", (double)spun, 7);
}

static void sort_for_ever(void)
{
    int numbers[200];

    for (;;) {
        for (int i = 0; i < 200; i++)
            numbers[i] = (int)(spun += 7919) % 1000;
        qsort(numbers, 200, sizeof numbers[0], compare_well);
    }
}

static void spin_a_while(void)
{
    int64_t until_ns = cop_monotonic_ns() + 200 * 1000000;

    while (cop_monotonic_ns() < until_ns)
        spun++;
}

/* A callback of the C library, which may hold a lock, and then the program's own code. */
static void be_called_and_spin(void)
{
    static pthread_once_t once;

    once = (pthread_once_t)PTHREAD_ONCE_INIT;
    pthread_once(&once, spin_a_while);
    spin();
}

static const struct busy {
    const char *name;
    void (*work)(void);
} busy[] = { { "spin", spin }, { "read", block_in_read }, { "usleep", block_in_sleep },
    { "malloc", allocate_for_ever }, { "snprintf", print_for_ever }, { "qsort", sort_for_ever },
    { "pthread_once", be_called_and_spin } };
enum { BUSY = sizeof busy / sizeof busy[0] };

static void busy_main(cop_term arg)
{
    int64_t which;
    cop_pid owner;

    cop_must(cop_match(arg, "{Which, Owner}", &which, &owner));
    cop_send(owner, cop("ready"));
    busy[which].work();
    cop_exit(cop("it_came_back"));
}

/* exit(Pid, kill) ends a process that computes, waits in the system, or is in the C library, soon.
 */
CLAUSE(kill_ends_what_spins_and_what_blocks)
{
    if (!contains_faults())
        return;
    if (pipe(pipes) != 0)
        return;
    for (int i = 0; i < BUSY; i++) {
        for (int round = 0; round < 5; round++) {
            int64_t start_ns;
            cop_ref ref;
            cop_pid pid =
                cop_spawn_monitor(busy_main, cop("{Which, Self}", (int64_t)i, cop_self()), &ref);

            EXPECT("ready");
            cop_sleep(2);
            start_ns = cop_monotonic_ns();
            cop_exit_signal(pid, cop("kill"));
            EXPECT("{'DOWN', Ref, process, _, killed}", ref);
            if (cop_monotonic_ns() - start_ns > 500 * 1000000)
                fprintf(stderr, "  %s: killed after %d ms\n", busy[i].name,
                    (int)((cop_monotonic_ns() - start_ns) / 1000000));
            cop_turn_end();
        }
    }
    close(pipes[0]);
    close(pipes[1]);
}

/* Another fatal signal does too; one that is trapped or normal waits to be received. */
CLAUSE(a_fatal_exit_signal_ends_what_spins)
{
    cop_ref ref;
    cop_pid pid;

    if (!contains_faults())
        return;
    pid = cop_spawn_monitor(busy_main, cop("{0, Self}", cop_self()), &ref);
    EXPECT("ready");
    cop_sleep(2);
    cop_exit_signal(pid, cop("normal"));
    NEVER("{'DOWN', Ref, process, _, _}", ref);
    cop_exit_signal(pid, cop("shutdown"));
    EXPECT("{'DOWN', Ref, process, _, shutdown}", ref);
}

static int64_t unsafe_done;
static _Atomic(bool) kill_sent;

static void unsafe_main(cop_term arg)
{
    cop_pid owner;

    cop_must(cop_to_pid(&owner, arg));
    cop_unsafe_begin();
    cop_unsafe_begin();
    cop_send(owner, cop("ready"));
    while (!kill_sent)
        spun++;
    for (int64_t until_ns = cop_monotonic_ns() + 30 * 1000000; cop_monotonic_ns() < until_ns;)
        spun++;
    cop_unsafe_end();
    unsafe_done = 1;
    cop_unsafe_end(); /* here */
    unsafe_done = 2;
}

/* F2: between cop_unsafe_begin and cop_unsafe_end a kill waits. */
CLAUSE(a_kill_waits_for_the_end_of_an_unsafe_section)
{
    cop_ref ref;
    cop_pid pid;

    if (!contains_faults())
        return;
    unsafe_done = 0;
    kill_sent = false;
    pid = cop_spawn_monitor(unsafe_main, cop("Self", cop_self()), &ref);
    EXPECT("ready");
    cop_exit_signal(pid, cop("kill"));
    kill_sent = true;
    EXPECT("{'DOWN', Ref, process, _, killed}", ref);
    CHECK_EQ_INT(unsafe_done, 1);
}

static void end_unsafe(void *unused)
{
    (void)unused;
    cop_unsafe_end();
}

CLAUSE(cop_unsafe_end_without_a_begin_is_an_error)
{
    cop_term reason;

    CHECK_EQ_INT(TRY(end_unsafe, NULL, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "badarg");
}

/* --- What stops the node -------------------------------------------------------------------------
 */

static void print_bad(void)
{
    char text[100];

    snprintf(text, sizeof text, "%s", (char *)(uintptr_t)0x123456);
}

static void fault_unsafe(void)
{
    cop_unsafe_begin();
    *nowhere = 1;
}

static void free_garbage(void)
{
    char *volatile middle = (char *)malloc(100) + 24;

    free(middle);
}

static void stop_by_print(cop_term arg)
{
    (void)arg;
    print_bad();
}

static void stop_by_unsafe(cop_term arg)
{
    (void)arg;
    fault_unsafe();
}

static void stop_by_free(cop_term arg)
{
    (void)arg;
    free_garbage();
}

static void stop_in_thread(cop_term arg)
{
    pthread_t thread;

    (void)arg;
    pthread_create(&thread, NULL, (void *(*)(void *))(uintptr_t)write_to_null, NULL);
    pthread_join(thread, NULL);
}

/* Where no rule allows it the node stops: the report says why, who, and where everybody was. */
TEST(where_no_rule_contains_it_the_node_stops_with_a_report)
{
    static const struct {
        cop_process_main *main;
        int signal;
        const char *rule;
    } stops[] = { { stop_by_print, SIGSEGV, "F11" }, { stop_by_unsafe, SIGSEGV, "F2" },
        { stop_by_free, SIGABRT, "F11" }, { stop_in_thread, SIGSEGV, "F1" } };

    if (!contains_faults())
        return;
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        char report[8192];
        int status = run_apart(stops[i].main, report, sizeof report, NULL);

        CHECK(WIFSIGNALED(status));
        CHECK_EQ_INT(WTERMSIG(status), stops[i].signal);
        if (!strstr(report, "coppice: the node stops: SIG") || !strstr(report, stops[i].rule) ||
            !strstr(report, "a thread with process <0.")) {
            fprintf(stderr, "  case %d:\n%s", (int)i, report);
            CHECK(strstr(report, "the node stops"));
        }
    }
}

static void fault_main(cop_term arg)
{
    (void)arg;
    write_to_null();
}

/* COPPICE_ON_FAULT=stop: any fault stops it; off: as without the library. */
TEST(a_setting_makes_every_fault_stop_the_node)
{
    char report[8192];
    int status;

    if (!contains_faults())
        return;
    status = run_apart(fault_main, report, sizeof report, "stop");
    CHECK(WIFSIGNALED(status));
    CHECK_EQ_INT(WTERMSIG(status), SIGSEGV);
    CHECK(strstr(report, "the node stops: SIGSEGV"));
    if (has_names())
        CHECK(strstr(report, "fault_main"));
    status = run_apart(fault_main, report, sizeof report, "off");
    CHECK(WIFSIGNALED(status));
    CHECK(!strstr(report, "coppice")); /* an emulator says something of its own */
}

/* The same in struct cop_options, which goes before the environment. */
TEST(on_fault_of_the_options_goes_before_the_environment)
{
    char report[8192];
    int status;

    if (!contains_faults())
        return;
    apart_options.on_fault = COP_ON_FAULT_STOP;
    status = run_apart(fault_main, report, sizeof report, "off");
    CHECK(WIFSIGNALED(status));
    CHECK(strstr(report, "the node stops: SIGSEGV"));
    apart_options.on_fault = COP_ON_FAULT_CONTAIN;
    status = run_apart(fault_main, report, sizeof report, "stop");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    apart_options.on_fault = COP_ON_FAULT_OFF;
    status = run_apart(fault_main, report, sizeof report, NULL);
    CHECK(WIFSIGNALED(status));
    CHECK(!strstr(report, "coppice"));
    apart_options.on_fault = COP_ON_FAULT_DEFAULT;
}

/* --- Trust ---------------------------------------------------------------------------------------
 */

CLAUSE(cop_trust_dso_knows_loaded_code_only)
{
    CHECK(cop_trust_dso((const void *)(uintptr_t)cop_trust_dso));
    CHECK(!cop_trust_dso((const void *)(uintptr_t)16));
}
