/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter of scenarios (FORMAT.md): prints what a real BEAM prints for the same file. It
 * stands on the public headers alone.
 *
 * main.c reads scenarios and prints what steps have to say; text.c turns terms into the notation of
 * scenarios and back; each family of commands is a file of its own. */
#ifndef COP_DIFFERENTIAL_SCENARIO_H
#define COP_DIFFERENTIAL_SCENARIO_H

#include <coppice.h>
#include <stdio.h>

enum { WORDS_MAX = 4096 };

/* One command: its words, the first of which says what it is. */
struct command {
    char **words;
    size_t count;
};

/* Print a line of the step under way; lines are sorted when it ends. say_of: one that is not seen
 * when the process of this name ends in the same step. */
void say(const char *format, ...) COP_PRINTF(1, 2);
void say_of(const char *name, const char *format, ...) COP_PRINTF(2, 3);
void has_ended(const char *name);
/* The next number of something that is counted within a step: 001, 002... */
int next_number(const char *what, const char *of);
COP_NORETURN void give_up(const char *format, ...)
    COP_PRINTF(1, 2); /* the scenario makes no sense */

bool is_library(void); /* the family of the scenario under way */

/* --- text.c ------------------------------------------------------------------------------------
 */

cop_term term_of(const char *text);
/* As scenarios write terms; lives until the end of the turn. */
const char *text_of(cop_term term);
cop_bytes bytes_of_hex(const char *hex, size_t size);
const char *hex_of(cop_bytes bytes);

/* --- Families ----------------------------------------------------------------------------------
 */

void make_known_atoms(void);
bool plain_command(const struct command *command); /* plain.c: mspec order etf etfbad */
/* proc.c. batch: the commands of the step, when it is one. False: none of its. */
bool proc_command(const struct command *command, const struct command *batch, size_t batch_count);

#endif
