/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisors of all strategies against a model (SUP-35 to SUP-59): which children are stopped and
 * started when some end, in which order, and when there were too many restarts. */
#include <coppice.h>
#include <string.h>

enum { CHILDREN = 4, HISTORY = 64, OPERATIONS = 14 };

static char events[256]; /* what children did: +a started, -a stopped in order */

static void note(char what, const char *name)
{
    size_t size = strlen(events);

    if (size + 3 > sizeof events)
        cop_sim_fail("the supervisor does not stop starting");
    events[size] = what;
    events[size + 1] = name[0];
    events[size + 2] = 0;
}

static void child_main(cop_term arg)
{
    cop_pid parent;
    cop_atom name;
    cop_term reason;

    cop_must(cop_match(arg, "{Parent, Name}", &parent, &name));
    cop_trap_exit(true);
    cop_must(cop_register_atom(name, cop_self()));
    cop_send(parent, cop("{Self, ready}", cop_self()));
    for (;;) {
        if (cop_match(cop_receive(), "{'EXIT', Parent, Reason}", parent, &reason)) {
            note('-', cop_atom_text(name).data);
            cop_exit(reason);
        }
        cop_exit(cop("crash"));
    }
}

static cop_child_start start(cop_term arg, const void *context)
{
    cop_pid pid;

    (void)arg;
    note('+', context);
    pid = cop_spawn_link(child_main, cop("{Self, Name}", cop_self(), cop_atom_new(context)));
    cop_receive_match("{Pid, ready}", pid);
    return (cop_child_start){ .result = COP_CHILD_OK, .pid = pid };
}

#define CHILD(NAME)                                   \
    {                                                 \
        .name = NAME, .start = start, .context = NAME \
    }

struct model {
    enum cop_strategy strategy;
    int intensity;
    int64_t period_s;
    int64_t restarts[HISTORY]; /* in seconds */
    size_t count;
    char expected[256];
};

static void expect(struct model *model, char what, int child)
{
    size_t size = strlen(model->expected);

    model->expected[size] = what;
    model->expected[size + 1] = (char)('a' + child);
    model->expected[size + 2] = 0;
}

/* False: that is too many, and the tree ends. */
static bool child_ended(struct model *model, int child)
{
    int64_t now_s = cop_monotonic_ms() / 1000;
    int recent = 0;
    bool too_many;
    int first = model->strategy == COP_ONE_FOR_ALL    ? 0
                : model->strategy == COP_REST_FOR_ONE ? child
                                                      : CHILDREN;

    model->restarts[model->count++ % HISTORY] = now_s;
    for (size_t i = 0; i < model->count && i < HISTORY; i++)
        recent += model->restarts[i] >= now_s - model->period_s;
    too_many = recent > model->intensity;
    for (int i = CHILDREN - 1; i >= (too_many ? 0 : first); i--)
        if (i != child)
            expect(model, '-', i);
    if (too_many)
        return false;
    if (model->strategy == COP_ONE_FOR_ONE)
        expect(model, '+', child);
    for (int i = first; i < CHILDREN; i++)
        expect(model, '+', i);
    return true;
}

static void check(const struct model *model)
{
    cop_sim_settle();
    if (strcmp(events, model->expected) != 0)
        cop_sim_fail("the children did %s and should %s", events, model->expected);
    events[0] = 0;
}

static void end_child(int child)
{
    char name[2] = { (char)('a' + child), 0 };
    cop_pid pid;

    if (!cop_whereis(&pid, name)) {
        cop_sim_fail("child %s is not there", name);
        return;
    }
    if (cop_sim_choose(2))
        cop_exit_signal(pid, cop("kill"));
    else
        cop_send(pid, cop("crash"));
}

static int supervisors(int argc, char **argv)
{
    static const enum cop_strategy strategies[] = { COP_ONE_FOR_ONE, COP_ONE_FOR_ALL,
        COP_REST_FOR_ONE };
    struct model model = { .strategy = strategies[cop_sim_choose(3)],
        .intensity = 1 + (int)cop_sim_choose(3),
        .period_s = 1 + cop_sim_choose(5),
        .expected = "+a+b+c+d" };
    const cop_supervisor tree = { .strategy = model.strategy,
        .intensity = model.intensity,
        .period_s = (int)model.period_s,
        .children = COP_CHILDREN(CHILD("a"), CHILD("b"), CHILD("c"), CHILD("d"), ) };
    bool alive = true;
    cop_term error, reason;
    cop_pid top;

    (void)argc, (void)argv;
    cop_trap_exit(true);
    cop_log_set_level(COP_LOG_EMERGENCY);
    cop_must(cop_supervisor_start_link(&top, &tree, &error));
    check(&model);
    for (int i = 1 + (int)cop_sim_choose(OPERATIONS); i && alive; i--) {
        int child = (int)cop_sim_choose(CHILDREN);

        cop_sleep(cop_sim_choose(3) * 700);
        model.expected[0] = 0;
        end_child(child);
        alive = child_ended(&model, child);
        check(&model);
    }
    if (alive) {
        memcpy(model.expected, "-d-c-b-a", sizeof "-d-c-b-a");
        cop_exit_signal(top, cop("shutdown"));
        check(&model);
    }
    if (!cop_receive_match_within(0, "{'EXIT', Top, Reason}", top, &reason))
        cop_sim_fail("the supervisor has not ended");
    if (!cop_match(reason, "shutdown"))
        cop_sim_fail("the supervisor ended with %s", cop_show(reason));
    return 0;
}

static const cop_sim simulations[] = { { .name = "supervisors", .main = supervisors }, { 0 } };

int main(int argc, char **argv)
{
    return cop_sim_main(simulations, argc, argv);
}
