/* SPDX-License-Identifier: Apache-2.0 */
/* From pids to descriptors and back: an index into one array that never goes away (PROC-4). */
#ifndef COP_PROC_TABLE_H
#define COP_PROC_TABLE_H

#include "proc/types.h"

extern struct cop__proc *cop__proc_base;
extern uint32_t cop__proc_capacity;

static inline uint64_t cop__pid_id(uint32_t gen, uint32_t index)
{
    return (uint64_t)gen << 32 | (uint64_t)index << 4 | 4;
}

static inline uint64_t cop__id_of(const struct cop__proc *proc)
{
    return cop__pid_id(cop__load(proc->gen), proc->index);
}

static inline cop_pid cop__pid_of(uint64_t id)
{
    cop_pid pid = { id, 0 };

    return pid;
}

/* The slot a local pid names, whoever lives there now. */
static inline struct cop__proc *cop__proc_of(uint64_t id)
{
    uint32_t index = (uint32_t)id >> 4;

    return cop__likely(index < cop__proc_capacity) ? &cop__proc_base[index] : &cop__proc_base[0];
}

#endif
