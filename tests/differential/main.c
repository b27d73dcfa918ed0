/* SPDX-License-Identifier: Apache-2.0 */
/* scenario FILE.scn: carries out the scenarios of a file and prints their outcomes.
 *
 * Families without processes run on the thread of main, where terms may be deep; the others each in
 * a node of their own. */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "puppet.h"
#include "scenario.h"

/* --- The lines of a step -----------------------------------------------------------------------
 */

struct line {
    char *text;
    const char *owner; /* of which it is not seen when that one ends; NULL: nobody */
};

static struct line *lines;
static size_t line_count, line_room;
static const char **ended; /* in this step */
static size_t ended_count, ended_room;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* puppets say things too */
static char scenario_id[128];
static char step_text[128];

static void add_line(const char *owner, const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        abort();
    pthread_mutex_lock(&lock);
    if (line_count == line_room) {
        line_room = line_room ? 2 * line_room : 64;
        lines = realloc(lines, line_room * sizeof *lines);
    }
    lines[line_count++] = (struct line){ text, owner };
    pthread_mutex_unlock(&lock);
}

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_line(NULL, format, args);
    va_end(args);
}

void say_of(const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_line(name, format, args);
    va_end(args);
}

void has_ended(const char *name)
{
    pthread_mutex_lock(&lock);
    if (ended_count == ended_room) {
        ended_room = ended_room ? 2 * ended_room : 16;
        ended = realloc(ended, ended_room * sizeof *ended);
    }
    ended[ended_count++] = name;
    pthread_mutex_unlock(&lock);
}

static bool has_seen_end(const char *name)
{
    for (size_t i = 0; name && i < ended_count; i++)
        if (strcmp(ended[i], name) == 0)
            return true;
    return false;
}

struct counter {
    struct counter *next;
    int count;
    char text[];
};
static struct counter *counters;

int next_number(const char *what, const char *of)
{
    struct counter *counter;
    size_t room = strlen(what) + strlen(of) + 2;
    char text[room];
    int count;

    snprintf(text, room, "%s %s", what, of);
    pthread_mutex_lock(&lock);
    for (counter = counters; counter && strcmp(counter->text, text) != 0;)
        counter = counter->next;
    if (!counter) {
        counter = malloc(sizeof *counter + room);
        counter->count = 0;
        memcpy(counter->text, text, room);
        counter->next = counters;
        counters = counter;
    }
    count = ++counter->count;
    pthread_mutex_unlock(&lock);
    return count;
}

static void forget_counters(void)
{
    while (counters) {
        struct counter *counter = counters;

        counters = counter->next;
        free(counter);
    }
}

void give_up(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "scenario: %s, step %s: ", scenario_id, step_text);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

static int by_bytes(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return strcmp(x->text, y->text);
}

static void print_lines(const char *number)
{
    if (line_count)
        qsort(lines, line_count, sizeof *lines, by_bytes);
    for (size_t i = 0; i < line_count; i++) {
        if (!has_seen_end(lines[i].owner))
            printf("%s %s\n", number, lines[i].text);
        free(lines[i].text);
    }
    line_count = ended_count = 0;
    forget_counters();
}

/* --- Scenarios ---------------------------------------------------------------------------------
 */

struct scenario {
    char family[32];
    char **steps; /* lines; a batch's commands follow their step */
    size_t count, room;
};

static struct scenario scenario;

static bool is_plain(void)
{
    static const char *const families[] = { "mspec", "order", "etf", "etfbad" };

    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(scenario.family, families[i]) == 0)
            return true;
    return false;
}

bool is_library(void)
{
    return strcmp(scenario.family, "library") == 0;
}

static void keep_step(const char *line)
{
    if (scenario.count == scenario.room) {
        scenario.room = scenario.room ? 2 * scenario.room : 64;
        scenario.steps = realloc(scenario.steps, scenario.room * sizeof *scenario.steps);
    }
    scenario.steps[scenario.count++] = strdup(line);
}

/* A line as words, in place. */
static struct command words_of(char *line)
{
    size_t count = 1;
    struct command command = { NULL, 0 };
    char *rest;

    for (const char *at = line; *at; at++)
        count += *at == ' ';
    command.words = malloc((count + 1) * sizeof *command.words);
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        command.words[command.count++] = word;
    if (command.count < 2)
        give_up("a step without a command");
    command.words++; /* the number, or + */
    command.count--;
    return command;
}

static void run_step(char **step_lines, size_t count)
{
    struct command *commands = malloc(count * sizeof *commands);

    for (size_t i = 0; i < count; i++)
        commands[i] = words_of(step_lines[i]);
    snprintf(step_text, sizeof step_text, "%s %s", commands->words[-1], commands->words[0]);
    if (!(is_plain() ? plain_command(commands) : proc_command(commands, commands + 1, count - 1)))
        give_up("an unknown command");
    print_lines(commands->words[-1]);
    cop_turn_end();
    for (size_t i = 0; i < count; i++)
        free(commands[i].words - 1);
    free(commands);
}

static int run_steps(int argc, char **argv)
{
    (void)argc, (void)argv;
    if (!is_plain()) {
        cop_log_set_level(COP_LOG_EMERGENCY);
        begin_watching();
    }
    for (size_t i = 0, end; i < scenario.count; i = end) {
        for (end = i + 1; end < scenario.count && scenario.steps[end][0] == '+'; end++)
            ;
        run_step(scenario.steps + i, end - i);
    }
    return 0;
}

static void run_scenario(void)
{
    if (is_plain())
        run_steps(0, NULL);
    else
        cop_run_main_with(run_steps, 0, NULL, &(struct cop_options){ .virtual_time = true });
    for (size_t i = 0; i < scenario.count; i++)
        free(scenario.steps[i]);
    scenario.count = 0;
    forget_names();
    forget_definitions();
    forget_machines();
}

static void take_line(char *line)
{
    if (strncmp(line, "scn ", 4) == 0) {
        snprintf(scenario_id, sizeof scenario_id, "%s", line + 4);
        puts(line);
    } else if (strncmp(line, "family ", 7) == 0) {
        snprintf(scenario.family, sizeof scenario.family, "%s", line + 7);
    } else if (strcmp(line, "end") == 0) {
        run_scenario();
        puts(line);
    } else if ((line[0] >= '0' && line[0] <= '9') || line[0] == '+') {
        keep_step(line);
    } else if (strncmp(line, "tags ", 5) != 0) {
        struct command command = words_of(line);

        command.words--; /* a definition has no number */
        command.count++;
        if (!define(&command) && !define_statem(&command))
            give_up("an unknown definition: %s", command.words[0]);
        free(command.words);
    }
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t size;

    if (!file) {
        fprintf(stderr, "usage: scenario FILE.scn\n");
        return 2;
    }
    make_known_atoms();
    while ((size = getline(&line, &room, file)) > 0) {
        if (line[size - 1] == '\n')
            line[size - 1] = 0;
        take_line(line);
    }
    free(line);
    free(scenario.steps);
    fclose(file);
    return 0;
}
