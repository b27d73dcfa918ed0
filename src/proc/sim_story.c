/* SPDX-License-Identifier: Apache-2.0 */
/* The story of a simulated run: a line for each thing that happens, for the person who reads it.
 * Layer 2. */
#include "proc/simulate.h"

#include <coppice/sim.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/world.h"
#include "proc/proc.h"
#include "term/atoms.h"

static const char *kind_text(enum cop__msg_kind kind)
{
    switch (kind) {
    case COP__CAST:
        return "cast";
    case COP__CALL:
        return "call";
    case COP__REPLY:
        return "reply";
    case COP__DOWN_REPLY:
        return "no reply";
    case COP__ALIASED:
        return "to alias";
    case COP__EXIT:
    case COP__EXIT_LINK:
    case COP__FAR_EXIT:
        return "exit signal";
    case COP__DOWN:
        return "down";
    case COP__LINK:
    case COP__FAR_LINK:
        return "link";
    case COP__UNLINK:
    case COP__FAR_UNLINK:
        return "unlink";
    case COP__MONITOR:
    case COP__FAR_MONITOR:
        return "monitor";
    case COP__DEMONITOR:
    case COP__FAR_DEMONITOR:
        return "demonitor";
    case COP__NODE_DOWN:
        return "the connection is lost";
    case COP__FORGET:
        return "waits no more";
    default:
        return kind < COP__SIGNALS ? "message" : "signal";
    }
}

/* Its name and pid, as far as it has them. */
const char *cop__sim_who(char *text, uint64_t id)
{
    const struct cop__proc *proc = cop__proc_of(id);
    bool alive = id && cop__load(proc->gen) == cop__pid_generation(id);
    uint32_t name = alive ? cop__load(proc->name) : 0;
    char pid[64];

    if (!id) {
        memcpy(text, "the node", sizeof "the node");
        return text;
    }
    cop_format_term(pid, sizeof pid, cop__word(id));
    if (name)
        snprintf(text, COP__SIM_WHO, "%.*s %s", COP_STR(cop_atom_text((cop_atom){ name })), pid);
    else if (alive && proc->origin && proc->origin->initial_call)
        snprintf(text, COP__SIM_WHO, "%s %s", proc->origin->initial_call, pid);
    else
        snprintf(text, COP__SIM_WHO, "%s%s", pid, alive ? "" : " (gone)");
    return text;
}

void cop__sim_tell(const char *format, ...)
{
    uint64_t ms = cop__clock_virtual_ms();
    va_list arguments;

    if (!cop__sim_story())
        return;
    fprintf(cop__sim_story(), "%8llu %5llu.%03llu  ", (unsigned long long)*cop__sim_steps(),
        (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
    if (cop__world)
        fprintf(cop__sim_story(), "%-6s ", cop__world->nodes[cop__world_self()].name);
    va_start(arguments, format);
    vfprintf(cop__sim_story(), format, arguments);
    va_end(arguments);
    fputc('\n', cop__sim_story());
}

static uint64_t current_id(const struct cop__thr *self)
{
    return self->current ? cop__id_of(self->current) : 0;
}

void cop__sim_pushed(struct cop__thr *self, uint64_t to, const struct cop__msg *msg)
{
    char from_text[COP__SIM_WHO], to_text[COP__SIM_WHO], label[80] = "", shown[240] = "";

    cop__choices_note(msg->kind ^ (to << 8) ^ (current_id(self) << 40));
    if (!cop__sim_story() || msg->kind == COP__ADOPT)
        return;
    if (msg->kind == COP__CALL || msg->kind == COP__CAST)
        snprintf(label, sizeof label, "%.*s ", COP_STR(cop_atom_text((cop_atom){ msg->aux })));
    if (!cop_is_none(msg->term))
        cop_format_term(shown, sizeof shown, msg->term);
    cop__sim_tell("%s -> %s: %s %s%s", cop__sim_who(from_text, current_id(self)),
        cop__sim_who(to_text, to), kind_text((enum cop__msg_kind)msg->kind),
        strcmp(label, "$gen_call ") == 0 ? "" : label, shown);
}

void cop__sim_sent(
    uint64_t sender, uint32_t node, const char *what, cop_term about, cop_term payload)
{
    char from[COP__SIM_WHO], about_text[240], shown[240] = "";

    if (!cop__sim_story())
        return;
    cop_format_term(about_text, sizeof about_text, about);
    if (!cop_is_none(payload))
        cop_format_term(shown, sizeof shown, payload);
    cop__sim_tell("%s => %.*s: %s %s%s%s", cop__sim_who(from, sender),
        COP_STR(cop_atom_text((cop_atom){ node })), what, about_text, *shown ? " " : "", shown);
}

void cop__sim_spawned(const struct cop__proc *child)
{
    char text[COP__SIM_WHO], parent[COP__SIM_WHO];

    cop__choices_note(cop__id_of(child));
    if (cop__sim_story())
        cop__sim_tell("%s starts, of %s", cop__sim_who(text, cop__id_of(child)),
            cop__sim_who(parent, child->origin ? child->origin->parent : 0));
}

void cop__sim_ended(const struct cop__proc *proc, cop_term reason)
{
    char text[COP__SIM_WHO], shown[400];

    cop__choices_note(~cop__id_of(proc));
    if (!cop__sim_story())
        return;
    cop_format_term(shown, sizeof shown, reason);
    cop__sim_tell("%s ends: %s", cop__sim_who(text, cop__id_of(proc)), shown);
}

void cop__sim_jumped(void)
{
    cop__choices_note(cop__clock_now_ns());
}

void cop_sim_note(const char *format, ...)
{
    char text[COP__SIM_TEXT];
    va_list arguments;

    if (!cop__simulated)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cop__enter();
    cop__sim_tell("note: %s", text);
    cop__leave();
}
