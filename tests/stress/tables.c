/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: random operations against a model, one process and several. What several processes did to
 * a key must be what one after the other could have done in some order that agrees with time
 * (linearizability): all such orders are tried. */
#include <coppice/ets.h>
#include <stdatomic.h>

#include "stress/stress.h"

/* --- One process, all four types ------------------------------------------------------------- */

enum { KEYS = 12, VALUES = 4, OBJECTS_MAX = 400 };

/* What the table should hold: objects {Key, Value} in the order in which they were put in. */
struct model {
    enum cop_table_type type;
    struct {
        int key, value;
    } objects[OBJECTS_MAX];
    int count;
};

static void drop(struct model *model, int at)
{
    model->count--;
    for (int i = at; i < model->count; i++)
        model->objects[i] = model->objects[i + 1];
}

static bool is_bag(const struct model *model)
{
    return model->type == COP_BAG || model->type == COP_DUPLICATE_BAG;
}

static void model_insert(struct model *model, int key, int value)
{
    for (int i = model->count - 1; i >= 0; i--) {
        if (model->objects[i].key != key)
            continue;
        if (!is_bag(model))
            drop(model, i);
        else if (model->type == COP_BAG && model->objects[i].value == value)
            return;
    }
    model->objects[model->count].key = key;
    model->objects[model->count++].value = value;
}

static int model_delete(struct model *model, int key, int value)
{
    int gone = 0;

    for (int i = model->count - 1; i >= 0; i--)
        if (model->objects[i].key == key && (value < 0 || model->objects[i].value == value)) {
            drop(model, i);
            gone++;
        }
    return gone;
}

static cop_term model_lookup(const struct model *model, int key)
{
    cop_term list = cop_nil();

    for (int i = model->count - 1; i >= 0; i--)
        if (model->objects[i].key == key)
            list = cop_cons(cop("{Key, Value}", key, model->objects[i].value), list);
    return list;
}

static void check_whole(const struct model *model, cop_term table)
{
    cop_term list = cop_ets_tab2list(table), object, before = COP_NONE;
    size_t size = 0;
    int64_t told = -1;

    CHECK(cop_list_length(&size, list));
    CHECK_EQ_INT((int)size, model->count);
    CHECK(cop_to_int(&told, cop_ets_info_item(table, cop("size"))));
    CHECK_EQ_INT(told, model->count);
    while (cop_list_next(&object, &list)) {
        if (model->type == COP_ORDERED_SET && !cop_is_none(before))
            CHECK(cop_compare(before, object) < 0);
        before = object;
    }
}

/* Keys of both kinds, and long ones. */
static cop_term key_term(int key)
{
    switch (key % 3) {
    case 0:
        return cop_int(key);
    case 1:
        return cop("{key, N, \"which is a longer one\"}", key);
    default:
        return cop_from_atom(cop_atom_new((const char *[]){ "a", "b", "c", "d" }[key / 3 % 4]));
    }
}

/* Of one key sometimes a pair of immediates, sometimes not: they lie in different places. */
static cop_term value_term(int value)
{
    return value == VALUES - 1 ? cop("[Value]", value) : cop_int(value);
}

static cop_term object_term(int key, int value)
{
    return cop("{Key, Value}", key_term(key), value_term(value));
}

static cop_term model_objects(const struct model *model, int key)
{
    cop_term list = model_lookup(model, key), object, made = cop_nil();

    while (cop_list_next(&object, &list)) {
        int value = 0;

        cop_match(object, "{_, Value}", &value);
        made = cop_cons(object_term(key, value), made);
    }
    return cop_list_reverse(made);
}

static void random_step(struct model *model, cop_term table, struct stress_random *random)
{
    int key = (int)stress_below(random, KEYS), value = (int)stress_below(random, VALUES);
    cop_term key_of = key_term(key);

    switch (stress_below(random, model->count > OBJECTS_MAX - 10 ? 4 : 9)) {
    case 0:
        cop_ets_delete(table, key_of);
        model_delete(model, key, -1);
        break;
    case 1:
        cop_ets_delete_object(table, object_term(key, value));
        model_delete(model, key, value);
        break;
    case 2: {
        cop_term expected = model_objects(model, key);

        CHECK(cop_identical(cop_ets_take(table, key_of), expected));
        model_delete(model, key, -1);
        break;
    }
    case 3:
        CHECK_EQ_INT(
            cop_ets_select_delete(table, cop("[{{Key, Value}, [], [true]}]",
                                             cop("{const, Key}", key_of), value_term(value))) >= 0,
            1);
        break;
    case 4:
        CHECK_EQ_INT(cop_ets_insert_new(table, object_term(key, value)),
            cop_type_of(model_lookup(model, key)) == COP_TYPE_NIL);
        if (cop_type_of(model_lookup(model, key)) == COP_TYPE_NIL)
            model_insert(model, key, value);
        break;
    default:
        cop_ets_insert(table, object_term(key, value));
        model_insert(model, key, value);
    }
    key = (int)stress_below(random, KEYS);
    CHECK(cop_identical(cop_ets_lookup(table, key_term(key)), model_objects(model, key)));
    CHECK_EQ_INT(cop_ets_member(table, key_term(key)),
        cop_type_of(model_lookup(model, key)) != COP_TYPE_NIL);
}

