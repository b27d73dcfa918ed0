/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the tcp_echo benchmark, the same for every server: a single epoll thread with one
 * 64-byte request in flight on each connection. It warms up for 0.5 s, counts for 2 s, and prints
 * one line. Every answer is compared with its request. Where the server's pid is given, the line
 * also has the CPU time of the server for each request of the counted time.
 *
 *     tcp_load PORT CONNECTIONS [SERVER_PID [WARM_UP_MS COUNTED_MS]] */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_SIZE = 64, EVENTS_MAX = 512 };

/* Latencies go into buckets of 1/64 of a power of two, so that any number of them fits. */
enum { SUB_BITS = 6, BUCKETS = 64 << SUB_BITS };

struct connection {
    int fd;
    size_t received;   /* bytes of the answer so far */
    uint64_t sent_ns;  /* when the request in flight was sent */
    uint64_t sequence; /* of the request in flight; part of its bytes */
    uint64_t identity; /* the same in all requests of this connection */
    char answer[REQUEST_SIZE];
};

static uint64_t histogram[BUCKETS];

static void fail(const char *what)
{
    fprintf(stderr, "tcp_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;

    if (clock_gettime(clock, &time) != 0)
        fail("clock_gettime");
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static size_t bucket_of(uint64_t ns)
{
    if (ns < 1u << SUB_BITS)
        return (size_t)ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    unsigned shift = power - SUB_BITS;

    return ((size_t)(shift + 1) << SUB_BITS) + (size_t)((ns >> shift) & ((1u << SUB_BITS) - 1));
}

/* The middle of a bucket, in microseconds. */
static double bucket_us(size_t bucket)
{
    if (bucket < 1u << SUB_BITS)
        return (double)bucket / 1e3;
    unsigned shift = (unsigned)(bucket >> SUB_BITS) - 1;
    uint64_t base = (1u << SUB_BITS) + (bucket & ((1u << SUB_BITS) - 1));

    return ((double)base + 0.5) * (double)((uint64_t)1 << shift) / 1e3;
}

static double percentile_us(double part, uint64_t total)
{
    uint64_t wanted = (uint64_t)(part * (double)total), seen = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (seen > wanted)
            return bucket_us(i);
    }
    return 0;
}

/* A positive number from the command line. */
static long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*end != '\0' || value < 1) {
        fprintf(stderr, "tcp_load: not a positive number: %s\n", text);
        exit(2);
    }
    return value;
}

static void make_request(char *request, const struct connection *c)
{
    memset(request, 'x', REQUEST_SIZE);
    memcpy(request, &c->identity, sizeof c->identity);
    memcpy(request + sizeof c->identity, &c->sequence, sizeof c->sequence);
}

static void send_request(struct connection *c)
{
    char request[REQUEST_SIZE];

    c->sequence++;
    c->received = 0;
    make_request(request, c);
    c->sent_ns = clock_ns(CLOCK_MONOTONIC);
    /* With one request in flight the socket's buffer is empty, so 64 bytes always fit. */
    if (send(c->fd, request, sizeof request, MSG_NOSIGNAL) != REQUEST_SIZE)
        fail("send");
}

static void check_answer(const struct connection *c)
{
    char request[REQUEST_SIZE];

    make_request(request, c);
    if (memcmp(request, c->answer, sizeof request) != 0) {
        fprintf(stderr, "tcp_load: connection %llu: the answer is not the request\n",
            (unsigned long long)c->identity);
        exit(1);
    }
}

static void open_connection(struct connection *c, int port, int poller)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    int yes = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        fail("socket");
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        fail("setsockopt");
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl");
}

/* Takes answers and sends the next requests until end_ns; returns the number of answers. */
static uint64_t run_until(uint64_t end_ns, int poller, bool counting)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t answers = 0;

    while (clock_ns(CLOCK_MONOTONIC) < end_ns) {
        int ready = epoll_wait(poller, events, EVENTS_MAX, 100);

        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            ssize_t size = recv(c->fd, c->answer + c->received, REQUEST_SIZE - c->received, 0);

            if (size <= 0)
                fail(size == 0 ? "the server closed a connection" : "recv");
            c->received += (size_t)size;
            if (c->received < REQUEST_SIZE)
                continue;
            check_answer(c);
            if (counting)
                histogram[bucket_of(clock_ns(CLOCK_MONOTONIC) - c->sent_ns)]++;
            answers++;
            send_request(c);
        }
    }
    return answers;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: tcp_load PORT CONNECTIONS [SERVER_PID [WARM_UP_MS COUNTED_MS]]\n");
        return 2;
    }
    int port = (int)number(argv[1]), connections = (int)number(argv[2]);
    pid_t server = argc > 3 ? (pid_t)number(argv[3]) : 0;
    uint64_t warm_up_ns = (uint64_t)(argc > 5 ? number(argv[4]) : 500) * 1000000;
    uint64_t counted_ns = (uint64_t)(argc > 5 ? number(argv[5]) : 2000) * 1000000;
    struct connection *all = calloc((size_t)connections, sizeof *all);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct rlimit files;
    clockid_t server_clock = CLOCK_MONOTONIC;

    if (all == NULL || poller < 0)
        fail("start");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (server != 0 && (errno = clock_getcpuclockid(server, &server_clock)) != 0)
        fail("clock_getcpuclockid");
    for (int i = 0; i < connections; i++) {
        all[i].identity = (uint64_t)i;
        open_connection(&all[i], port, poller);
    }
    for (int i = 0; i < connections; i++)
        send_request(&all[i]);

    run_until(clock_ns(CLOCK_MONOTONIC) + warm_up_ns, poller, false);

    uint64_t cpu = clock_ns(server_clock), own_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    uint64_t n = run_until(start + counted_ns, poller, true);
    uint64_t end = clock_ns(CLOCK_MONOTONIC);

    cpu = clock_ns(server_clock) - cpu;
    own_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_cpu;
    if (n == 0) {
        fprintf(stderr, "tcp_load: no answer in the counted time\n");
        return 1;
    }
    double seconds = (double)(end - start) / 1e9;

    printf(
        "benchmark=tcp_echo connections=%d n=%llu seconds=%.6f rate=%.1f p50_us=%.1f p99_us=%.1f",
        connections, (unsigned long long)n, seconds, (double)n / seconds, percentile_us(0.5, n),
        percentile_us(0.99, n));
    printf(" client_cpu_us=%.3f", (double)own_cpu / 1e3 / (double)n);
    if (server != 0)
        printf(" server_cpu_us=%.3f", (double)cpu / 1e3 / (double)n);
    printf("\n");
    return 0;
}
