/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, clause by clause (docs/spec/ets.md). */
#include <coppice/ets.h>
#include <coppice/gen_server.h>

#include "conformance/node.h"

static const char *const type_names[] = { "set", "ordered_set", "bag", "duplicate_bag" };

static cop_term term(const char *text)
{
    cop_term parsed = COP_NONE;

    CHECK_EQ_INT(cop_parse(&parsed, (cop_bytes){ text, strlen(text) }, NULL), 0);
    return parsed;
}

static cop_term table_of(enum cop_table_type type)
{
    return cop_ets_new("t", .type = type, .access = COP_PUBLIC);
}

/* Does it raise badarg? One operation by name, with its arguments as text. */
struct operation {
    cop_term table;
    const char *name, *a, *b, *c;
};

static void run_operation(void *arg)
{
    const struct operation *o = arg;
    cop_term a = o->a ? term(o->a) : COP_NONE, b = o->b ? term(o->b) : COP_NONE;
    cop_term c = o->c ? term(o->c) : COP_NONE;
    int64_t position = 0;

    if (strcmp(o->name, "insert") == 0)
        cop_ets_insert(o->table, a);
    else if (strcmp(o->name, "insert_new") == 0)
        cop_ets_insert_new(o->table, a);
    else if (strcmp(o->name, "lookup") == 0)
        cop_ets_lookup(o->table, a);
    else if (strcmp(o->name, "lookup_element") == 0)
        cop_to_int(&position, b), cop_ets_lookup_element(o->table, a, (int)position, c);
    else if (strcmp(o->name, "delete") == 0)
        cop_ets_delete(o->table, a);
    else if (strcmp(o->name, "delete_object") == 0)
        cop_ets_delete_object(o->table, a);
    else if (strcmp(o->name, "update_element") == 0)
        cop_ets_update_element(o->table, a, b, c);
    else if (strcmp(o->name, "update_counter") == 0)
        cop_ets_update_counter(o->table, a, b, c);
    else if (strcmp(o->name, "next") == 0)
        cop_ets_next(o->table, a);
    else if (strcmp(o->name, "select") == 0)
        cop_ets_select(o->table, a);
    else if (strcmp(o->name, "select_replace") == 0)
        cop_ets_select_replace(o->table, a);
    else if (strcmp(o->name, "continue") == 0)
        cop_ets_select_continue(a);
    else if (strcmp(o->name, "some") == 0)
        cop_ets_select_some(o->table, a, 0);
    else if (strcmp(o->name, "slot") == 0)
        cop_to_int(&position, a), cop_ets_slot(o->table, position);
    else if (strcmp(o->name, "info") == 0)
        cop_ets_info_item(o->table, a);
    else if (strcmp(o->name, "delete_table") == 0)
        cop_ets_delete_table(o->table);
    else if (strcmp(o->name, "delete_all") == 0)
        cop_ets_delete_all(o->table);
    else if (strcmp(o->name, "first") == 0)
        cop_ets_first(o->table);
    else if (strcmp(o->name, "tab2list") == 0)
        cop_ets_tab2list(o->table);
    else if (strcmp(o->name, "fix") == 0)
        cop_ets_safe_fixtable(o->table, true);
    else if (strcmp(o->name, "rename") == 0)
        cop_ets_rename(o->table, "taken");
    else if (strcmp(o->name, "give_self") == 0)
        cop_ets_give_away(o->table, cop_self(), cop_nil());
    else if (strcmp(o->name, "heir") == 0)
        cop_ets_set_heir(o->table, cop_self(), cop_nil());
    else
        CHECK(false);
}

static bool is_badarg(cop_term table, const char *name, const char *const arguments[4])
{
    struct operation operation = { table, name, arguments[1], arguments[2], arguments[3] };
    cop_term reason = COP_NONE;

    return TRY(run_operation, &operation, &reason) == COP_CLASS_ERROR &&
           cop_match(reason, "badarg");
}

