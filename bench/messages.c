/* SPDX-License-Identifier: Apache-2.0 */
/* Raw messages between plain processes: ping_pong, ring, big, chameneos, selective. */
#include "bench.h"

/* --- 1 ping_pong N -------------------------------------------------------------------------- */

static void pong_main(cop_term arg)
{
    cop_pid from;
    int64_t count = 0;

    (void)arg;
    for (;; cop_turn_end()) {
        cop_term message = cop_receive();

        if (cop_match(message, "{ping, From}", &from)) {
            count++;
            cop_send(from, cop("pong"));
        } else if (cop_match(message, "{count, From}", &from)) {
            cop_send(from, cop("{count, Count}", count));
        }
    }
}

static void ping(cop_pid peer, int64_t n)
{
    cop_pid self = cop_self();

    for (; n > 0; n--, cop_turn_end()) {
        cop_send(peer, cop("{ping, From}", self));
        cop_receive_match("pong");
    }
}

void bench_ping_pong(struct params params)
{
    int64_t n = param_number(params, 0), count;
    cop_pid peer = cop_spawn_link(pong_main, cop("[]"));
    struct watch watch = { 0 };

    ping(peer, n / 10);
    watch_start(&watch);
    ping(peer, n);
    watch_stop(&watch);
    cop_send(peer, cop("{count, From}", cop_self()));
    cop_receive_match("{count, Count}", &count);
    require(count == n + n / 10);
    report("ping_pong", n, &watch);
    report_end();
}

/* --- 6 ring A T H --------------------------------------------------------------------------- */

static void ring_main(cop_term arg)
{
    cop_pid reporter, next;
    int64_t id, hops;

    cop_must(cop_match(arg, "{Reporter, Id, Next}", &reporter, &id, &next));
    if (id < 0) { /* the last node, which was made first, hears later who comes after it */
        id = -id;
        cop_receive_match("{next, Next}", &next);
    }
    for (;; cop_turn_end()) {
        cop_must(cop_match(cop_receive(), "Hops", &hops));
        if (hops == 0)
            cop_send(reporter, cop("{token, Id}", id));
        else
            cop_send(next, cop("Hops", hops - 1));
    }
}

void bench_ring(struct params params)
{
    int64_t nodes = param_number(params, 0), tokens = param_number(params, 1);
    int64_t hops = param_number(params, 2) / tokens, id;
    cop_pid self = cop_self(), last, first;
    struct watch watch = { 0 };

    require(nodes > 1);
    last = first = cop_spawn_link(ring_main, cop("{Reporter, Id, Self}", self, 1 - nodes, self));
    for (int64_t i = nodes - 2; i >= 0; i--)
        first = cop_spawn_link(ring_main, cop("{Reporter, Id, Next}", self, i, first));
    cop_send(last, cop("{next, First}", first));
    cop_turn_end();

    watch_start(&watch);
    for (int64_t i = 0; i < tokens; i++)
        cop_send(first, cop("Hops", hops));
    for (int64_t i = 0; i < tokens; i++, cop_turn_end()) {
        cop_receive_match("{token, Id}", &id);
        require(id == hops % nodes);
    }
    watch_stop(&watch);
    report("ring", hops * tokens, &watch);
    report_end();
}

/* --- 7 big A M ------------------------------------------------------------------------------ */

/* Written before any process of the benchmark is told to go, read by all of them after it. */
static cop_pid *big_all;
static int64_t big_count;

static void big_main(cop_term arg)
{
    cop_pid reporter, from, self = cop_self();
    int64_t x, left, answered = 0;

    cop_must(cop_match(arg, "{Reporter, Seed, M}", &reporter, &x, &left));
    for (;; cop_turn_end()) {
        cop_term message = cop_receive();

        if (cop_match(message, "{ping, From}", &from)) {
            answered++;
            cop_send(from, cop("pong"));
            continue;
        }
        if (cop_match(message, "stop")) {
            cop_send(reporter, cop("{answered, Count}", answered));
            return;
        }
        /* pong, or the first go */
        if (cop_match(message, "pong") && --left == 0) {
            cop_send(reporter, cop("done"));
            continue;
        }
        x = next_random(x);
        cop_send(big_all[x % big_count], cop("{ping, From}", self));
    }
}

