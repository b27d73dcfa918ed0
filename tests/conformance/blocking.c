/* SPDX-License-Identifier: Apache-2.0 */
/* cop_blocking_begin and cop_blocking_end: others run at once, and the section ends by itself when
 * the library is called. */
#include <coppice/process.h>

#include <time.h>

#include "conformance/node.h"

static void nap(int ms)
{
    struct timespec time = { 0, ms * 1000000L };

    nanosleep(&time, NULL);
}

static _Atomic(bool) ran;

static void run(cop_term arg)
{
    (void)arg;
    ran = true;
}

/* With one scheduler, another process runs while this one blocks. */
CLAUSE(others_run_meanwhile)
{
    cop_pid pid, self;

    ran = false;
    pid = cop_spawn(run, cop_nil());
    cop_blocking_begin();
    for (int i = 0; !ran && i < WAIT_MS; i++)
        nap(1);
    cop_blocking_end();
    CHECK(ran);
    cop_blocking_begin();
    nap(1);
    self = cop_self(); /* ends the section */
    CHECK(self.id != pid.id);
    CHECK(cop_match(cop("{a, B}", self), "{a, _}"));
    cop_blocking_end();
    cop_sleep(1);
    CHECK_EQ_INT(cop_self().id, self.id);
}

/* On a thread without a process they do nothing. */
TEST(without_a_process)
{
    cop_blocking_begin();
    cop_blocking_end();
}