#define BADARG(TABLE, NAME, ...) \
    CHECK(is_badarg((TABLE), (NAME), (const char *const[4]){ NULL, ##__VA_ARGS__ }))

/* Types, access and their defaults. */
CLAUSE(ETS_01)
{
    cop_term table = cop_ets_new("t"), info;

    CHECK(cop_match(cop_ets_info_item(table, cop("type")), "set"));
    CHECK(cop_match(cop_ets_info_item(table, cop("protection")), "protected"));
    CHECK(cop_match(cop_ets_info_item(table, cop("keypos")), "1"));
    CHECK(cop_match(cop_ets_info_item(table, cop("heir")), "none"));
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        info = cop_ets_info_item(table_of((enum cop_table_type)type), cop("type"));
        CHECK_TERM(info, type_names[type]);
    }
    table = cop_ets_new("t", .key_position = 2, .write_concurrency = true, .read_concurrency = true,
        .heir = cop_self(), .heir_data = cop("data"));
    CHECK(cop_match(cop_ets_info_item(table, cop("keypos")), "2"));
    CHECK(cop_match(cop_ets_info_item(table, cop("write_concurrency")), "true"));
    CHECK(cop_match(cop_ets_info_item(table, cop("read_concurrency")), "true"));
    CHECK(cop_match(cop_ets_info_item(table, cop("heir")), "Self", cop_self()));
}

static void run_new(void *arg)
{
    cop_ets_new_with("taken", arg);
}

/* A reference, or the name; what is not in order is badarg. also: ETS-03 */
CLAUSE(ETS_02)
{
    struct cop_table_options named = { .named = true }, bad = { .key_position = -1 };
    struct cop_table_options type = { .type = (enum cop_table_type)9 };
    cop_term reason = COP_NONE;

    CHECK_EQ_INT(cop_type_of(cop_ets_new("t")), COP_TYPE_REFERENCE);
    CHECK_TERM(cop_ets_new("taken", .named = true), "taken");
    CHECK_EQ_INT(TRY(run_new, &named, &reason), COP_CLASS_ERROR);
    CHECK(cop_match(reason, "badarg"));
    CHECK_EQ_INT(TRY(run_new, &bad, &reason), COP_CLASS_ERROR);
    CHECK_EQ_INT(TRY(run_new, &type, &reason), COP_CLASS_ERROR);
    named.named = false; /* the name of one that is not named may be anything */
    CHECK_EQ_INT(TRY(run_new, &named, &reason), COP_CLASS_NONE);
}

/* Objects are tuples that reach to the key. */
CLAUSE(ETS_04)
{
    cop_term table = cop_ets_new("t", .key_position = 2);

    cop_ets_insert(table, cop("{a, b}"));
    BADARG(table, "insert", "{a}");
    BADARG(table, "insert", "{}");
    BADARG(table, "insert", "a");
    BADARG(table, "insert", "[{a, b}, c]");
    BADARG(table, "insert", "[{a, b} | c]");
    CHECK_TERM(cop_ets_tab2list(table), "[{a,b}]");
}

static void owner_main(cop_term arg)
{
    cop_pid owner, heir = { 0, 0 };
    cop_term table, reason;

    cop_must(cop_match(arg, "{Owner, Heir}", &owner, &heir) || cop_match(arg, "{Owner}", &owner));
    table = cop_ets_new(
        "owned", .access = COP_PUBLIC, .heir = heir, .heir_data = cop("{inherited, 1}"));
    cop_ets_insert(table, cop("{a, 1}"));
    cop_send(owner, cop("{table, Table}", table));
    reason = COP_NONE;
    cop_receive_match("{exit, Reason}", &reason);
    cop_exit(reason);
}

/* The owner's end deletes the table, unless an heir is alive, who is told. */
CLAUSE(ETS_05)
{
    cop_pid owner = cop_spawn(owner_main, cop("{Self}", cop_self()));
    cop_pid heir = cop_spawn(exit_main, cop("normal"));
    cop_term table = COP_NONE;

    EXPECT("{table, Table}", &table);
    CHECK_TERM(cop_ets_lookup(table, cop("a")), "[{a,1}]");
    cop_send(owner, cop("{exit, why}"));
    reason_of_exit(owner);
    BADARG(table, "lookup", "a");
    owner = cop_spawn(owner_main, cop("{Self, Self}", cop_self()));
    EXPECT("{table, Table}", &table);
    cop_send(owner, cop("{exit, why}"));
    EXPECT("{'ETS-TRANSFER', Table, Owner, {inherited, 1}}", table, owner);
    CHECK_TERM(cop_ets_lookup(table, cop("a")), "[{a,1}]");
    CHECK(cop_match(cop_ets_info_item(table, cop("owner")), "Self", cop_self()));
    cop_ets_delete_table(table);
    reason_of_exit(heir); /* a dead heir */
    owner = cop_spawn(owner_main, cop("{Self, Heir}", cop_self(), heir));
    EXPECT("{table, Table}", &table);
    cop_send(owner, cop("{exit, why}"));
    reason_of_exit(owner);
    BADARG(table, "lookup", "a");
}

static void receiver_main(cop_term arg)
{
    cop_pid owner;
    cop_term message;

    cop_must(cop_match(arg, "Owner", &owner));
    for (;;) {
        message = cop_receive();
        if (cop_match(message, "exit"))
            cop_exit(cop("normal"));
        cop_send(owner, cop("{got, Message}", message));
        cop_turn_end();
    }
}

struct giving {
    cop_term table;
    cop_pid to;
};

static void run_give(void *arg)
{
    const struct giving *giving = arg;

    cop_ets_give_away(giving->table, giving->to, cop("gift"));
}

/* Given away, the new owner is told and has it until its end. */
CLAUSE(ETS_06)
{
    cop_term table = cop_ets_new("t"), reason = COP_NONE;
    cop_pid to = cop_spawn(receiver_main, cop("Self", cop_self()));
    cop_pid gone = cop_spawn(exit_main, cop("normal"));
    struct giving giving = { table, gone };

    reason_of_exit(gone);
    cop_ets_insert(table, cop("{a, 1}"));
    BADARG(table, "give_self");
    CHECK_EQ_INT(TRY(run_give, &giving, &reason), COP_CLASS_ERROR);
    giving.to = to;
    CHECK_EQ_INT(TRY(run_give, &giving, &reason), COP_CLASS_NONE);
    EXPECT("{got, {'ETS-TRANSFER', Table, Self, gift}}", table, cop_self());
    CHECK_EQ_INT(TRY(run_give, &giving, &reason), COP_CLASS_ERROR); /* it is not ours */
    BADARG(table, "insert", "{b, 2}");
    CHECK_TERM(cop_ets_lookup(table, cop("a")), "[{a,1}]");
    cop_send(to, cop("exit"));
    reason_of_exit(to);
    BADARG(table, "lookup", "a");
}

static void heir_in_vain(cop_term arg)
{
    cop_pid owner;
    cop_term table;
    struct operation operation = { COP_NONE, "heir", NULL, NULL, NULL };

    cop_must(cop_match(arg, "{Owner, Table}", &owner, &table));
    operation.table = table;
    cop_send(owner, cop("{class, N}", (int)TRY(run_operation, &operation, NULL)));
}

/* The heir is set by the owner alone. */
CLAUSE(ETS_07)
{
    cop_term table = cop_ets_new("t", .access = COP_PUBLIC);
    cop_pid heir = cop_spawn(idle_main, cop_nil());
    int class = 0;

    cop_ets_set_heir(table, heir, cop("data"));
    CHECK(cop_match(cop_ets_info_item(table, cop("heir")), "Heir", heir));
    cop_ets_set_heir(table, (cop_pid){ 0, 0 }, COP_NONE);
    CHECK(cop_match(cop_ets_info_item(table, cop("heir")), "none"));
    cop_spawn(heir_in_vain, cop("{Self, Table}", cop_self(), table));
    EXPECT("{class, N}", &class);
    CHECK_EQ_INT(class, COP_CLASS_ERROR);
}

static void try_all(cop_term arg)
{
    cop_pid owner;
    cop_term table;
    int read, write, delete;
    struct operation operation = { COP_NONE, "lookup", "a", NULL, NULL };

    cop_must(cop_match(arg, "{Owner, Table}", &owner, &table));
    operation.table = table;
    read = (int)TRY(run_operation, &operation, NULL);
    operation.name = "insert";
    operation.a = "{b, 2}";
    write = (int)TRY(run_operation, &operation, NULL);
    operation.name = "delete_table";
    delete = (int)TRY(run_operation, &operation, NULL);
    cop_send(owner, cop("{tried, R, W, D}", read, write, delete));
}

/* Who may read, write and delete. */
CLAUSE(ETS_08)
{
    static const struct {
        enum cop_table_access access;
        int read, write;
    } rights[] = { { COP_PROTECTED, COP_CLASS_NONE, COP_CLASS_ERROR },
        { COP_PRIVATE, COP_CLASS_ERROR, COP_CLASS_ERROR },
        { COP_PUBLIC, COP_CLASS_NONE, COP_CLASS_NONE } };

    for (int i = 0; i < 3; i++) {
        cop_term table = cop_ets_new("t", .access = rights[i].access);
        int read = -1, write = -1, delete = -1;

        cop_ets_insert(table, cop("{a, 1}"));
        cop_spawn(try_all, cop("{Self, Table}", cop_self(), table));
        EXPECT("{tried, R, W, D}", &read, &write, &delete);
        CHECK_EQ_INT(read, rights[i].read);
        CHECK_EQ_INT(write, rights[i].write);
        CHECK_EQ_INT(delete, rights[i].write);
    }
}

/* A deleted table, and one that never was. */
CLAUSE(ETS_09)
{
    cop_term table = cop_ets_new("gone", .named = true), reference = cop_ets_whereis(table);

    cop_ets_delete_table(table);
    for (int i = 0; i < 3; i++) {
        cop_term none = i == 0 ? cop("gone") : i == 1 ? reference : cop("[]");

        BADARG(none, "lookup", "a");
        BADARG(none, "insert", "{a}");
        BADARG(none, "delete", "a");
        BADARG(none, "first");
        BADARG(none, "tab2list");
        BADARG(none, "select", "[{'$1', [], ['$1']}]");
        BADARG(none, "delete_all");
        BADARG(none, "delete_table");
        BADARG(none, "fix");
        BADARG(none, "rename");
        CHECK_TERM(cop_ets_info(none), "undefined");
        CHECK_TERM(cop_ets_info_item(none, cop("size")), "undefined");
        CHECK_TERM(cop_ets_whereis(none), "undefined");
    }
}

/* By name or by reference; a new name. */
CLAUSE(ETS_10)
{
    cop_term name = cop_ets_new("first", .named = true), reference = cop_ets_whereis(name);
    cop_term unnamed = cop_ets_new("x");

    cop_ets_new("taken", .named = true);
    cop_ets_insert(name, cop("{a, 1}"));
    CHECK_TERM(cop_ets_lookup(reference, cop("a")), "[{a,1}]");
    CHECK(cop_list_member(name, cop_ets_all()));
    BADARG(name, "rename");
    CHECK_TERM(cop_ets_rename(name, "second"), "second");
    CHECK_TERM(cop_ets_whereis(cop("first")), "undefined");
    CHECK_TERM(cop_ets_lookup(cop("second"), cop("a")), "[{a,1}]");
    CHECK_TERM(cop_ets_lookup(reference, cop("a")), "[{a,1}]");
    CHECK(cop_identical(cop_ets_rename(unnamed, "y"), unnamed));
    CHECK_TERM(cop_ets_info_item(unnamed, cop("name")), "y");
}

/* What goes in and comes out are copies, also of what is long. */
CLAUSE(ETS_11)
{
    cop_term table = table_of(COP_SET), object;
    char *bytes;
    cop_term binary = cop_binary_new(4096, &bytes);

    memset(bytes, 'x', 4096);
    cop_ets_insert(table, cop("{a, [1, {2.5, \"text\"}], B, #{k => [v]}}", binary));
    cop_turn_end();
    CHECK(cop_list_next(&object, &(cop_term){ cop_ets_lookup(table, cop("a")).word }));
    CHECK(cop_match(object, "{a, [1, {2.5, \"text\"}], _, #{k := [v]}}"));
    CHECK_EQ_INT((int)cop_bit_size(cop_tuple_at(object, 2)), 8 * 4096);
    cop_ets_delete(table, cop("a"));
    CHECK(cop_match(object, "{a, [1, {2.5, \"text\"}], _, #{k := [v]}}"));
    CHECK_EQ_INT((int)cop_bit_size(cop_tuple_at(object, 2)), 8 * 4096);
}

/* Nobody needs to hold a table: it lives as long as its owner. */
CLAUSE(ETS_12)
{
    cop_term name = cop_ets_new("held_by_nobody", .named = true);

    cop_ets_insert(name, cop("{a, 1}"));
    cop_turn_end();
    CHECK_TERM(cop_ets_lookup(cop("held_by_nobody"), cop("a")), "[{a,1}]");
}

/* Keys: =:= but for ordered tables, where it is ==, and the new key is the one that stays.
 * also: ETS-14 */
CLAUSE(ETS_13)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        cop_ets_insert(table, cop("[{1, a}, {1.0, b}]"));
        CHECK_TERM(
            cop_ets_lookup(table, cop("1")), type == COP_ORDERED_SET ? "[{1.0,b}]" : "[{1,a}]");
        CHECK_TERM(cop_ets_lookup(table, cop("1.0")), "[{1.0,b}]");
        cop_ets_insert(table, cop("{1, c}"));
        CHECK_TERM(cop_ets_lookup(table, cop("1")),
            type == COP_BAG || type == COP_DUPLICATE_BAG ? "[{1,a},{1,c}]" : "[{1,c}]");
    }
}

