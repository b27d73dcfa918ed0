/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a command and checking its arguments, before the functions of the families run. */
#include "commands.h"
#include "reply.h"
#include "session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE_MAX = 16, INDEX_SIZE = 256, COMMANDS_MAX = INDEX_SIZE / 2 };

struct known {
    const struct command *command;
    cop_atom atom; /* of its name */
};

/* Written by commands_init, only read after that. Open addressing: both are at most half full. */
static struct known by_name[INDEX_SIZE], by_atom[INDEX_SIZE];
static const struct command *commands[COMMANDS_MAX];
static size_t commands_count;

static size_t name_hash(const char *name, size_t size)
{
    size_t hash = size;

    for (size_t i = 0; i < size; i++)
        hash = hash * 31 + (unsigned char)name[i];
    return hash;
}

static void add(const struct command *command)
{
    struct known known = { command, cop_atom_new(command->name) };
    size_t at = name_hash(command->name, strlen(command->name));

    assert(commands_count < COMMANDS_MAX && strlen(command->name) <= NAME_SIZE_MAX);
    while (by_name[at % INDEX_SIZE].command)
        at++;
    by_name[at % INDEX_SIZE] = known;
    for (at = known.atom.index; by_atom[at % INDEX_SIZE].command; at++)
        continue;
    by_atom[at % INDEX_SIZE] = known;
    commands[commands_count++] = command;
}

void commands_init(void)
{
    static const struct command *const families[] = { strings_commands, keys_commands,
        server_commands, connection_commands };

    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (const struct command *command = families[i]; command->name; command++)
            add(command);
}

static const struct known *find(cop_bytes name)
{
    char lower[NAME_SIZE_MAX];
    const struct known *known;

    if (name.size > sizeof lower)
        return NULL;
    for (size_t i = 0; i < name.size; i++)
        lower[i] =
            (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] | 0x20 : name.data[i]);
    for (size_t at = name_hash(lower, name.size);; at++) {
        known = &by_name[at % INDEX_SIZE];
        if (!known->command)
            return NULL;
        if (strncmp(known->command->name, lower, name.size) == 0 &&
            !known->command->name[name.size])
            return known->command->flags & COMMAND_HIDDEN ? NULL : known;
    }
}

const struct command *command_find(cop_bytes name)
{
    const struct known *known = find(name);

    return known ? known->command : NULL;
}

const struct command *command_of_atom(cop_atom name)
{
    size_t at = name.index;

    while (by_atom[at % INDEX_SIZE].atom.index != name.index)
        at++;
    return by_atom[at % INDEX_SIZE].command;
}

const struct command *command_at(size_t position)
{
    return position < commands_count ? commands[position] : NULL;
}

bool word_is(cop_bytes arg, const char *word)
{
    size_t i = 0;

    for (; i < arg.size && word[i]; i++)
        if ((arg.data[i] >= 'A' && arg.data[i] <= 'Z' ? arg.data[i] | 0x20 : arg.data[i]) !=
            word[i])
            return false;
    return i == arg.size && !word[i];
}

/* As Redis words it: the name and the first arguments, 128 bytes of each at most. */
static cop_term unknown_command(const struct request *request)
{
    cop_bytes name = request_arg(request, 0);
    char args[192] = "";
    size_t used = 0;

    for (size_t i = 1; i < request_count(request) && used < 128; i++) {
        cop_bytes arg = request_arg(request, i);

        used += (size_t)snprintf(args + used, sizeof args - used, "'%.*s' ",
            (int)(arg.size < 128 - used ? arg.size : 128 - used), arg.data);
    }
    return answer_errorf("ERR unknown command '%.*s', with args beginning with: %s",
        (int)(name.size < 128 ? name.size : 128), name.data, args);
}

static bool arity_fits(int arity, size_t count)
{
    return arity > 0 ? count == (size_t)arity : count >= (size_t)-arity;
}

cop_term subcommand_run(const char *command, const struct subcommand *subcommands,
    struct session *session, const struct request *request)
{
    cop_bytes name = request_arg(request, 1);
    char capitals[NAME_SIZE_MAX + 1] = "";

    for (; subcommands->name; subcommands++) {
        if (!word_is(name, subcommands->name))
            continue;
        if (arity_fits(subcommands->arity, request_count(request)))
            return subcommands->run(session, request);
        return answer_errorf(
            "ERR wrong number of arguments for '%s|%s' command", command, subcommands->name);
    }
    for (size_t i = 0; command[i] && i < NAME_SIZE_MAX; i++)
        capitals[i] = (char)(command[i] & ~0x20);
    return answer_errorf("ERR unknown subcommand '%.*s'. Try %s HELP.",
        (int)(name.size < 128 ? name.size : 128), name.data, capitals);
}

void command_run(struct session *session, const struct request *request)
{
    const struct known *known = find(request_arg(request, 0));
    size_t count = request_count(request);
    const struct command *command;

    if (!known) {
        session_answer(session, unknown_command(request));
        return;
    }
    command = known->command;
    if (!arity_fits(command->arity, count)) {
        session_answer(session,
            answer_errorf("ERR wrong number of arguments for '%s' command", command->name));
        return;
    }
    if (command->flags & COMMAND_ALONE)
        session_catch_up(session);
    if (command->run)
        command->run(session, request);
    else
        session_ask_key(session, known->atom, request);
}