void bench_big(struct params params)
{
    int64_t count = param_number(params, 0), m = param_number(params, 1), answered, sum = 0;
    cop_pid self = cop_self();
    struct watch watch = { 0 };

    big_count = count;
    big_all = cop_alloc((size_t)count * sizeof *big_all);
    for (int64_t i = 0; i < count; i++)
        big_all[i] = cop_spawn_link(big_main, cop("{Reporter, Seed, M}", self, i + 1, m));
    cop_turn_end();

    watch_start(&watch);
    for (int64_t i = 0; i < count; i++)
        cop_send(big_all[i], cop("go"));
    for (int64_t i = 0; i < count; i++, cop_turn_end())
        cop_receive_match("done");
    watch_stop(&watch);

    for (int64_t i = 0; i < count; i++)
        cop_send(big_all[i], cop("stop"));
    for (int64_t i = 0; i < count; i++, cop_turn_end()) {
        cop_receive_match("{answered, Count}", &answered);
        sum += answered;
    }
    require(sum == count * m);
    report("big", sum, &watch);
    report_end();
}

/* --- 8 chameneos C N ------------------------------------------------------------------------ */

static int64_t complement(int64_t a, int64_t b)
{
    return a == b ? a : 3 - a - b;
}

static void creature_main(cop_term arg)
{
    cop_pid mall, self = cop_self();
    int64_t colour, other, met = 0;

    cop_must(cop_match(arg, "{Mall, Colour}", &mall, &colour));
    cop_receive_match("go");
    for (;; cop_turn_end()) {
        cop_send(mall, cop("{meet, Self, Colour}", self, colour));
        cop_term message = cop_receive();

        if (cop_match(message, "{other, Colour}", &other)) {
            colour = complement(colour, other);
            met++;
        } else {
            cop_send(mall, cop("{met, Count}", met));
            return;
        }
    }
}

static void mall(int64_t meetings)
{
    cop_pid first, second;
    int64_t first_colour, second_colour;

    for (; meetings > 0; meetings--, cop_turn_end()) {
        cop_must(cop_match(cop_receive(), "{meet, Pid, Colour}", &first, &first_colour));
        cop_must(cop_match(cop_receive(), "{meet, Pid, Colour}", &second, &second_colour));
        cop_send(first, cop("{other, Colour}", second_colour));
        cop_send(second, cop("{other, Colour}", first_colour));
    }
}

void bench_chameneos(struct params params)
{
    int64_t creatures = param_number(params, 0), n = param_number(params, 1), met, sum = 0;
    cop_pid *all = cop_alloc((size_t)creatures * sizeof *all);
    cop_pid pid;
    struct watch watch = { 0 };

    for (int64_t i = 0; i < creatures; i++)
        all[i] = cop_spawn_link(creature_main, cop("{Mall, Colour}", cop_self(), i % 3));
    watch_start(&watch);
    for (int64_t i = 0; i < creatures; i++)
        cop_send(all[i], cop("go"));
    mall(n);
    watch_stop(&watch);
    for (int64_t i = 0; i < creatures; i++, cop_turn_end()) {
        cop_receive_match("{meet, Pid, _}", &pid);
        cop_send(pid, cop("stop"));
    }
    for (int64_t i = 0; i < creatures; i++, cop_turn_end()) {
        cop_receive_match("{met, Count}", &met);
        sum += met;
    }
    require(sum == 2 * n);
    report("chameneos", n, &watch);
    report_end();
}

/* --- 11a selective B N ---------------------------------------------------------------------- */

void bench_selective(struct params params)
{
    int64_t backlog = param_number(params, 0), n = param_number(params, 1), queued;
    cop_pid self = cop_self(), peer = cop_spawn_link(pong_main, cop("[]"));
    struct watch watch = { 0 };

    for (int64_t i = 0; i < backlog; i++, cop_turn_end())
        cop_send(self, cop("{noise, I}", i));
    ping(peer, n / 10);
    watch_start(&watch);
    ping(peer, n);
    watch_stop(&watch);
    cop_must(cop_match(
        cop_process_info(self, "message_queue_len"), "{message_queue_len, Length}", &queued));
    require(queued == backlog);
    report("selective", n, &watch);
    report_end();
}