STRESS(tables_follow_a_model)
{
    int steps = stress_count(4000, 200000, 1500);

    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        struct stress_random random = stress_random_for((uint64_t)type);
        struct model model = { .type = (enum cop_table_type)type };
        cop_term table = cop_ets_new("model", .type = (enum cop_table_type)type,
            .access = type % 2 ? COP_PUBLIC : COP_PROTECTED);
        bool fixed = false;

        for (int i = 0; i < steps; i++) {
            random_step(&model, table, &random);
            if (stress_below(&random, 50) == 0) {
                fixed = !fixed;
                cop_ets_safe_fixtable(table, fixed);
            }
            if (i % 100 == 0)
                check_whole(&model, table);
            cop_turn_end();
        }
        check_whole(&model, table);
    }
}

/* --- Many keys: growth, and the tree's ends --------------------------------------------------- */

STRESS(tables_grow_and_shrink)
{
    int keys = stress_count(20000, 1000000, 5000);

    for (int type = COP_SET; type <= COP_ORDERED_SET; type++) {
        struct stress_random random = stress_random_for(7);
        cop_term table =
            cop_ets_new("large", .type = (enum cop_table_type)type, .access = COP_PUBLIC);
        int64_t size = 0, count = 0;

        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < keys; i++) {
                cop_ets_insert(table, cop("{Key, Round}", i, round));
                cop_turn_end();
            }
            CHECK(cop_to_int(&size, cop_ets_info_item(table, cop("size"))));
            CHECK_EQ_INT(size, keys);
            for (int i = 0; i < 1000; i++) {
                int key = (int)stress_below(&random, (uint32_t)keys);

                CHECK(cop_match(cop_ets_lookup(table, cop_int(key)), "[{_, Round}]", round));
                cop_turn_end();
            }
            for (int i = 0; i < keys; i++) { /* from the front, as a queue; then at random */
                cop_ets_delete(table, cop_int(round ? (i * 7919L) % keys : i));
                cop_turn_end();
            }
            count = cop_ets_select_count(table, cop("[{'_', [], [true]}]"));
            CHECK(cop_to_int(&size, cop_ets_info_item(table, cop("size"))));
            CHECK_EQ_INT(size, count);
            cop_ets_delete_all(table);
        }
        cop_ets_delete_table(table);
    }
}

/* --- Several processes, one key: all orders --------------------------------------------------- */

enum { WORKERS = 3, OPERATIONS = 5, HISTORY = WORKERS * OPERATIONS, ABSENT = -1 };

enum kind { PUT, PUT_NEW, LOOK, REMOVE, TAKE, COUNT };

struct step {
    enum kind kind;
    int64_t argument, result; /* ABSENT: there was nothing */
    uint64_t begun, ended;
};

static struct step history[HISTORY];
static _Atomic(uint64_t) now;
static cop_term shared_table; /* an atom */

static int64_t value_in(cop_term objects)
{
    int64_t value = ABSENT;

    if (!cop_match(objects, "[{_, Value}]", &value))
        cop_match(objects, "[{_, Value, _}]", &value);
    return value;
}

static void carry_out(struct step *step)
{
    static const char key[] = "key";
    cop_term key_of = cop_from_atom(cop_atom_new(key));

    step->begun = atomic_fetch_add(&now, 1);
    switch (step->kind) {
    case PUT: /* now and then no pair, which lies in another place */
        cop_ets_insert(shared_table, step->argument > 2 ? cop("{key, N, x}", step->argument)
                                                        : cop("{key, N}", step->argument));
        break;
    case PUT_NEW:
        step->result = cop_ets_insert_new(shared_table, cop("{key, N}", step->argument));
        break;
    case LOOK:
        step->result = value_in(cop_ets_lookup(shared_table, key_of));
        break;
    case REMOVE:
        cop_ets_delete(shared_table, key_of);
        break;
    case TAKE:
        step->result = value_in(cop_ets_take(shared_table, key_of));
        break;
    case COUNT:
        cop_to_int(&step->result, cop_ets_update_counter(shared_table, key_of,
                                      cop("{2, N}", step->argument), cop("{key, 0}")));
        break;
    }
    step->ended = atomic_fetch_add(&now, 1);
}

/* True: with this result the step may come now, and *state is what follows. */
static bool fits(const struct step *step, int64_t *state)
{
    int64_t before = *state;

    switch (step->kind) {
    case PUT:
        *state = step->argument;
        return true;
    case PUT_NEW:
        if (before == ABSENT)
            *state = step->argument;
        return step->result == (before == ABSENT);
    case LOOK:
        return step->result == before;
    case REMOVE:
        *state = ABSENT;
        return true;
    case TAKE:
        *state = ABSENT;
        return step->result == before;
    case COUNT:
        *state = (before == ABSENT ? 0 : before) + step->argument;
        return step->result == *state;
    }
    return false;
}

