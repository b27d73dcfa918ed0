/* SPDX-License-Identifier: Apache-2.0 */
/* kv: a key-value server that speaks Redis's protocol. Reads the command line and runs the tree.
 *
 * Reading order: tree.c, listener.c, session.c, batch.c, store.c; then a command from the table at
 * the end of strings.c to its answer. */
#include "commands.h"
#include "config.h"
#include "hash.h"
#include "tree.h"

#include <getopt.h>
#include <stdlib.h>
#include <sys/random.h>

/* On SIGTERM clients get the answers to what has come from them, for so long at most. */
enum { DRAIN_MS = 2000 };

static const char usage[] =
    "usage: kv [OPTION...]\n"
    "A key-value server for Redis clients. Its data lives as long as the process.\n"
    "\n"
    "  --port N         listen on this TCP port (7379); 0: a free one\n"
    "  --bind ADDRESS   listen on this address (127.0.0.1, so only for this machine)\n"
    "  --partitions N   processes that share the keys, 1 to 64 (4)\n"
    "  --clients N      connections at the same time (10000)\n"
    "  --request-mb N   size of one command, in MB (64)\n"
    "  --help           this text\n"
    "  --version\n"
    "\n"
    "Beside Redis's commands: DEBUG CRASH crashes the process of your connection,\n"
    "DEBUG CRASH STORE N crashes partition N. Watch them come back.\n";

static int number(const char *option, const char *text, int min, int max)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*end || end == text || value < min || value > max) {
        fprintf(stderr, "kv: --%s %s: wants a number from %d to %d\n", option, text, min, max);
        exit(2);
    }
    return (int)value;
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        { "port", required_argument, NULL, 'p' },
        { "bind", required_argument, NULL, 'b' },
        { "partitions", required_argument, NULL, 'n' },
        { "clients", required_argument, NULL, 'c' },
        { "request-mb", required_argument, NULL, 'r' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            config.port = number("port", optarg, 0, 65535);
            break;
        case 'b':
            config.bind = optarg;
            break;
        case 'n':
            config.partitions = number("partitions", optarg, 1, PARTITIONS_MAX);
            break;
        case 'c':
            config.clients_max = number("clients", optarg, 1, 1000000);
            break;
        case 'r':
            config.request_size_max = (size_t)number("request-mb", optarg, 1, 1024) << 20;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        case 'v':
            printf("kv %s (Coppice %s)\n", KV_VERSION, cop_version());
            exit(0);
        default:
            fputs("Try kv --help\n", stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "kv: %s: no such argument; try kv --help\n", argv[optind]);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    uint64_t secret[2];

    read_options(argc, argv);
    if (getrandom(secret, sizeof secret, 0) == sizeof secret)
        hash_set_secret(secret[0], secret[1]);
    config.started_ms = cop_system_time_ms();
    commands_init();
    return cop_run_with(&kv, &(struct cop_options){ .drain_ms = DRAIN_MS });
}
