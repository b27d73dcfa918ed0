/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and reads tables in files, for table_files.py:
 *
 *   table_files write PATH TYPE    a table of all kinds of terms
 *   table_files read PATH          what is in it, sorted, as ~p prints it */
#include <coppice.h>
#include <stdio.h>
#include <string.h>

static const char *const types[] = { "set", "ordered_set", "bag", "duplicate_bag" };

static cop_term table_of(const char *type)
{
    int i = 0;
    cop_term table;
    char *bytes;

    while (strcmp(types[i], type) != 0)
        i++;
    table = cop_ets_new("filed", .type = (enum cop_table_type)i, .named = true);
    for (int64_t n = 0; n < 1000; n++)
        cop_ets_insert(table, cop("{I, [I, \"text\", 1.5, #{k => I}], 'an atom', {<<1, 2>>}}", n));
    cop_ets_insert(table, cop("{big, -123456789012345678901234567890}"));
    cop_ets_insert(table, cop("{long, Binary}", cop_binary_new(70000, &bytes)));
    memset(bytes, 'x', 70000);
    cop_ets_insert(table, cop("{long, again}"));
    return table;
}

static int fail(cop_term reason)
{
    printf("{error,%s}\n", cop_show(reason));
    return 1;
}

static int table_files(int argc, char **argv)
{
    cop_term table, reason = COP_NONE;

    if (argc == 4 && strcmp(argv[1], "write") == 0)
        return cop_ets_tab2file(
                   table_of(argv[3]), argv[2], &reason, .md5sum = true, .object_count = true) == 0
                   ? 0
                   : fail(reason);
    if (argc != 3 || cop_ets_file2tab(&table, argv[2], &reason, .verify = true) < 0)
        return fail(reason);
    printf("%s\n", cop_show(cop_list_sort(cop_ets_tab2list(table))));
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main(table_files, argc, argv);
}