/* Bags: no object twice, duplicate bags all of them; in order of time.
 * also: ETS-16, ETS-17 */
CLAUSE(ETS_15)
{
    cop_term bag = table_of(COP_BAG), all = table_of(COP_DUPLICATE_BAG);

    for (int i = 0; i < 2; i++) {
        cop_ets_insert(bag, cop("{k, 1}"));
        cop_ets_insert(bag, cop("{k, 2}"));
        cop_ets_insert(bag, cop("{k, 1.0}"));
        cop_ets_insert(all, cop("{k, 1}"));
        cop_ets_insert(all, cop("{k, 2}"));
    }
    CHECK_TERM(cop_ets_lookup(bag, cop("k")), "[{k,1},{k,2},{k,1.0}]");
    CHECK_TERM(cop_ets_lookup(all, cop("k")), "[{k,1},{k,2},{k,1},{k,2}]");
    cop_ets_insert(bag, cop("[{l, 1}, {l, 2}, {l, 3}]"));
    cop_ets_insert(all, cop("[{l, 1}, {l, 2}, {l, 3}]"));
    CHECK_TERM(cop_ets_lookup(bag, cop("l")), "[{l,3},{l,2},{l,1}]"); /* as OTP 25 */
    CHECK_TERM(cop_ets_lookup(all, cop("l")), "[{l,1},{l,2},{l,3}]");
}

