/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of one pipeline on their way to the partitions and back.
 *
 * Each command is answered at once (batch_answer), or asks one or more partitions (batch_ask for
 * each part, then batch_end). batch_run sends each partition one message with all that is for it,
 * waits for all of them side by side, and writes the answers in the order of the commands. */
#ifndef KV_BATCH_H
#define KV_BATCH_H

#include "config.h"
#include "reply.h"

#include <coppice.h>

/* Makes the answer of a command out of the answers of its parts. None of them is an error: an error
 * is the answer of the command. */
typedef cop_term batch_finish(const cop_term *answers, size_t count);
batch_finish batch_first; /* all are the same, as the ok of MSET */

struct batch_slot {
    batch_finish *finish; /* NULL: the answer of the only part is the answer */
    size_t parts;         /* 0: answered at once */
    cop_term answer;
};

struct batch_part {
    size_t partition;
    cop_term term; /* the command; when it has been run, the answer */
};

struct batch {
    struct batch_slot *slots; /* process memory, that grows and is used again */
    struct batch_part *parts;
    size_t slots_count, slots_max, parts_count, parts_max;
    size_t parts_open;                  /* parts of the command that has no batch_end yet */
    cop_pid partitions[PARTITIONS_MAX]; /* as last seen; id 0: look it up */
};

void batch_answer(struct batch *batch, cop_term answer);
void batch_ask(struct batch *batch, size_t partition, cop_term command);
void batch_end(struct batch *batch, batch_finish *finish);
void batch_run(struct batch *batch, struct reply *reply);
/* Ask one partition now and wait: its answer, or an error. What is in the batch stays there. */
cop_term batch_ask_now(struct batch *batch, size_t partition, cop_term command);

#endif
