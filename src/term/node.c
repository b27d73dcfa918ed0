/* SPDX-License-Identifier: Apache-2.0 */
/* Pids, references and ports of other nodes. Layer 1. */
#include "term/node.h"

#include <stdatomic.h>

#include "base/raise.h"
#include "term/atoms.h"

/* Name and creation at once: others read it while it changes. */
static _Atomic(uint64_t) local = COP__ATOM_nonode_at_nohost;

void cop__local_node_set(uint32_t name, uint32_t creation)
{
    atomic_store_explicit(&local, (uint64_t)creation << 32 | name, memory_order_relaxed);
}

struct cop__node_id cop__local_node(void)
{
    uint64_t now = atomic_load_explicit(&local, memory_order_relaxed);

    return (struct cop__node_id){ (uint32_t)now, (uint32_t)(now >> 32) };
}

cop_pid cop_pid_remote(cop_atom node, uint32_t creation, uint32_t id, uint32_t serial)
{
    cop_pid pid = { (uint64_t)serial << 32 | id, cop__node_handle(node.index, creation) };

    return pid;
}

cop_atom cop_pid_node(cop_pid pid)
{
    return (cop_atom){ cop__node_of(pid.node).name };
}

cop_term cop_from_pid(cop_pid pid)
{
    uint64_t *box;

    if (!pid.node)
        return cop__word(pid.id);
    box = cop__heap_alloc(cop__turn_heap(), 3);
    box[0] = cop__header(COP__PID_REMOTE, 2);
    box[1] = pid.node;
    box[2] = pid.id;
    return cop__from_box(box);
}

bool cop_to_pid(cop_pid *ret_value, cop_term term)
{
    if (cop__is_local_pid(term)) {
        ret_value->id = term.word;
        ret_value->node = 0;
        return true;
    }
    if (cop__box_type(term) != COP__PID_REMOTE)
        return false;
    ret_value->id = cop__box(term)[2];
    ret_value->node = cop__box(term)[1];
    return true;
}

bool cop_to_ref(cop_ref *ret_value, cop_term term)
{
    if (!cop__is_local_ref(term))
        return false;
    ret_value->id = term.word;
    return true;
}

cop_term cop_ref_remote(cop_atom node, uint32_t creation, const uint32_t *ids, size_t count)
{
    uint64_t handle = cop__node_handle(node.index, creation), *box;

    if (count > 5)
        cop__raise("badarg", "a reference has at most 5 ids");
    box = cop__heap_alloc(cop__turn_heap(), 2 + (count + 1) / 2);
    box[0] = cop__header(COP__REF_REMOTE, count);
    box[1 + (count + 1) / 2] = 0; /* an odd id has a 0 beside it, so that words can be compared */
    box[1] = handle;
    memcpy(box + 2, ids, count * sizeof(*ids));
    return cop__from_box(box);
}

cop_term cop_port_remote(cop_atom node, uint32_t creation, uint64_t id)
{
    uint64_t handle = cop__node_handle(node.index, creation);
    uint64_t *box = cop__heap_alloc(cop__turn_heap(), 3);

    box[0] = cop__header(COP__PORT_REMOTE, 2);
    box[1] = handle;
    box[2] = id;
    return cop__from_box(box);
}

size_t cop__reference_ids(uint32_t ids[5], cop_term reference)
{
    size_t count;

    if (cop__is_local_ref(reference)) {
        cop__ref_ids(ids, reference.word);
        return 3;
    }
    if (cop__is_held_ref(reference)) {
        cop__ref_ids(ids, cop__held_word(reference));
        return 3;
    }
    ids[0] = 0;
    count = cop__count(reference);
    memcpy(ids, cop__box(reference) + 2, count * sizeof(*ids));
    return count;
}

static int compare_words(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_nodes(cop_term a, cop_term b)
{
    struct cop__node_id x = cop__node_of(cop__is_boxed(a) ? cop__box(a)[1] : 0);
    struct cop__node_id y = cop__node_of(cop__is_boxed(b) ? cop__box(b)[1] : 0);
    int order = cop__atom_compare(x.name, y.name);

    return order ? order : compare_words(x.creation, y.creation);
}

static uint64_t pid_number(cop_term pid) /* serial << 32 | id, of any node */
{
    if (cop__is_boxed(pid))
        return cop__box(pid)[2];
    return (uint64_t)cop__pid_generation(pid.word) << 32 | cop__pid_slot(pid.word);
}

static int compare_references(cop_term a, cop_term b)
{
    uint32_t x[5], y[5];
    size_t x_count = cop__reference_ids(x, a), y_count = cop__reference_ids(y, b);

    if (x_count != y_count)
        return compare_words(x_count, y_count);
    while (x_count--)
        if (x[x_count] != y[x_count])
            return compare_words(x[x_count], y[x_count]);
    return 0;
}

int cop__identifier_compare(cop_term a, cop_term b)
{
    enum cop_type type = cop_type_of(a);
    int order;

    if (type == COP_TYPE_REFERENCE) {
        order = compare_nodes(a, b);
        return order ? order : compare_references(a, b);
    }
    if (type == COP_TYPE_PID)
        order = compare_words(pid_number(a), pid_number(b));
    else
        order = compare_words(cop__is_boxed(a) ? cop__box(a)[2] : a.word >> 4,
            cop__is_boxed(b) ? cop__box(b)[2] : b.word >> 4);
    return order ? order : compare_nodes(a, b);
}