static void pairs_writer(cop_term arg)
{
    cop_pid owner;
    cop_term table;

    cop_must(cop_match(arg, "{Owner, Table}", &owner, &table));
    for (int64_t i = 1; i <= 3000; i++) {
        cop_ets_insert(table, cop("[{a, I}, {b, I}]", i));
        cop_turn_end();
    }
    cop_send(owner, cop("done"));
}

static int64_t value_of(cop_term table, const char *key)
{
    int64_t value = 0;

    cop_match(cop_ets_lookup(table, cop_from_atom(cop_atom_new(key))), "[{_, N}]", &value);
    return value;
}

/* A list goes in whole or not at all, and nobody sees a part of it. also: ETS-27 */
CLAUSE(ETS_18)
{
    for (int type = COP_SET; type <= COP_ORDERED_SET; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        BADARG(table, "insert", "[{x, 1}, y]");
        CHECK_TERM(cop_ets_tab2list(table), "[]");
        cop_ets_insert(table, cop("[]"));
        cop_ets_insert(table, cop("[{a, 1}, {b, 1}, {a, 0}, {b, 0}]"));
        CHECK_TERM(cop_ets_lookup(table, cop("a")), "[{a,0}]");
        cop_spawn(pairs_writer, cop("{Self, Table}", cop_self(), table));
        while (!cop_receive_match_within(0, "done")) {
            int64_t a = value_of(table, "a"), b = value_of(table, "b");

            CHECK(b >= a); /* b was read later */
            a = value_of(table, "a");
            CHECK(a >= b);
            cop_turn_end();
        }
    }
}

/* insert_new: only if no key is there, all or none. */
CLAUSE(ETS_19)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        CHECK(cop_ets_insert_new(table, cop("{a, 1}")));
        CHECK(!cop_ets_insert_new(table, cop("{a, 2}")));
        CHECK(!cop_ets_insert_new(table, cop("[{b, 1}, {a, 1}]")));
        CHECK(!cop_ets_member(table, cop("b")));
        CHECK(cop_ets_insert_new(table, cop("[{c, 1}, {c, 2}]")));
        CHECK(cop_ets_insert_new(table, cop("[]")));
        CHECK(cop_ets_member(table, cop("c")));
    }
}

/* lookup, member, lookup_element. */
CLAUSE(ETS_20)
{
    cop_term set = table_of(COP_SET), bag = table_of(COP_BAG);

    cop_ets_insert(set, cop("{a, 1, x}"));
    cop_ets_insert(bag, cop("{a, 1}"));
    cop_ets_insert(bag, cop("{a, 2, x}"));
    CHECK_TERM(cop_ets_lookup(set, cop("b")), "[]");
    CHECK(cop_ets_member(set, cop("a")) && !cop_ets_member(set, cop("b")));
    CHECK_TERM(cop_ets_lookup_element(set, cop("a"), 3, COP_NONE), "x");
    CHECK_TERM(cop_ets_lookup_element(bag, cop("a"), 2, COP_NONE), "[1,2]");
    CHECK_TERM(cop_ets_lookup_element(set, cop("b"), 3, cop("missing")), "missing");
    BADARG(set, "lookup_element", "b", "2");
    BADARG(set, "lookup_element", "a", "4");
    BADARG(set, "lookup_element", "a", "0");
    BADARG(bag, "lookup_element", "a", "3");
}

