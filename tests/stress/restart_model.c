/* SPDX-License-Identifier: Apache-2.0 */
/* R2: random supervisors of every strategy, random faults, each outcome compared with a model: the
 * exact order of starts and stops, and what is listed afterwards.
 *
 * COPPICE_SEED, COPPICE_TREES and COPPICE_FAULTS choose the run; a failure prints the command that
 * runs that one tree again. */
#include "conformance/supervised.h"

#include <unistd.h>

enum { CHILDREN_MAX = 7, LINE = 512 };

static const char *const names[CHILDREN_MAX] = { "a", "b", "c", "d", "e", "f", "g" };

/* The model: what the contract says of one supervisor. */
struct model {
    enum cop_strategy strategy;
    int count, intensity, restarts;
    struct {
        enum cop_restart restart;
        bool exists, alive;
    } child[CHILDREN_MAX];
    bool ended;
    char events[LINE];
};

static struct model model; /* also what init makes the real one of */
static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % bound);
}

/* --- The model
 * ------------------------------------------------------------------------------------- */

static void event(const char *what, int child)
{
    size_t used = strlen(model.events);

    snprintf(model.events + used, LINE - used, "%s%s", what, names[child]);
}

static void model_stop(int child)
{
    if (model.child[child].alive)
        event("-", child);
    model.child[child].alive = false;
    if (model.child[child].restart == COP_TEMPORARY)
        model.child[child].exists = false;
}

static void model_start(int child)
{
    if (!model.child[child].exists)
        return;
    event("+", child);
    model.child[child].alive = true;
}

static void model_end(void)
{
    for (int i = model.count - 1; i >= 0; i--)
        if (model.child[i].alive)
            event("-", i);
    model.ended = true;
}

static void model_crash(int child, bool expected)
{
    enum cop_restart type = model.child[child].restart;
    int first = model.strategy == COP_ONE_FOR_ALL ? 0 : child;
    int last = model.strategy == COP_ONE_FOR_ONE ? child : model.count - 1;

    model.child[child].alive = false;
    if (type == COP_TEMPORARY)
        model.child[child].exists = false;
    if (type == COP_TEMPORARY || (type == COP_TRANSIENT && expected))
        return;
    if (++model.restarts > model.intensity) {
        model_end();
        return;
    }
    for (int i = last; i >= first; i--)
        if (i != child && model.child[i].exists)
            model_stop(i);
    for (int i = first; i <= last; i++)
        model_start(i);
}

/* --- The real one
 * ---------------------------------------------------------------------------------- */

static bool init(cop_supervisor *flags, cop_child **children, cop_term arg)
{
    (void)arg;
    flags->strategy = model.strategy;
    flags->intensity = model.intensity;
    flags->period_s = 1000000;
    *children = cop_alloc(sizeof(cop_child) * (CHILDREN_MAX + 1));
    for (int i = 0; i < model.count; i++)
        (*children)[i] = (cop_child){ .name = names[i],
            .start = child_start,
            .context = names[i],
            .restart = model.child[i].restart };
    return true;
}

static const cop_supervisor tree = { .init = init };

/* a+ alive, a- listed and not alive, nothing: gone */
static void expected_state(char *text)
{
    text[0] = 0;
    for (int i = 0; i < model.count; i++)
        if (model.child[i].exists)
            snprintf(text + strlen(text), LINE - strlen(text), "%s%s", names[i],
                model.child[i].alive ? "+" : "-");
}

static void real_state(char *text, cop_pid sup)
{
    cop_term list = cop_list_reverse(cop_supervisor_which_children(cop_dest(sup))), item, child;
    cop_atom id;

    text[0] = 0;
    while (cop_list_next(&item, &list))
        if (cop_match(item, "{Id, Child, _, _}", &id, &child))
            snprintf(text + strlen(text), LINE - strlen(text), "%s%s", cop_atom_text(id).data,
                cop_type_of(child) == COP_TYPE_PID ? "+" : "-");
}

