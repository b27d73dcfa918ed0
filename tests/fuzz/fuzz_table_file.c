/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file to cop_ets_file2tab. A table that comes of it is written, and read again it
 * must be the same table. Each input has a node of its own. */
#include "driver.h"

#include <sys/mman.h>
#include <unistd.h>

#include <coppice.h>

static char path[64];

static void check(bool good)
{
    if (!good)
        abort();
}

static cop_term sorted(cop_term table)
{
    return cop_list_sort(cop_ets_tab2list(table));
}

static void write_and_read(cop_term table)
{
    cop_term all = sorted(table), again = COP_NONE, reason = COP_NONE;
    char copy[80];

    snprintf(copy, sizeof copy, "/tmp/coppice-fuzz-%d", (int)getpid());
    check(cop_ets_tab2file(table, copy, &reason, .md5sum = true, .object_count = true) == 0);
    cop_ets_delete_table(table);
    check(cop_ets_file2tab(&again, copy, &reason, .verify = true) == 0);
    check(cop_identical(sorted(again), all));
    check(cop_file_delete(cop_bytes_from(copy)) == 0);
}

static int read_both(int argc, char **argv)
{
    cop_term table = COP_NONE, reason = COP_NONE, info = COP_NONE;
    bool strict;

    (void)argc, (void)argv;
    strict = cop_ets_file2tab(&table, path, &reason, .verify = true, .safe = true) == 0;
    if (strict)
        cop_ets_delete_table(table);
    else
        check(!cop_is_none(reason));
    if (cop_ets_file2tab(&table, path, &reason) == 0) {
        check(cop_ets_tabfile_info(&info, cop_bytes_from(path), &reason) == 0);
        write_and_read(table);
    } else {
        check(!strict);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cop_options options = { .schedulers = 1 };
    int fd = memfd_create("table", 0);

    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    check(cop_run_main_with(read_both, 0, NULL, &options) == 0);
    close(fd);
    return 0;
}
