/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of tasks (TSK-33 to TSK-47). Layer 5. The consumer starts a task for each element itself,
 * at most so many at a time, whenever it is asked for the next result. A place holds an element
 * that runs, or has its result and waits for its turn. */
#include <coppice/runtime.h>

#include "otp/task_int.h"

enum { TIMEOUT_MS = 5000 };

enum state { FREE, RUNNING, DONE };

struct place {
    enum state state;
    cop_task task;
    int64_t number;      /* of the element */
    int64_t deadline_ms; /* COP_INFINITY: none */
    cop_term input;      /* kept, if it is to be shown */
    cop_term result;     /* kept */
};

struct cop_task_stream {
    struct cop_task_stream_options options;
    cop_task_fn *fn;
    cop_term list; /* kept */
    cop_term rest; /* of it: where the next element is */
    struct place *places;
    size_t place_count, running, running_max;
    size_t held; /* places that are not free */
    int64_t begun, given;
};

cop_task_stream *cop_task_stream_with(
    cop_term list, cop_task_fn *fn, const struct cop_task_stream_options *options)
{
    struct cop_node_statistics statistics;
    cop_task_stream *stream;

    if (!cop_is_proper_list(list) || options->max_concurrency < 0 ||
        (options->timeout_ms < COP_INFINITY && options->timeout_ms != COP_AT_ONCE))
        cop_error(cop("{badarg, task_stream}"));
    stream = cop_alloc(sizeof *stream);
    stream->options = *options;
    stream->fn = fn;
    cop_keep(&stream->list, list);
    stream->rest = stream->list;
    cop_statistics(&statistics);
    stream->running_max =
        options->max_concurrency ? (size_t)options->max_concurrency : statistics.schedulers;
    return stream;
}

static int64_t timeout_of(const cop_task_stream *stream)
{
    int64_t timeout_ms = stream->options.timeout_ms;

    return timeout_ms == 0 ? TIMEOUT_MS : timeout_ms == COP_AT_ONCE ? 0 : timeout_ms;
}

static void more_places(cop_task_stream *stream)
{
    size_t count = stream->place_count ? 2 * stream->place_count : stream->running_max;
    struct place *places = cop_alloc(count * sizeof *places);

    for (size_t i = 0; i < stream->place_count; i++)
        places[i] = stream->places[i];
    if (stream->places)
        cop_free(stream->places);
    stream->places = places;
    stream->place_count = count;
}

static struct place *free_place(cop_task_stream *stream)
{
    if (stream->held == stream->place_count)
        more_places(stream);
    for (size_t i = 0; i < stream->place_count; i++)
        if (stream->places[i].state == FREE)
            return &stream->places[i];
    return NULL;
}

static void begin_place(cop_task_stream *stream, struct place *place, cop_term element)
{
    int64_t timeout_ms = timeout_of(stream);

    *place = (struct place){ .state = RUNNING, .number = stream->begun++ };
    place->deadline_ms =
        timeout_ms == COP_INFINITY ? COP_INFINITY : cop_monotonic_ms() + timeout_ms;
    if (stream->options.zip_input_on_exit)
        cop_keep(&place->input, element);
    if (cop_dest_kind_of(stream->options.supervisor) == COP_DEST_NONE)
        place->task = cop__task_async(stream->fn, element, !stream->options.no_link);
    else
        place->task = cop__task_async_under(stream->options.supervisor, stream->fn, element,
            !stream->options.no_link, stream->options.shutdown_ms);
    stream->running++;
    stream->held++;
}

/* As many as may run. Results that wait for their turn do not keep others from running (TSK-36). */
static void begin_more(cop_task_stream *stream)
{
    cop_term element;

    while (stream->running < stream->running_max && cop_list_next(&element, &stream->rest))
        begin_place(stream, free_place(stream), element);
}

static void finish_place(cop_task_stream *stream, struct place *place, cop_term result)
{
    place->state = DONE;
    stream->running--;
    cop_keep(&place->result, result);
}

static cop_term exit_result(const cop_task_stream *stream, const struct place *place, cop_term why)
{
    return stream->options.zip_input_on_exit ? cop("{exit, {Input, Why}}", place->input, why)
                                             : cop("{exit, Why}", why);
}

/* Nothing of the task is left: no 'EXIT' of it either, where the consumer traps exits. */
static void flush_exit(const cop_task_stream *stream, cop_task task)
{
    if (stream->options.no_link)
        return;
    cop_unlink(task.pid);
    cop_receive_match_within(0, "{'EXIT', Pid, _}", task.pid);
}

static void kill_place(cop_task_stream *stream, struct place *place)
{
    cop_term value;

    cop_task_shutdown(&value, place->task, COP_BRUTAL_KILL);
    flush_exit(stream, place->task);
}

