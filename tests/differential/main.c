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
#include "scenario.h"

/* --- The lines of a step -----------------------------------------------------------------------
 */

static char **lines;
static size_t line_count, line_room;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char scenario_id[128];
static char step_text[128];

void say(const char *format, ...)
{
    va_list args;
    char *line;

    va_start(args, format);
    if (vasprintf(&line, format, args) < 0)
        abort();
    va_end(args);
    pthread_mutex_lock(&lock);
    if (line_count == line_room) {
        line_room = line_room ? 2 * line_room : 64;
        lines = realloc(lines, line_room * sizeof *lines);
    }
    lines[line_count++] = line;
    pthread_mutex_unlock(&lock);
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
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_lines(const char *number)
{
    if (line_count)
        qsort(lines, line_count, sizeof *lines, by_bytes);
    for (size_t i = 0; i < line_count; i++) {
        printf("%s %s\n", number, lines[i]);
        free(lines[i]);
    }
    line_count = 0;
}

/* --- Scenarios ---------------------------------------------------------------------------------
 */

struct scenario {
    char family[32];
    char **steps; /* lines; a batch's commands follow their step */
    size_t count, room;
};

static struct scenario scenario;

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
    static char *words[WORDS_MAX];
    struct command command = { words, 0 };
    char *rest;

    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (command.count == WORDS_MAX)
            give_up("more than %d words", WORDS_MAX);
        words[command.count++] = word;
    }
    return command;
}

static void run_step(char *line)
{
    struct command command = words_of(line);

    if (command.count < 2)
        give_up("a step without a command");
    snprintf(step_text, sizeof step_text, "%s %s", command.words[0], command.words[1]);
    command.words++;
    command.count--;
    if (!plain_command(&command))
        give_up("an unknown command");
    print_lines(command.words[-1]);
    cop_turn_end();
}

static void run_scenario(void)
{
    for (size_t i = 0; i < scenario.count; i++) {
        run_step(scenario.steps[i]);
        free(scenario.steps[i]);
    }
    scenario.count = 0;
    forget_names();
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
    } else if (line[0] >= '0' && line[0] <= '9') {
        keep_step(line);
    } else if (strncmp(line, "tags ", 5) != 0) {
        give_up("an unknown definition: %s", line);
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
