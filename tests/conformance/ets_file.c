/* SPDX-License-Identifier: Apache-2.0 */
/* Tables in files, clause by clause (docs/spec/ets.md). That Erlang reads what is written here, and
 * the other way round, is seen by tests/interop/table_files.py. */
#include <coppice/ets.h>

#include "conformance/node.h"

#include <stdlib.h>
#include <unistd.h>

static char path[64];

/* A path of this test's own, with this ending. */
static const char *file(const char *name)
{
    snprintf(path, sizeof path, "/tmp/coppice-ets-%d-%s", (int)getpid(), name);
    return path;
}

static cop_term fill(enum cop_table_type type, int64_t count)
{
    cop_term table =
        cop_ets_new("filed", .type = type, .access = COP_PUBLIC, .key_position = 2, .named = true);
    char *bytes;

    for (int64_t i = 0; i < count; i++)
        cop_ets_insert(table, cop("{a, I, [I, \"text\", 1.5, #{k => I}]}", i));
    cop_ets_insert(table, cop("{big, long, Binary}", cop_binary_new(70000, &bytes)));
    memset(bytes, 'x', 70000);
    return table;
}

static cop_term sorted(cop_term table)
{
    return cop_list_sort(cop_ets_tab2list(table));
}

/* Nothing is left of it, and no other file. */
static void remove_file(const char *name)
{
    char text[80];

    snprintf(text, sizeof text, "%s.new", file(name));
    CHECK(access(text, F_OK) != 0);
    unlink(file(name));
}

static void writer_main(cop_term arg)
{
    int64_t from = 0;

    cop_must(cop_match(arg, "From", &from));
    for (int64_t i = 0; i < 3000; i++) {
        cop_ets_insert(cop("filed"), cop("{late, I, x}", from + i));
        cop_ets_delete(cop("filed"), cop_int(from + i));
        cop_turn_next(COP_NONE);
    }
}

/* What is there all the time is in the file, whatever others do. */
CLAUSE(ETS_51)
{
    cop_term table = fill(COP_SET, 2000), reason = COP_NONE, all = sorted(table), again = COP_NONE;
    cop_ref refs[2];
    size_t found = 0;
    cop_term one;

    for (int64_t i = 0; i < 2; i++)
        refs[i] = cop_monitor(cop_spawn(writer_main, cop_int(100000 * (i + 1))));
    for (int i = 0; i < 3; i++)
        CHECK_EQ_INT(cop_ets_tab2file(table, file("51"), &reason), 0);
    for (int i = 0; i < 2; i++)
        cop_receive_match("{'DOWN', Ref, process, _, normal}", refs[i]);
    cop_ets_delete_table(table);
    CHECK_EQ_INT(cop_ets_file2tab(&table, file("51"), &reason), 0);
    again = sorted(table);
    while (cop_list_next(&one, &all))
        found += cop_type_of(cop_ets_lookup(table, cop_tuple_at(one, 1))) == COP_TYPE_LIST;
    CHECK_EQ_INT(found, 2001);
    CHECK(cop_type_of(again) == COP_TYPE_LIST);
    CHECK_EQ_INT(cop_ets_tab2file(cop("nobody"), file("51"), &reason), -COP_ENOTFOUND);
    CHECK(cop_match(reason, "badtab"));
    CHECK_EQ_INT(cop_ets_tab2file(table, "/nowhere/at/all", &reason), -ENOENT);
    CHECK(cop_match(reason, "{file_error, \"/nowhere/at/all\", enoent}"));
    cop_ets_delete_table(table);
    remove_file("51");
}

/* All types come back as they were. */
CLAUSE(ETS_52)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = fill((enum cop_table_type)type, 300), back = COP_NONE, reason = COP_NONE,
                 all;

        if (type >= COP_BAG)
            cop_ets_insert(table, cop("{b, 7, second}"));
        if (type == COP_DUPLICATE_BAG)
            cop_ets_insert(table, cop("{b, 7, second}"));
        all = sorted(table);
        CHECK_EQ_INT(cop_ets_tab2file(table, file("52"), &reason), 0);
        CHECK_EQ_INT(cop_ets_file2tab(&back, file("52"), &reason), -COP_ESYNTAX);
        CHECK(cop_match(reason, "cannot_create_table"));
        cop_ets_delete_table(table);
        CHECK_EQ_INT(cop_ets_file2tab(&back, file("52"), &reason), 0);
        CHECK(cop_match(back, "filed") && cop_identical(sorted(back), all));
        CHECK_EQ_INT(cop_type_of(cop_ets_info(back)), COP_TYPE_LIST);
        CHECK(cop_match(cop_ets_info_item(back, cop("protection")), "public"));
        CHECK(cop_match(cop_ets_info_item(back, cop("keypos")), "2"));
        CHECK(cop_match(cop_ets_info_item(back, cop("owner")), "Self", cop_self()));
        cop_ets_delete_table(back);
    }
    remove_file("52");
}

