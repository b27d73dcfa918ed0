/* SPDX-License-Identifier: Apache-2.0 */
/* Logical names, in two lists: a scenario has a few dozen. The newest comes first, so that a name
 * that is given again means the latest. */
#include "names.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

#define REAL_NAME "name:" /* $n1 is registered as name:n1 */

struct name {
    struct name *next;
    uint64_t id;
    char text[];
};

static struct name *processes, *references;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* puppets give names too */

static const char *add(struct name **list, const char *text, uint64_t id)
{
    size_t size = strlen(text) + 1;
    struct name *name = malloc(sizeof *name + size);

    name->id = id;
    memcpy(name->text, text, size);
    pthread_mutex_lock(&lock);
    name->next = *list;
    *list = name;
    pthread_mutex_unlock(&lock);
    return name->text;
}

static uint64_t find(struct name *const *list, cop_bytes text)
{
    uint64_t id = 0;

    pthread_mutex_lock(&lock);
    for (const struct name *name = *list; name && !id; name = name->next)
        if (strlen(name->text) == text.size && memcmp(name->text, text.data, text.size) == 0)
            id = name->id;
    pthread_mutex_unlock(&lock);
    return id;
}

static const char *text_for(struct name *const *list, uint64_t id)
{
    const char *text = "?";

    pthread_mutex_lock(&lock);
    for (const struct name *name = *list; name; name = name->next)
        if (name->id == id) {
            text = name->text;
            break;
        }
    pthread_mutex_unlock(&lock);
    return text;
}

static void forget(struct name **list)
{
    while (*list) {
        struct name *name = *list;

        *list = name->next;
        free(name);
    }
}

const char *name_process(const char *name, cop_pid pid)
{
    return add(&processes, name, pid.id);
}

void name_reference(const char *name, cop_ref ref)
{
    add(&references, name, ref.id);
}

cop_pid process_of(const char *name)
{
    return (cop_pid){ find(&processes, (cop_bytes){ name, strlen(name) }), 0 };
}

cop_term named_process(cop_bytes name)
{
    uint64_t id = find(&processes, name);

    if (!id)
        give_up("no process has the name %.*s", COP_STR(name));
    return cop_from_pid((cop_pid){ id, 0 });
}

cop_ref reference_of(const char *name)
{
    return (cop_ref){ find(&references, (cop_bytes){ name, strlen(name) }) };
}

cop_term named_reference(cop_bytes name)
{
    uint64_t id = find(&references, name);

    if (!id)
        give_up("no reference has the name %.*s", COP_STR(name));
    return cop_from_ref((cop_ref){ id });
}

cop_term registered_name(cop_bytes name)
{
    char text[256];

    snprintf(text, sizeof text, REAL_NAME "%.*s", COP_STR(name));
    return cop_from_atom(cop_atom_new(text));
}

const char *name_of_process(cop_pid pid)
{
    return text_for(&processes, pid.id);
}

const char *name_of_reference(cop_ref ref)
{
    return text_for(&references, ref.id);
}

bool write_registered_name(FILE *to, cop_bytes atom)
{
    size_t prefix = strlen(REAL_NAME);

    if (atom.size <= prefix || memcmp(atom.data, REAL_NAME, prefix) != 0)
        return false;
    fprintf(to, "$%.*s", (int)(atom.size - prefix), atom.data + prefix);
    return true;
}

void forget_names(void)
{
    forget(&processes);
    forget(&references);
}