/* Is there an order of what is left? `done` is a set of steps. */
static bool has_order(uint32_t done, int64_t state)
{
    uint64_t first_end = UINT64_MAX;

    if (done == (1u << HISTORY) - 1)
        return true;
    for (int i = 0; i < HISTORY; i++)
        if (!(done >> i & 1) && history[i].ended < first_end)
            first_end = history[i].ended;
    for (int i = 0; i < HISTORY; i++) {
        int64_t next = state;

        if (!(done >> i & 1) && history[i].begun < first_end && fits(&history[i], &next) &&
            has_order(done | 1u << i, next))
            return true;
    }
    return false;
}

static void worker_main(cop_term arg)
{
    cop_pid owner;
    int who;

    cop_must(cop_match(arg, "{Owner, Who}", &owner, &who));
    for (int i = 0; i < OPERATIONS; i++)
        carry_out(&history[who * OPERATIONS + i]);
    cop_send(owner, cop("done"));
}

static void show_history(void)
{
    static const char *const names[] = { "put", "put_new", "look", "remove", "take", "count" };

    for (int i = 0; i < HISTORY; i++)
        fprintf(stderr, "  worker %d %s %d -> %d, from %d to %d\n", i / OPERATIONS,
            names[history[i].kind], (int)history[i].argument, (int)history[i].result,
            (int)history[i].begun, (int)history[i].ended);
}

STRESS(tables_are_linearizable)
{
    int rounds = stress_count(1500, 100000, 600);
    struct stress_random random = stress_random_for(3);

    for (int round = 0; round < rounds; round++) {
        bool fine;

        shared_table = cop_ets_new("shared", .named = true, .access = COP_PUBLIC,
            .type = round % 2 ? COP_ORDERED_SET : COP_SET);
        for (int i = 0; i < HISTORY; i++)
            history[i] = (struct step){ .kind = (enum kind)stress_below(&random, COUNT + 1),
                .argument = (int64_t)stress_below(&random, 5) };
        for (int i = 0; i < WORKERS; i++)
            cop_spawn(worker_main, cop("{Self, Who}", cop_self(), i));
        for (int i = 0; i < WORKERS; i++)
            EXPECT("done");
        fine = has_order(0, ABSENT);
        CHECK(fine);
        if (!fine) {
            show_history();
            break;
        }
        cop_ets_delete_table(shared_table);
        cop_turn_end();
    }
}

/* --- Readers and walkers beside writers ------------------------------------------------------- */

static cop_term busy_table;

/* Keys below 1000 come and go; those from 1000 to 1099 stay. */
static void busy_writer(cop_term arg)
{
    struct stress_random random = stress_random_for((uint64_t)cop_self().id);
    cop_pid owner;
    int steps;

    cop_must(cop_match(arg, "{Owner, Steps}", &owner, &steps));
    for (int i = 0; i < steps; i++) {
        int key = (int)stress_below(&random, 1000);

        switch (stress_below(&random, 4)) {
        case 0:
            cop_ets_delete(busy_table, cop_int(key));
            break;
        case 1:
            cop_ets_insert(busy_table, cop("[{A, x}, {B, x}]", key, (key + 1) % 1000));
            break;
        default:
            cop_ets_insert(busy_table, cop("{A, [x, \"and more\"]}", key));
        }
        cop_turn_end();
    }
    cop_send(owner, cop("done"));
}

STRESS(walks_see_what_stays)
{
    int steps = stress_count(20000, 1000000, 4000);

    for (int type = COP_SET; type <= COP_DUPLICATE_BAG; type++) {
        int writers = 2, left = writers;

        busy_table = cop_ets_new("busy", .named = true, .access = COP_PUBLIC,
            .type = (enum cop_table_type)type, .write_concurrency = type % 2);
        for (int i = 1000; i < 1100; i++)
            cop_ets_insert(busy_table, cop("{A, stays}", i));
        for (int i = 0; i < writers; i++)
            cop_spawn(busy_writer, cop("{Self, Steps}", cop_self(), steps));
        while (left > 0) {
            cop_term key;
            int64_t n;
            int seen = 0;

            CHECK_EQ_INT(
                cop_ets_select_count(busy_table, cop("[{{'_', stays}, [], [true]}]")), 100);
            cop_ets_safe_fixtable(busy_table, true);
            for (key = cop_ets_first(busy_table); !cop_match(key, "'$end_of_table'");
                 key = cop_ets_next(busy_table, key))
                seen += cop_to_int(&n, key) && n >= 1000;
            cop_ets_safe_fixtable(busy_table, false);
            CHECK_EQ_INT(seen, 100);
            for (int i = 1000; i < 1100; i++)
                CHECK(cop_ets_member(busy_table, cop_int(i)));
            while (cop_receive_match_within(0, "done"))
                left--;
            cop_turn_end();
        }
        cop_ets_delete_table(busy_table);
    }
}