/* Deleting by key and by object. */
CLAUSE(ETS_21)
{
    cop_term all = table_of(COP_DUPLICATE_BAG), ordered = table_of(COP_ORDERED_SET);

    cop_ets_insert(all, cop("[{a, 1}, {a, 2}, {a, 1}, {b, 1}]"));
    cop_ets_delete_object(all, cop("{a, 1}"));
    CHECK_TERM(cop_ets_lookup(all, cop("a")), "[{a,2}]");
    cop_ets_delete(all, cop("a"));
    cop_ets_delete(all, cop("nobody"));
    CHECK_TERM(cop_ets_tab2list(all), "[{b,1}]");
    cop_ets_insert(ordered, cop("{1, a}"));
    cop_ets_delete_object(ordered, cop("{1.0, a}"));
    CHECK_TERM(cop_ets_tab2list(ordered), "[{1,a}]");
    cop_ets_delete(ordered, cop("1.0"));
    CHECK_TERM(cop_ets_tab2list(ordered), "[]");
    BADARG(ordered, "delete_object", "a");
}

/* take */
CLAUSE(ETS_22)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        cop_ets_insert(table, cop("{a, 1}"));
        cop_ets_insert(table, cop("{a, 2}"));
        CHECK_TERM(cop_ets_take(table, cop("a")), type < COP_BAG ? "[{a,2}]" : "[{a,1},{a,2}]");
        CHECK_TERM(cop_ets_take(table, cop("a")), "[]");
        CHECK_TERM(cop_ets_info_item(table, cop("size")), "0");
    }
}

/* update_element */
CLAUSE(ETS_23)
{
    for (int type = COP_SET; type <= COP_ORDERED_SET; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        cop_ets_insert(table, cop("{a, 1, 2}"));
        CHECK(cop_ets_update_element(table, cop("a"), cop("{2, x}"), COP_NONE));
        CHECK(cop_ets_update_element(table, cop("a"), cop("[{2, y}, {3, z}, {2, w}]"), COP_NONE));
        CHECK(!cop_ets_update_element(table, cop("b"), cop("{2, x}"), COP_NONE));
        CHECK(cop_ets_update_element(table, cop("c"), cop("{2, x}"), cop("{k, 7, 8}")));
        BADARG(table, "update_element", "a", "{1, x}");
        BADARG(table, "update_element", "a", "[{2, q}, {4, x}]");
        BADARG(table, "update_element", "a", "[{2, q} | x]");
        BADARG(table, "update_element", "a", "x");
        CHECK_TERM(cop_ets_lookup(table, cop("a")), "[{a,w,z}]");
        CHECK_TERM(cop_ets_lookup(table, cop("c")), "[{c,x,8}]");
    }
    BADARG(table_of(COP_BAG), "update_element", "a", "{2, x}");
}

static cop_term count(cop_term table, const char *change)
{
    return cop_ets_update_counter(table, cop("a"), term(change), COP_NONE);
}

/* update_counter, thresholds, and what goes wrong changes nothing. also: ETS-25, ETS-26 */
CLAUSE(ETS_24)
{
    for (int type = COP_SET; type <= COP_ORDERED_SET; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        cop_ets_insert(table, cop("{a, 1, 10, x}"));
        CHECK_TERM(count(table, "5"), "6");
        CHECK_TERM(count(table, "{3, -4}"), "6");
        CHECK_TERM(count(table, "[{2, 1}, {2, 1}, {3, 0}]"), "[7,8,6]");
        CHECK_TERM(count(table, "[]"), "[]");
        CHECK_TERM(count(table, "{2, 10, 15, 0}"), "0");
        CHECK_TERM(count(table, "{2, -1, 0, 99}"), "99");
        CHECK_TERM(count(table, "{2, 1, 100, 0}"), "100");
        CHECK_TERM(count(table, "{3, 100000000000000000000000}"), "100000000000000000000006");
        BADARG(table, "update_counter", "b", "1");
        BADARG(table, "update_counter", "a", "{4, 1}");
        BADARG(table, "update_counter", "a", "{1, 1}");
        BADARG(table, "update_counter", "a", "{5, 1}");
        BADARG(table, "update_counter", "a", "[{2, 1}, {4, 1}]");
        BADARG(table, "update_counter", "a", "1.0");
        CHECK_TERM(cop_ets_lookup(table, cop("a")), "[{a,100,100000000000000000000006,x}]");
        CHECK_TERM(cop_ets_update_counter(table, cop("n"), cop("{2, 3}"), cop("{key, 4}")), "7");
        CHECK_TERM(cop_ets_lookup(table, cop("n")), "[{n,7}]");
        BADARG(table, "update_counter", "m", "{3, 1}", "{key, 4}");
        CHECK(!cop_ets_member(table, cop("m")));
    }
    BADARG(table_of(COP_BAG), "update_counter", "a", "1");
}

