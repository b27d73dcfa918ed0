/* SPDX-License-Identifier: Apache-2.0 */
/* One message for each partition and batch: the cost of a message is shared by the commands of a
 * pipeline, and the partitions work side by side. A command keeps its place among those of its
 * connection: a partition runs them in the order sent, and answers are written in the order asked.
 */
#include "batch.h"
#include "partitions.h"

#include <assert.h>
#include <string.h>

/* A partition that lives but does not answer for so long gives an error. */
enum { PARTITION_TIMEOUT_MS = 5000, ROOM_KEPT_MAX = 1024 };

static void *grow(void *old, size_t *max, size_t item_size)
{
    size_t room = *max ? 2 * *max : 8;
    void *items = cop_alloc(room * item_size);

    if (*max)
        memcpy(items, old, *max * item_size);
    cop_free(old);
    *max = room;
    return items;
}

static struct batch_slot *new_slot(struct batch *batch)
{
    if (batch->slots_count == batch->slots_max)
        batch->slots = grow(batch->slots, &batch->slots_max, sizeof *batch->slots);
    return &batch->slots[batch->slots_count++];
}

void batch_answer(struct batch *batch, cop_term answer)
{
    *new_slot(batch) = (struct batch_slot){ .answer = answer };
}

void batch_ask(struct batch *batch, size_t partition, cop_term command)
{
    if (batch->parts_count == batch->parts_max)
        batch->parts = grow(batch->parts, &batch->parts_max, sizeof *batch->parts);
    batch->parts[batch->parts_count++] = (struct batch_part){ partition, command };
    batch->parts_open++;
}

void batch_end(struct batch *batch, batch_finish *finish)
{
    *new_slot(batch) = (struct batch_slot){ .finish = finish, .parts = batch->parts_open };
    batch->parts_open = 0;
}

/* --- To a partition and back ----------------------------------------------------------------- */

static bool find(cop_pid *ret_pid, struct batch *batch, size_t partition)
{
    if (!batch->partitions[partition].id &&
        !partition_find(&batch->partitions[partition], partition))
        return false;
    *ret_pid = batch->partitions[partition];
    return true;
}

/* Why a partition gave no answers, as the answer to each command it should have run. */
static cop_term no_answer(size_t partition, cop_term reason)
{
    if (cop_match(reason, "timeout"))
        return answer_errorf("ERR partition %zu did not answer in time", partition);
    if (cop_match(reason, "noproc"))
        return answer_errorf("ERR partition %zu is being restarted, try again", partition);
    return answer_errorf("ERR partition %zu restarted while it had this command", partition);
}

/* Call the partition with a list of commands. *ret_answers is their answers, or the one error. */
static bool call(cop_term *ret_answers, struct batch *batch, size_t partition, cop_term commands)
{
    cop_term request = cop("{run, Commands}", commands), reply = cop("noproc");
    cop_pid pid;

    /* noproc says that nobody got the request, so it may be sent again, to the successor. */
    for (int attempt = 0; attempt < 2 && find(&pid, batch, partition); attempt++) {
        if (cop_try_call(&reply, pid, request, .timeout_ms = PARTITION_TIMEOUT_MS)) {
            *ret_answers = reply;
            return true;
        }
        batch->partitions[partition].id = 0;
        if (!cop_match(reply, "noproc"))
            break;
    }
    *ret_answers = no_answer(partition, reply);
    return false;
}

cop_term batch_ask_now(struct batch *batch, size_t partition, cop_term command)
{
    cop_term answers, answer;

    if (!call(&answers, batch, partition, cop_list(&command, 1)))
        return answers;
    cop_must(cop_list_next(&answer, &answers));
    return answer;
}

/* What is for one partition. */
struct share {
    cop_term commands; /* the list; none: nothing is */
    cop_ref request;   /* on its way; id 0: not sent */
    cop_term answers;  /* a list, or the one error */
    bool done;
};

