/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated network in time: what arrives when, what is cut or held up, and what the poller is
 * told. Layer 0.
 *
 * From a node to one that it is split from nothing passes, neither bytes nor the end of a
 * connection, and nobody is told: as on a network that loses all packets. What was sent meanwhile
 * arrives when it is whole again, as what is sent once more would. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/choose.h"
#include "base/clock.h"
#include "base/network_int.h"

enum { DELAY_MAX_MS = 5 };

#define net cop__net_memory

/* --- What is on its way --------------------------------------------------------------------------
 */

void cop__network_delays(int64_t max_ms)
{
    if (net)
        net->delay_max_ms = max_ms > 0 ? max_ms : DELAY_MAX_MS;
}

/* 0 is at once. */
uint64_t cop__net_arrival(void)
{
    uint64_t delay_ms = cop__choose(COP__CHOOSE_NET, 3)
                            ? cop__choose(COP__CHOOSE_NET, (uint32_t)net->delay_max_ms + 1)
                            : 0;

    return cop__clock_now_ns() + delay_ms * 1000000;
}

uint64_t cop__net_passes_ns(const struct cop__end *end)
{
    uint64_t now_ns = cop__clock_now_ns(),
             until_ns = end->connected ? net->split_until_ns[end->peer_node][end->node] : 0;

    return until_ns > now_ns ? until_ns : now_ns;
}

void cop__net_end_comes(struct cop__end *peer)
{
    uint64_t at_ns = cop__net_arrival();

    peer->end_ns = at_ns < peer->last_ns ? peer->last_ns : at_ns;
}

/* Not behind what was sent before, which it may overtake. */
void cop__net_reset_comes(struct cop__end *peer)
{
    peer->reset_ns = cop__net_arrival();
}

static void give_up(struct cop__end *end, int error)
{
    end->error = error;
    end->news |= EPOLLIN | EPOLLERR | EPOLLHUP;
}

static void reset(struct cop__end *end)
{
    end->peer = -1;
    end->held = end->seen = 0;
    end->piece_count = 0;
    end->end_ns = end->reset_ns = end->connect_ns = 0;
    end->ended = true;
    give_up(end, ECONNRESET);
}

void cop__net_advance(struct cop__end *end)
{
    uint64_t now_ns = cop__clock_now_ns();
    int done = 0;

    if (end->give_up_ns && end->give_up_ns <= now_ns) {
        end->give_up_ns = 0;
        give_up(end, ETIMEDOUT);
    }
    if (cop__net_passes_ns(end) > now_ns)
        return;
    if (end->connect_ns && end->connect_ns <= now_ns) {
        end->connect_ns = 0;
        end->news |= EPOLLOUT;
    }
    if (end->reset_ns && end->reset_ns <= now_ns) {
        reset(end);
        return;
    }
    while (done < end->piece_count && end->pieces[done].at_ns <= now_ns) {
        end->seen += end->pieces[done++].size;
        end->news |= EPOLLIN;
    }
    end->piece_count -= done;
    memmove(end->pieces, end->pieces + done, (size_t)end->piece_count * sizeof *end->pieces);
    if (end->end_ns && end->end_ns <= now_ns) {
        end->end_ns = 0;
        end->ended = true;
        end->news |= EPOLLIN | EPOLLRDHUP;
    }
}

/* --- For those who wait --------------------------------------------------------------------------
 */

static uint64_t earlier_ns(uint64_t than_ns, uint64_t at_ns)
{
    return at_ns && at_ns < than_ns ? at_ns : than_ns;
}

static uint64_t due_ns(const struct cop__end *end)
{
    uint64_t passes_ns = cop__net_passes_ns(end), at_ns = UINT64_MAX;

    at_ns = earlier_ns(at_ns, end->connect_ns);
    at_ns = earlier_ns(at_ns, end->reset_ns);
    at_ns = earlier_ns(at_ns, end->end_ns);
    if (end->piece_count)
        at_ns = earlier_ns(at_ns, end->pieces[0].at_ns);
    if (at_ns < passes_ns)
        at_ns = passes_ns;
    return earlier_ns(at_ns, end->give_up_ns);
}

uint64_t cop__network_due_ns(int node)
{
    uint64_t first_ns = UINT64_MAX;

    for (int i = 0; net && i < net->top; i++)
        if (net->ends[i].used && net->ends[i].node == node)
            first_ns = earlier_ns(first_ns, due_ns(&net->ends[i]));
    return first_ns;
}

/* The next end of the node that has something to tell, from *at on. */
static struct cop__end *next_with_news(int node, int *at)
{
    while (*at < net->top) {
        struct cop__end *end = &net->ends[(*at)++];

        if (!end->used || end->node != node)
            continue;
        cop__net_advance(end);
        if (end->registered && end->news)
            return end;
    }
    return NULL;
}

bool cop__network_has_news_for(int node)
{
    int at = 0;

    return __builtin_expect(net != NULL, 0) && next_with_news(node, &at);
}

bool cop__network_has_news(void)
{
    return __builtin_expect(net != NULL, 0) && cop__network_has_news_for(cop__world_self());
}

int cop__network_events(struct cop__poll_event *ret_events, int max)
{
    struct cop__end *end;
    int count = 0, at = 0;

    if (__builtin_expect(!net, 1))
        return 0;
    while (count < max && (end = next_with_news(cop__world_self(), &at)) != NULL) {
        ret_events[count++] = (struct cop__poll_event){ end->data, end->news };
        end->news = 0;
    }
    return count;
}

/* --- Faults --------------------------------------------------------------------------------------
 */

bool cop__network_cut(void)
{
    uint32_t count = 0;
    uint32_t chosen;

    for (int i = 0; net && i < net->top; i++)
        count += net->ends[i].used && net->ends[i].peer > i;
    if (!count)
        return false;
    chosen = cop__choose(COP__CHOOSE_NET, count);
    for (int i = 0; i < net->top; i++) {
        if (!net->ends[i].used || net->ends[i].peer <= i || chosen--)
            continue;
        reset(&net->ends[net->ends[i].peer]);
        reset(&net->ends[i]);
        break;
    }
    return true;
}

void cop__network_split(int from, int to, uint64_t until_ns)
{
    if (net)
        net->split_until_ns[from][to] = until_ns;
}

bool cop__net_are_split(int node, int other)
{
    uint64_t now_ns = cop__clock_now_ns();

    return net->split_until_ns[node][other] > now_ns || net->split_until_ns[other][node] > now_ns;
}
