/* SPDX-License-Identifier: Apache-2.0 */
/* The world of a simulated run of several nodes: what they share. Each node is an operating-system
 * process, as in life; one of them runs at a time, the one whose turn it is, and with the turn go
 * the time, the place in the choices and the number of steps (docs/adr/0021). */
#ifndef COP_BASE_WORLD_H
#define COP_BASE_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/choose.h"

enum {
    COP__WORLD_NODES = 8,
    COP__WORLD_NAME = 32,
    COP__WORLD_TEXT = 400,
    COP__WORLD_MEMORY = 64 << 10
};

enum cop__world_state {
    COP__WORLD_FREE, /* there is no such node, or no more */
    COP__WORLD_RUNS, /* it has something to do */
    COP__WORLD_WAITS /* until it is due, or hears something */
};

struct cop__world_node {
    char name[COP__WORLD_NAME];
    enum cop__world_state state;
    uint32_t number;       /* the how many-th node of the run it is: its own chance comes from it */
    uint64_t due_ns;       /* of a node that waits: its next timer */
    bool settles, settled; /* somebody in it waits for all to be still; and is told */
};

struct cop__world {
    _Atomic(uint32_t) turns[COP__WORLD_NODES]; /* futexes: 1 for whose turn it is, until it saw */
    uint64_t now_ns, steps;
    struct cop__choices_place choices;
    bool over; /* the run has failed: the first node stops */
    char failure[COP__WORLD_TEXT];
    uint32_t started; /* nodes until now */
    struct cop__world_node nodes[COP__WORLD_NODES];
    _Alignas(64) unsigned char memory[COP__WORLD_MEMORY]; /* the test's own */
};

/* NULL: a run of one node, or no simulation. The first node is number 0. */
extern struct cop__world *cop__world;

bool cop__world_make(void); /* before any other node is forked; false: no memory */
void cop__world_discard(void);
int cop__world_self(void);
int cop__world_find(const char *name); /* -1: there is no such node */
/* A place for a node, which then has something to do. -1: there is no more room. */
int cop__world_place(const char *name);
void cop__world_join(int self); /* in the process of that node */
void cop__world_wait(void);     /* for the turn. What goes with it is ours then */
/* For who is no node: the run cannot go on without this one. */
void cop__world_wake(int node);
/* A step of this node is next: others may go before. */
void cop__world_step(void);
/* Nothing can run here before due_ns. Returns when something can, here, after whatever others did
 * and the time that passed; or when all are still, and somebody here waits for that. */
enum cop__world_news { COP__WORLD_GO, COP__WORLD_SETTLED, COP__WORLD_STUCK };
enum cop__world_news cop__world_idle(uint64_t due_ns, bool settles);
/* The run has failed; the first one says so. Does not return in another node than the first. */
void cop__world_fail(const char *text);
/* This node ends, and this process with it: others go on. */
void cop__world_leave(void);

#endif