/* first, last, next, previous. also: ETS-30, ETS-34 */
CLAUSE(ETS_28)
{
    cop_term set = table_of(COP_SET), ordered = table_of(COP_ORDERED_SET), key;
    int seen = 0;

    CHECK_TERM(cop_ets_first(set), "'$end_of_table'");
    CHECK_TERM(cop_ets_last(ordered), "'$end_of_table'");
    for (int i = 0; i < 100; i++)
        cop_ets_insert(set, cop("{I, I}", i));
    CHECK(cop_identical(cop_ets_first(set), cop_ets_last(set)));
    for (key = cop_ets_first(set); !cop_match(key, "'$end_of_table'"); seen++) {
        cop_term next = cop_ets_next(set, key);

        CHECK(cop_identical(next, cop_ets_previous(set, key)));
        key = next;
    }
    CHECK_EQ_INT(seen, 100);
    BADARG(set, "next", "nobody");
    cop_ets_insert(ordered, cop("[{1, a}, {2, b}, {c, d}]"));
    CHECK_TERM(cop_ets_first_lookup(ordered), "{1,[{1,a}]}");
    CHECK_TERM(cop_ets_next_lookup(ordered, cop("1")), "{2,[{2,b}]}");
    CHECK_TERM(cop_ets_previous_lookup(ordered, cop("2")), "{1,[{1,a}]}");
    CHECK_TERM(cop_ets_last_lookup(ordered), "{c,[{c,d}]}");
}

/* Looks that follow one another go from where the last one was; that may be gone. also: ETS-29 */
CLAUSE(a_walk_whose_ground_goes)
{
    for (int round = 0; round < 3; round++) { /* of tables that follow one another in memory */
        cop_term table = table_of(COP_ORDERED_SET), other = table_of(COP_ORDERED_SET);

        for (int64_t i = 0; i < 1000; i++) {
            cop_ets_insert(table, cop("{I, x, Round}", i, round));
            cop_ets_insert(other, cop("{I, y}", 2 * i));
        }
        for (int64_t i = 0; i < 999; i++) {
            CHECK(cop_match(cop_ets_lookup(table, cop("I", i)), "[{I, x, Round}]", i, round));
            CHECK(cop_match(cop_ets_next(table, cop("I", i)), "Next", i + 1));
            CHECK(cop_match(cop_ets_next(other, cop("I", i)), "Next", i - i % 2 + 2));
            cop_ets_delete(table, cop("I", i));
            CHECK_TERM(cop_ets_lookup(table, cop("I", i)), "[]");
            CHECK(cop_match(cop_ets_next(table, cop("I", i)), "Next", i + 1));
            CHECK_TERM(cop_ets_previous(table, cop("I", i)), "'$end_of_table'");
            cop_turn_end();
        }
        CHECK(cop_match(cop_ets_lookup(other, cop("1998")), "[{1998, y}]"));
        cop_ets_delete_all(other);
        CHECK_TERM(cop_ets_lookup(other, cop("1998")), "[]");
        CHECK_TERM(cop_ets_next(other, cop("1998")), "'$end_of_table'");
        cop_ets_insert(other, cop("{1998, z}"));
        CHECK_TERM(cop_ets_lookup(other, cop("1998")), "[{1998,z}]");
        cop_ets_delete_table(table);
        cop_ets_delete_table(other);
    }
}

/* An ordered table is in order, and keys that are not there have neighbours. */
CLAUSE(ETS_29)
{
    cop_term table = table_of(COP_ORDERED_SET), key = COP_NONE;
    int64_t expected = 0;

    for (int64_t i = 0; i < 2000; i++)
        cop_ets_insert(table, cop("{I, x}", (i * 7919) % 2000));
    for (key = cop_ets_first(table); !cop_match(key, "'$end_of_table'");
         key = cop_ets_next(table, key), expected++)
        CHECK(cop_match(key, "Expected", expected));
    CHECK_EQ_INT(expected, 2000);
    for (key = cop_ets_last(table); !cop_match(key, "'$end_of_table'");
         key = cop_ets_previous(table, key))
        CHECK(cop_match(key, "Expected", --expected));
    CHECK_TERM(cop_ets_next(table, cop("7.5")), "8");
    CHECK_TERM(cop_ets_previous(table, cop("7.5")), "7");
    CHECK_TERM(cop_ets_next(table, cop("7.0")), "8");
    CHECK_TERM(cop_ets_previous(table, cop("{}")), "1999");
    for (int64_t i = 0; i < 2000; i++)
        if (i % 3)
            cop_ets_delete(table, cop("I", i));
    CHECK_TERM(cop_ets_next(table, cop("1")), "3");
    CHECK_TERM(cop_ets_info_item(table, cop("size")), "667");
    cop_ets_insert(table, cop("[{a}, {\"l\"}, {{}}, {2.5}, {#{}}]"));
    CHECK_TERM(cop_ets_next(table, cop("2")), "2.5");
    CHECK_TERM(cop_ets_next(table, cop("1998")), "a");
    CHECK_TERM(cop_ets_last(table), "\"l\"");
}

static void fix_and_end(cop_term table)
{
    cop_ets_safe_fixtable(table, true);
    cop_ets_safe_fixtable(table, true);
}

/* A fixed table shows each object once, whatever is deleted meanwhile; the end of a process lets
 * go. also: ETS-32, ETS-33 */
CLAUSE(ETS_31)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = table_of((enum cop_table_type)type), key, last;
        int seen = 0;

        for (int i = 0; i < 100; i++)
            cop_ets_insert(table, cop("{I, I}", i));
        cop_ets_safe_fixtable(table, true);
        CHECK(cop_match(cop_ets_info_item(table, cop("fixed")), "true"));
        CHECK(cop_match(cop_ets_info_item(table, cop("safe_fixed_monotonic_time")),
            "{_, [{Self, 1}]}", cop_self()));
        for (key = cop_ets_first(table); !cop_match(key, "'$end_of_table'"); seen++) {
            cop_ets_delete(table, key);
            last = key;
            key = cop_ets_next(table, last);
        }
        CHECK_EQ_INT(seen, 100);
        CHECK_TERM(cop_ets_info_item(table, cop("size")), "0");
        cop_ets_insert(table, cop("{1, again}"));
        CHECK_TERM(cop_ets_lookup(table, cop("1")), "[{1,again}]");
        cop_ets_safe_fixtable(table, false);
        CHECK(cop_match(cop_ets_info_item(table, cop("fixed")), "false"));
        CHECK(cop_match(cop_ets_info_item(table, cop("safe_fixed_monotonic_time")), "false"));
        CHECK_TERM(cop_ets_tab2list(table), "[{1,again}]");
        reason_of_exit(cop_spawn(fix_and_end, table));
        CHECK(cop_match(cop_ets_info_item(table, cop("fixed")), "false"));
    }
}