static void receive(struct batch *batch, size_t partition, struct share *share)
{
    cop_term reply, reason;

    switch (cop_receive_response(&reply, share->request, PARTITION_TIMEOUT_MS)) {
    case COP_RESPONSE:
        share->answers = reply;
        share->done = true;
        return;
    case COP_RESPONSE_ERROR:
        batch->partitions[partition].id = 0;
        if (!cop_match(reply, "{Reason, _}", &reason))
            reason = reply;
        if (cop_match(reason, "noproc"))
            share->done = call(&share->answers, batch, partition, share->commands);
        else
            share->answers = no_answer(partition, reason);
        return;
    default:
        share->answers = no_answer(partition, cop("timeout"));
        return;
    }
}

static void send_and_wait(struct batch *batch, struct share *shares)
{
    for (size_t i = 0; i < (size_t)config.partitions; i++) {
        cop_pid pid;

        if (!cop_is_none(shares[i].commands) && find(&pid, batch, i))
            shares[i].request = cop_send_request(pid, cop("{run, Commands}", shares[i].commands));
    }
    for (size_t i = 0; i < (size_t)config.partitions; i++) {
        if (cop_is_none(shares[i].commands))
            continue;
        if (shares[i].request.id)
            receive(batch, i, &shares[i]);
        else
            shares[i].done = call(&shares[i].answers, batch, i, shares[i].commands);
    }
}

/* Give each part its answer in place of its command. */
static void run_parts(struct batch *batch)
{
    struct share shares[PARTITIONS_MAX];
    size_t concerned = 0;

    memset(shares, 0, (size_t)config.partitions * sizeof *shares);
    for (size_t i = batch->parts_count; i-- > 0;) {
        struct share *share = &shares[batch->parts[i].partition];

        if (cop_is_none(share->commands)) {
            concerned++;
            share->commands = cop_nil();
        }
        share->commands = cop_cons(batch->parts[i].term, share->commands);
    }
    if (concerned == 1) {
        size_t only = batch->parts[0].partition;

        shares[only].done = call(&shares[only].answers, batch, only, shares[only].commands);
    } else {
        send_and_wait(batch, shares);
    }
    for (size_t i = 0; i < batch->parts_count; i++) {
        struct share *share = &shares[batch->parts[i].partition];

        if (share->done)
            cop_must(cop_list_next(&batch->parts[i].term, &share->answers));
        else
            batch->parts[i].term = share->answers;
    }
}

/* --- Answers --------------------------------------------------------------------------------- */

cop_term batch_first(const cop_term *answers, size_t count)
{
    (void)count;
    return answers[0];
}

static cop_term finish(const struct batch_slot *slot, const struct batch_part *parts)
{
    cop_term *answers = cop_alloc(slot->parts * sizeof *answers), answer;

    for (size_t i = 0; i < slot->parts; i++) {
        answers[i] = parts[i].term;
        if (answer_is_error(answers[i])) {
            answer = answers[i];
            goto out;
        }
    }
    answer = slot->finish(answers, slot->parts);
out:
    cop_free(answers);
    return answer;
}

static void clear(struct batch *batch)
{
    if (batch->parts_max > ROOM_KEPT_MAX) {
        cop_free(batch->parts);
        batch->parts = NULL;
        batch->parts_max = 0;
    }
    batch->slots_count = batch->parts_count = 0;
}

void batch_run(struct batch *batch, struct reply *reply)
{
    const struct batch_part *part;

    assert(batch->parts_open == 0);
    if (batch->parts_count)
        run_parts(batch);
    part = batch->parts;
    for (size_t i = 0; i < batch->slots_count; i++) {
        const struct batch_slot *slot = &batch->slots[i];

        if (!slot->parts)
            reply_term(reply, slot->answer);
        else if (!slot->finish)
            reply_term(reply, part->term);
        else
            reply_term(reply, finish(slot, part));
        part += slot->parts;
    }
    clear(batch);
}