static bool same_state(cop_pid sup)
{
    char wanted[LINE], got[LINE];
    int64_t give_up_ms = cop_monotonic_ms() + 5000;

    expected_state(wanted);
    do {
        real_state(got, sup);
        if (strcmp(wanted, got) == 0)
            return true;
        cop_yield();
    } while (cop_monotonic_ms() < give_up_ms);
    fprintf(stderr, "listed are %s, model says %s\n", got, wanted);
    return false;
}

static bool same_events(void)
{
    const char *got = trace(model.events);
    bool same = strcmp(got, model.events) == 0;

    if (!same)
        fprintf(stderr, "events are %s, model says %s\n", got, model.events);
    model.events[0] = 0;
    return same;
}

/* One fault; false: not as the model says. */
static bool fault(cop_pid sup)
{
    static const char *const kinds[] = { "normal", "shutdown", "boom", "kill" };
    int child = (int)random_below((uint32_t)model.count), kind = (int)random_below(6);

    if (!model.child[child].alive) {
        if (!model.child[child].exists)
            return true;
        model_start(child);
        cop_supervisor_restart_child(NULL, cop_dest(sup), atom(names[child]), NULL);
    } else if (kind == 4) {
        model_stop(child);
        cop_supervisor_terminate_child(cop_dest(sup), atom(names[child]), NULL);
    } else {
        cop_pid pid = pid_of(sup, names[child]);

        kind = kind == 5 ? 2 : kind;
        model_crash(child, kind < 2);
        if (kind == 3)
            cop_exit_signal(pid, cop("kill"));
        else
            cop_send(pid, cop("{exit, Reason}", atom(kinds[kind])));
    }
    return same_events() && (model.ended || same_state(sup));
}

static void random_model(void)
{
    model = (struct model){ .strategy = (enum cop_strategy)random_below(3),
        .count = 1 + (int)random_below(CHILDREN_MAX) };
    model.intensity = random_below(4) ? 1000000 : 1 + (int)random_below(5);
    for (int i = 0; i < model.count; i++) {
        uint32_t type = random_below(5);

        model.child[i].restart = type < 3    ? COP_PERMANENT
                                 : type == 3 ? COP_TRANSIENT
                                             : COP_TEMPORARY;
        model.child[i].exists = true;
        model_start(i);
    }
}

static bool run_tree(uint64_t seed, int faults)
{
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    random_model();
    cop_pid sup = start_tree(&tree);

    if (!same_events())
        return false;
    for (int i = 0; i < faults && !model.ended; i++)
        if (!fault(sup))
            return false;
    if (!model.ended) {
        model_end();
        cop_exit_signal(sup, cop("shutdown"));
    }
    bool same = same_events();
    cop_term reason = end_of(sup);

    return same && cop_match(reason, "shutdown") && cop_is_none(cop_receive_within(0));
}

static int64_t setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoll(text, NULL, 10) : otherwise;
}

struct settings {
    int64_t seed, trees, faults;
};
static struct settings settings;

static void worker(cop_term arg)
{
    (void)arg;
    be_tester(COP_LOG_EMERGENCY);
    for (int64_t i = 0; i < settings.trees; i++) {
        uint64_t seed = (uint64_t)(settings.seed + i);

        if (!run_tree(seed, (int)settings.faults)) {
            fprintf(stderr,
                "tree %llu differs from the model; replay: COPPICE_SEED=%llu COPPICE_TREES=1 "
                "COPPICE_FAULTS=%lld restart_model\n",
                (unsigned long long)seed, (unsigned long long)seed, (long long)settings.faults);
            cop__checks_failed++;
            break;
        }
        cop_turn_end();
    }
    cop_send("main", cop("done"));
}

static void run(void)
{
    cop_register("main", cop_self());
    cop_spawn(worker, COP_NONE);
    CHECK(cop_receive_match_within(250 * 1000, "done"));
}

TEST(restart_model)
{
    settings = (struct settings){ setting("COPPICE_SEED", getpid()), setting("COPPICE_TREES", 1000),
        setting("COPPICE_FAULTS", 100) };
    printf("seed %lld, %lld trees, %lld faults each\n", (long long)settings.seed,
        (long long)settings.trees, (long long)settings.faults);
    node_run(run, 2);
}