/* match: variables in order of their numbers; the same one twice demands =:=. */
CLAUSE(ETS_35)
{
    cop_term table = table_of(COP_ORDERED_SET);

    cop_ets_insert(table, cop("[{a, 1, 2}, {b, 3, 3}, {c, 3, 3.0}]"));
    CHECK_TERM(cop_ets_match(table, cop("{'$5', '$2', '_'}")), "[[1,a],[3,b],[3,c]]");
    CHECK_TERM(cop_ets_match(table, cop("{'_', '$1', '$1'}")), "[[3]]");
    CHECK_TERM(cop_ets_match(table, cop("{b, '_', '_'}")), "[[]]");
}

/* match_object and match_delete. */
CLAUSE(ETS_37)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        cop_ets_insert(table, cop("[{a, 1}, {b, 2}, {c, 1}]"));
        CHECK_TERM(cop_ets_match_object(table, cop("{'_', 2}")), "[{b,2}]");
        cop_ets_match_delete(table, cop("{'_', 1}"));
        CHECK_TERM(cop_ets_tab2list(table), "[{b,2}]");
        cop_ets_match_delete(table, cop("'_'"));
        CHECK_TERM(cop_ets_info_item(table, cop("size")), "0");
    }
}

/* Counting, deleting and replacing by specification. */
CLAUSE(ETS_41)
{
    cop_term table = table_of(COP_ORDERED_SET);

    for (int i = 0; i < 1000; i++)
        cop_ets_insert(table, cop("{I, x}", i));
    CHECK_EQ_INT(
        cop_ets_select_count(table, cop("[{{'$1', '_'}, [{'<', '$1', 10}], [true]}]")), 10);
    CHECK_EQ_INT(cop_ets_select_count(table, cop("[{{'$1', '_'}, [], ['$1']}]")), 0);
    CHECK_EQ_INT(
        cop_ets_select_delete(table, cop("[{{'$1', '_'}, [{'>=', '$1', 10}], [true]}]")), 990);
    CHECK_EQ_INT(cop_ets_select_replace(
                     table, cop("[{{'$1', x}, [{'<', '$1', 2}], [{{'$1', {{y, '$1'}}}}]}]")),
        2);
    CHECK_TERM(cop_ets_lookup(table, cop("1")), "[{1,{y,1}}]");
    BADARG(table, "select_replace", "[{{'$1', '$2'}, [], [{{'$2', '$1'}}]}]");
    BADARG(table, "select_replace", "[{{'$1', '$2'}, [], [{const, {1, 2}}]}]");
    BADARG(table, "select_replace", "[{{'$1', '$2'}, [], ['$_', '$_']}]");
    CHECK_EQ_INT(cop_ets_select_replace(table, cop("[{{1, '_'}, [], [{const, {1, c}}]}]")), 1);
    CHECK_EQ_INT(
        cop_ets_select_replace(table, cop("[{{'_', x}, [], [{{{element, 1, '$_'}, z}}]}]")), 8);
    BADARG(table_of(COP_BAG), "select_replace", "[{'_', [], ['$_']}]");
}

/* A few at a time. */
CLAUSE(ETS_42)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = table_of((enum cop_table_type)type), more, chunk;
        size_t seen = 0, size = 0;

        CHECK_TERM(cop_ets_select_some(table, cop("[{'_', [], ['$_']}]"), 10), "'$end_of_table'");
        for (int i = 0; i < 95; i++)
            cop_ets_insert(table, cop("{I, x}", i));
        more = cop_ets_select_some(table, cop("[{{'$1', '_'}, [], ['$1']}]"), 10);
        while (cop_match(more, "{Chunk, More}", &chunk, &more)) {
            CHECK(cop_list_length(&size, chunk));
            CHECK(size == 10 || seen == 90);
            seen += size;
            if (seen == 95)
                CHECK_TERM(more, "'$end_of_table'");
            more = cop_ets_select_continue(more);
        }
        CHECK_EQ_INT((int)seen, 95);
        BADARG(table, "some", "[{'_', [], ['$_']}]");
        BADARG(table, "continue", "{no, continuation}");
    }
}

/* An ordered table in order, and backwards; a bound key is compared exactly. also: ETS-44 */
CLAUSE(ETS_43)
{
    cop_term table = table_of(COP_ORDERED_SET), more, chunk;

    cop_ets_insert(table, cop("[{1, a}, {2, b}, {3, c}, {4, d}]"));
    CHECK_TERM(cop_ets_select(table, cop("[{{'$1', '_'}, [], ['$1']}]")), "[1,2,3,4]");
    CHECK_TERM(cop_ets_select_reverse(table, cop("[{{'$1', '_'}, [], ['$1']}]")), "[4,3,2,1]");
    CHECK(cop_match(cop_ets_select_some_reverse(table, cop("[{{'$1', '_'}, [], ['$1']}]"), 3),
        "{Chunk, More}", &chunk, &more));
    CHECK_TERM(chunk, "[4,3,2]");
    CHECK(cop_match(cop_ets_select_continue(more), "{[1], '$end_of_table'}"));
    CHECK_TERM(cop_ets_match_object(table, cop("{1.0, '_'}")), "[]");
    CHECK_TERM(cop_ets_lookup(table, cop("1.0")), "[{1,a}]");
    CHECK_TERM(cop_ets_tab2list(table), "[{1,a},{2,b},{3,c},{4,d}]");
}