/* A copy of the file of this name with `cut` bytes off its end, and one byte changed, that far from
 * the end. */
static const char *damaged(const char *name, size_t cut, size_t from_end)
{
    char *copy;
    cop_bytes all;

    CHECK_EQ_INT(cop_file_read(&all, cop_bytes_from(file(name))), 0);
    copy = cop_alloc(all.size);
    memcpy(copy, all.data, all.size);
    if (from_end)
        copy[all.size - from_end] = (char)(copy[all.size - from_end] ^ 1);
    CHECK_EQ_INT(cop_file_write_new(cop_bytes_from(file("damaged")), copy, all.size - cut), 0);
    cop_free(copy);
    return file("damaged");
}

static const char *why_not(const char *name)
{
    cop_term table, reason = cop("none");

    if (cop_ets_file2tab(&table, name, &reason, .verify = true) == 0)
        cop_ets_delete_table(table);
    CHECK(cop_match(cop_ets_whereis(cop("filed")), "undefined"));
    return cop_show(reason);
}

/* What is wrong with a file is found by who verifies. */
CLAUSE(ETS_53)
{
    cop_term table = fill(COP_ORDERED_SET, 500), reason;

    CHECK_EQ_INT(cop_ets_tab2file(table, file("53"), &reason, .md5sum = true, .object_count = true,
                     .sync = true),
        0);
    cop_ets_delete_table(table);
    CHECK_EQ_STR(why_not(file("53")), "none");
    CHECK_EQ_STR(why_not(damaged("53", 0, 5000)), "checksum_error");
    CHECK_EQ_STR(why_not(damaged("53", 100, 0)), "badfile");
    CHECK_EQ_STR(why_not(damaged("53", 40000, 0)), "badfile");
    table = fill(COP_ORDERED_SET, 500);
    CHECK_EQ_INT(cop_ets_tab2file(table, file("53"), &reason), 0);
    cop_ets_delete_table(table);
    CHECK_EQ_STR(why_not(file("53")), "none");
    CHECK_EQ_STR(why_not(damaged("53", 100, 0)), "badfile");
    unlink(file("damaged"));
    remove_file("53");
}

CLAUSE(ETS_54)
{
    cop_term table = fill(COP_ORDERED_SET, 500), reason = COP_NONE, size;

    CHECK_EQ_INT(cop_ets_tab2file(table, file("54"), &reason, .object_count = true), 0);
    cop_ets_delete_table(table);
    CHECK_EQ_INT(cop_ets_file2tab(&table, damaged("54", 40000, 0), &reason), 0);
    size = cop_ets_info_item(table, cop("size"));
    CHECK(cop_match(size, "500"));
    cop_ets_delete_table(table);
    CHECK_EQ_INT(cop_file_write_new(cop_bytes_from(file("54")), "hello, world", 12), 0);
    CHECK_EQ_INT(cop_ets_file2tab(&table, file("54"), &reason), -COP_ESYNTAX);
    CHECK(cop_match(reason, "{read_error, {not_a_log_file, _}}"));
    CHECK_EQ_INT(cop_ets_file2tab(&table, "/nowhere/at/all", &reason), -ENOENT);
    CHECK(cop_match(reason, "{read_error, {file_error, \"/nowhere/at/all\", enoent}}"));
    unlink(file("damaged"));
    remove_file("54");
}

CLAUSE(ETS_55)
{
    cop_term table = fill(COP_SET, 100), other = cop_ets_new("other"), back = COP_NONE, reason;

    CHECK_EQ_INT(cop_ets_tab2file(table, file("55"), &reason), 0);
    CHECK_EQ_INT(cop_ets_file2tab(&back, file("55"), &reason, .table = other), 0);
    CHECK(cop_identical(back, other));
    CHECK(cop_match(cop_ets_lookup(other, cop("big")), "[{big, long, _}]"));
    remove_file("55");
}

CLAUSE(ETS_56)
{
    cop_term table = fill(COP_BAG, 10), info = COP_NONE, reason;

    CHECK_EQ_INT(
        cop_ets_tab2file(table, file("56"), &reason, .md5sum = true, .object_count = true), 0);
    CHECK_EQ_INT(cop_ets_tabfile_info(&info, cop_bytes_from(file("56")), &reason), 0);
    CHECK_TERM(info, "[{name,filed},{type,bag},{protection,public},{named_table,true},{keypos,2},"
                     "{size,11},{extended_info,[object_count,md5sum]},{version,{1,0}}]");
    CHECK_EQ_INT(cop_ets_tabfile_info(&info, cop_bytes_from("/tmp"), &reason), -EISDIR);
    remove_file("56");
}
