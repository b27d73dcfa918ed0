/* SPDX-License-Identifier: Apache-2.0 */
/* Processes in each kind of wait, to be looked at by a debugger: gdb_processes.py runs this with
 * --trap and asks coppice-gdb.py where they are. Alone it checks that they do wait. */
#include <coppice.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Frames that a debugger must find: not inlined, and no call is a jump. */
__attribute__((noinline)) static void wait_in_depth(int depth)
{
    if (depth > 0)
        wait_in_depth(depth - 1);
    else
        (void)cop_receive();
    __asm__ volatile("");
}

static void receiver(cop_term arg)
{
    (void)arg;
    wait_in_depth(2);
    __asm__ volatile("");
}

static void sleeper(cop_term arg)
{
    (void)arg;
    cop_sleep(COP_INFINITY);
    __asm__ volatile("");
}

static void on_message(void *state, cop_term message)
{
    (void)state, (void)message;
}

static void looper(cop_term arg)
{
    static const cop_loop loop = { .handle_message = on_message };

    (void)arg;
    cop_become(&loop, NULL);
}

static int waits(const char *name)
{
    cop_pid pid;
    cop_atom status;
    bool waiting = cop_whereis(&pid, name) &&
                   cop_to_atom(&status, cop_tuple_at(cop_process_info(pid, "status"), 1)) &&
                   strcmp(cop_atom_text(status).data, "waiting") == 0;

    if (!waiting)
        printf("%s does not wait\n", name);
    return waiting;
}

static int show(int argc, char **argv)
{
    int passed = 0;

    cop_must(cop_register("the receiver", cop_spawn(receiver, cop_nil())));
    cop_must(cop_register("the sleeper", cop_spawn(sleeper, cop_nil())));
    cop_must(cop_register("the loop", cop_spawn(looper, cop_nil())));
    cop_send("the sleeper", cop_nil()); /* unread for ever */
    cop_yield();                        /* one scheduler: when we are back, all three have run */
    cop_yield();
    if (argc > 1 && strcmp(argv[1], "--trap") == 0)
        raise(SIGTRAP);
    passed += waits("the receiver");
    passed += waits("the sleeper");
    passed += waits("the loop");
    printf("%d passed, %d failed\n", passed, 3 - passed);
    return passed < 3;
}

int main(int argc, char **argv)
{
    static const struct cop_options options = { .schedulers = 1 };

    return cop_run_main_with(show, argc, argv, &options);
}
