/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking C function of fair_block: sleeps for its argument in milliseconds on a dirty I/O
 * thread, which is how OTP wants a blocking call to be made. */
#include <erl_nif.h>
#include <time.h>

static ERL_NIF_TERM block(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    long ms;
    struct timespec time;

    (void)argc;
    if (!enif_get_long(env, argv[0], &ms) || ms < 0)
        return enif_make_badarg(env);
    time.tv_sec = ms / 1000;
    time.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&time, NULL);
    return enif_make_atom(env, "ok");
}

static ErlNifFunc functions[] = { { "block", 1, block, ERL_NIF_DIRTY_JOB_IO_BOUND } };

ERL_NIF_INIT(bench_fairness, functions, NULL, NULL, NULL, NULL)