static cop_term put_in_front(cop_term object, cop_term list, void *arg)
{
    (void)arg;
    if (cop_match(object, "{bad, _}"))
        cop_error(cop("oops"));
    return cop_cons(object, list);
}

static void run_fold(void *arg)
{
    cop_ets_fold(*(cop_term *)arg, put_in_front, NULL, cop_nil(), false);
}

/* Folding, both ways; what the function raises is raised, and the table is let go. */
CLAUSE(ETS_44)
{
    cop_term table = table_of(COP_ORDERED_SET), reason = COP_NONE;

    cop_ets_insert(table, cop("[{1, a}, {2, b}]"));
    CHECK_TERM(cop_ets_fold(table, put_in_front, NULL, cop_nil(), false), "[{2,b},{1,a}]");
    CHECK_TERM(cop_ets_fold(table, put_in_front, NULL, cop_nil(), true), "[{1,a},{2,b}]");
    cop_ets_insert(table, cop("{bad, 1}"));
    CHECK_EQ_INT(TRY(run_fold, &table, &reason), COP_CLASS_ERROR);
    CHECK_TERM(reason, "oops");
    CHECK(cop_match(cop_ets_info_item(table, cop("fixed")), "false"));
}

/* info: all items. */
CLAUSE(ETS_46)
{
    cop_term table = cop_ets_new("named", .named = true, .type = COP_BAG);
    int64_t empty, full;

    CHECK(cop_match(cop_ets_info(table),
        "[{id, _}, {decentralized_counters, false}, {read_concurrency, false},"
        " {write_concurrency, false}, {compressed, false}, {memory, N}, {owner, Self},"
        " {heir, none}, {name, named}, {size, 0}, {node, nonode@nohost}, {named_table, true},"
        " {type, bag}, {keypos, 1}, {protection, protected}]",
        &empty, cop_self()));
    for (int i = 0; i < 1000; i++)
        cop_ets_insert(table, cop("{I, I}", i));
    CHECK_TERM(cop_ets_info_item(table, cop("size")), "1000");
    CHECK(cop_to_int(&full, cop_ets_info_item(table, cop("memory"))));
    CHECK(full > empty);
    cop_ets_delete_all(table);
    CHECK_TERM(cop_ets_info_item(table, cop("size")), "0");
    BADARG(table, "info", "nonsense");
    BADARG(table, "info", "{}");
}

/* Everything at once. */
CLAUSE(ETS_47)
{
    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        cop_term table = table_of((enum cop_table_type)type);

        for (int i = 0; i < 1000; i++)
            cop_ets_insert(table, cop("{I, I}", i));
        cop_ets_delete_all(table);
        CHECK_TERM(cop_ets_tab2list(table), "[]");
        CHECK_TERM(cop_ets_first(table), "'$end_of_table'");
        cop_ets_insert(table, cop("{a, 1}"));
        CHECK_TERM(cop_ets_tab2list(table), "[{a,1}]");
    }
}

/* slot */
CLAUSE(ETS_48)
{
    cop_term table = table_of(COP_ORDERED_SET);

    cop_ets_insert(table, cop("[{1, a}, {2, b}]"));
    CHECK_TERM(cop_ets_slot(table, 0), "[{1,a}]");
    CHECK_TERM(cop_ets_slot(table, 1), "[{2,b}]");
    CHECK_TERM(cop_ets_slot(table, 2), "'$end_of_table'");
    BADARG(table, "slot", "3");
    BADARG(table, "slot", "-1");
}

/* Options for concurrency change nothing that is seen. */
CLAUSE(ETS_49)
{
    for (int i = 0; i < 4; i++) {
        cop_term table = cop_ets_new("t", .access = COP_PUBLIC, .read_concurrency = i & 1,
            .write_concurrency = i & 2, .compressed = i & 1);

        for (int j = 0; j < 500; j++)
            cop_ets_insert(table, cop("{J, J}", j));
        CHECK_TERM(cop_ets_lookup(table, cop("77")), "[{77,77}]");
        CHECK_TERM(cop_ets_info_item(table, cop("size")), "500");
    }
}

static void huge_main(cop_term arg)
{
    cop_pid owner;
    cop_term table = table_of(COP_SET);

    cop_must(cop_match(arg, "Owner", &owner));
    for (int64_t i = 0; i < 200000; i++) {
        cop_ets_insert(table, cop("{I, I}", i));
        cop_turn_end();
    }
    cop_send(owner, cop("full"));
    cop_receive_match("end");
}

/* The end of an owner does not wait until its table is freed, and others run meanwhile. */
CLAUSE(ETS_50)
{
    cop_pid owner = cop_spawn(huge_main, cop("Self", cop_self()));
    int64_t before_ms, longest_ms = 0;

    EXPECT("full");
    cop_send(owner, cop("end"));
    reason_of_exit(owner);
    for (int i = 0; i < 200; i++) { /* as long as it lasts */
        before_ms = cop_monotonic_ms();
        cop_yield();
        if (cop_monotonic_ms() - before_ms > longest_ms)
            longest_ms = cop_monotonic_ms() - before_ms;
    }
    if (longest_ms >= 1000)
        fprintf(stderr, "  another process waited for %d ms\n", (int)longest_ms);
    CHECK(longest_ms < 1000);
}
