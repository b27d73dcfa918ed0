/* SPDX-License-Identifier: Apache-2.0 */
/* cop_run_main: a node with a function as its first process. It lies here, above the runtime, so
 * that whoever starts a node also links what the runtime reports to. */
#include <coppice/runtime.h>

#include "otp/hooks.h"

int cop_run_main_with(cop_main *fn, int argc, char **argv, const struct cop_options *options)
{
    cop__proc_lib_serve();
    return cop__node_run(fn, argc, argv, options);
}

int cop_run_main(cop_main *fn, int argc, char **argv)
{
    return cop_run_main_with(fn, argc, argv, NULL);
}
