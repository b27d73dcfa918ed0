/* SPDX-License-Identifier: Apache-2.0 */
/* Registered names: one word per atom, read without a lock; changes under one lock, which also
 * guards the name field of processes, so that a name and its process change together (P-89 to
 * P-94). */
#include "proc/proc.h"
#include "term/atoms.h"

#include <sys/mman.h>

enum { NAMES_MAX = 1 << 20 };

static _Atomic(uint64_t) *names; /* by atom index: id of a pid, or 0 */
static struct cop__spinlock lock;
static _Atomic(uint32_t) highest;

bool cop__names_start(void)
{
    void *memory = mmap(NULL, NAMES_MAX * sizeof *names, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    names = memory == MAP_FAILED ? NULL : memory;
    cop__store(highest, 0);
    return names != NULL;
}

void cop__names_stop(void)
{
    munmap((void *)names, NAMES_MAX * sizeof *names);
    names = NULL;
}

uint64_t cop__whereis(uint32_t atom)
{
    /* acquire: pairs with the release in register; the process's fields were written before */
    return atom < NAMES_MAX && names ? cop__load_acquire(names[atom]) : 0;
}

void cop__name_release(struct cop__proc *proc)
{
    uint32_t name;

    cop__spin_lock(&lock);
    name = cop__load(proc->name);
    if (name) {
        cop__store(names[name], 0);
        cop__store(proc->name, 0);
    }
    cop__spin_unlock(&lock);
}

int cop_register_atom(cop_atom name, cop_pid pid)
{
    struct cop__proc *proc = cop__proc_of(pid.id);
    int result = -COP_EBADARG;

    if (!name.index || name.index >= NAMES_MAX || name.index == COP__ATOM_undefined || !pid.id ||
        pid.node)
        return result;
    cop__enter();
    cop__spin_lock(&lock);
    /* Exiting is set before the name is released under this lock: no name outlives its process. */
    if (cop__load_acquire(proc->gen) == pid.id >> 32 && !(cop__load(proc->mbox) & COP__MBOX_DEAD) &&
        !(cop__load_acquire(proc->flags) & COP__P_EXITING)) {
        if (cop__load(names[name.index])) {
            result = -EEXIST;
        } else if (!cop__load(proc->name)) {
            cop__store(proc->name, name.index);
            cop__store_release(names[name.index], pid.id);
            if (name.index > cop__load(highest))
                cop__store(highest, name.index);
            result = 0;
        }
    }
    cop__spin_unlock(&lock);
    cop__leave();
    return result;
}

int cop_register(const char *name, cop_pid pid)
{
    return cop_register_atom(cop_atom_new(name), pid);
}

int cop_unregister_atom(cop_atom name)
{
    int result = -COP_ENOTFOUND;
    uint64_t id;

    cop__enter();
    cop__spin_lock(&lock);
    id = cop__whereis(name.index);
    if (id) {
        cop__store(names[name.index], 0);
        cop__store(cop__proc_of(id)->name, 0);
        result = 0;
    }
    cop__spin_unlock(&lock);
    cop__leave();
    return result;
}

int cop_unregister(const char *name)
{
    return cop_unregister_atom(cop_atom_new(name));
}

bool cop_whereis_to(cop_pid *ret_pid, cop_dest dest)
{
    uint64_t id;

    if (cop_dest_kind_of(dest) == COP_DEST_PID) {
        *ret_pid = cop_dest_pid_of(dest);
        return true;
    }
    id = cop__dest_local(dest);
    if (!id)
        return false;
    *ret_pid = cop__pid_of(id);
    return true;
}

cop_term cop_registered(void)
{
    cop_term list = cop_nil();
    uint32_t last = cop__load(highest);

    for (uint32_t atom = 1; atom <= last; atom++)
        if (cop__whereis(atom))
            list = cop_cons(cop__atom(atom), list);
    return list;
}