void cop_task_stream_free(cop_task_stream *stream)
{
    if (!stream)
        return;
    for (size_t i = 0; i < stream->place_count; i++) {
        struct place *place = &stream->places[i];

        if (place->state == RUNNING)
            kill_place(stream, place);
        cop_keep_clear(&place->input);
        cop_keep_clear(&place->result);
    }
    cop_keep_clear(&stream->list);
    if (stream->places)
        cop_free(stream->places);
    cop_free(stream);
}

static COP_NORETURN void timed_out(cop_task_stream *stream)
{
    cop_term timeout = cop_int(timeout_of(stream));

    for (size_t i = 0; i < stream->place_count; i++)
        if (stream->places[i].state == RUNNING) {
            kill_place(stream, &stream->places[i]);
            stream->places[i].state = FREE;
        }
    cop_exit(cop("{timeout, {'Elixir.Task.Supervised', stream, [Timeout]}}", timeout)); /* TSK-39 */
}

/* Whose time has passed; the nearest end of another's time. */
static int64_t check_times(cop_task_stream *stream)
{
    int64_t now_ms = cop_monotonic_ms(), nearest_ms = COP_INFINITY;

    for (size_t i = 0; i < stream->place_count; i++) {
        struct place *place = &stream->places[i];

        if (place->state != RUNNING || place->deadline_ms == COP_INFINITY)
            continue;
        if (place->deadline_ms <= now_ms) {
            if (!stream->options.kill_on_timeout)
                timed_out(stream);
            kill_place(stream, place);
            finish_place(stream, place, exit_result(stream, place, cop("timeout")));
        } else if (nearest_ms == COP_INFINITY || place->deadline_ms - now_ms < nearest_ms) {
            nearest_ms = place->deadline_ms - now_ms;
        }
    }
    return nearest_ms;
}

static struct place *place_of(cop_task_stream *stream, cop_ref ref)
{
    for (size_t i = 0; i < stream->place_count; i++)
        if (stream->places[i].state == RUNNING && stream->places[i].task.ref.id == ref.id)
            return &stream->places[i];
    return NULL;
}

/* One message of a task that runs, or the end of somebody's time. */
static void wait_for_one(cop_task_stream *stream)
{
    int64_t wait_ms = check_times(stream);
    cop_receive_scan scan;
    cop_term message, value;
    cop_ref ref;

    if (stream->running == 0)
        return;
    scan = cop_receive_begin(wait_ms);
    while (cop_receive_next(&message, &scan)) {
        bool is_down = cop_match(message, "{'DOWN', Ref, process, _, Value}", &ref, &value);
        struct place *place = is_down || cop_match(message, "{Ref, Value}", &ref, &value)
                                  ? place_of(stream, ref)
                                  : NULL;

        if (!place)
            continue;
        cop_receive_take(&scan);
        if (!is_down)
            cop_demonitor_flush(ref);
        flush_exit(stream, place->task);
        finish_place(
            stream, place, is_down ? exit_result(stream, place, value) : cop("{ok, Value}", value));
        return;
    }
}

/* The one whose turn it is. */
static struct place *ready_place(cop_task_stream *stream)
{
    for (size_t i = 0; i < stream->place_count; i++) {
        struct place *place = &stream->places[i];

        if (place->state == DONE && (stream->options.unordered || place->number == stream->given))
            return place;
    }
    return NULL;
}

bool cop_task_stream_next(cop_term *ret, cop_task_stream *stream)
{
    struct place *place;

    for (;;) {
        begin_more(stream);
        place = ready_place(stream);
        if (place)
            break;
        if (stream->held == 0)
            return false;
        wait_for_one(stream);
    }
    *ret = cop_copy(place->result);
    cop_keep_clear(&place->result);
    cop_keep_clear(&place->input);
    place->state = FREE;
    stream->held--;
    stream->given++;
    return true;
}

struct each {
    cop_task_stream *stream;
    cop_task_take_fn *take;
    void *arg;
};

static void run_each(void *arg)
{
    const struct each *each = arg;
    cop_term result;

    while (cop_task_stream_next(&result, each->stream) && each->take(result, each->arg))
        ;
}

void cop_task_stream_each(cop_term list, cop_task_fn *fn,
    const struct cop_task_stream_options *options, cop_task_take_fn *take, void *arg)
{
    static const struct cop_task_stream_options none;
    struct each each = { cop_task_stream_with(list, fn, options ? options : &none), take, arg };
    cop_term reason, stack;
    enum cop_class class = cop_try(run_each, &each, &reason, &stack);

    cop_task_stream_free(each.stream);
    if (class != COP_CLASS_NONE)
        cop_raise(class, reason, stack);
}
