/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of an isolated child say to each other, above the frames of the cluster: the
 * process that stands for it in the node (stand_in.c), and the first process of the part that it
 * runs in (inside.c). Layer 8, private.
 *
 *   to inside    {start, StandIn, Key, Code, Name, Module, Arg, Level}
 *                {Key, exit, From, Reason}        From: a pid, or parent
 *   to stand-in  {Key, started, Id, Info, []}     number of the process there; {ok, Info} or []
 *                {Key, failed, Reason, [], []}    Reason as its start function gave it
 *                {Key, ignore, [], [], []}
 *                {Key, log, Level, What, Metadata}   a report, or text as a binary
 *                {Key, ended, Reason, [], []}     the process, and what it had written is out
 *   Code         {Kind, Object, Process, Start, Context}: addresses, since both have the same code
 */
#ifndef COP_PROGRAM_PART_H
#define COP_PROGRAM_PART_H

#include "program/zygote.h"

#define COP__INSIDE_NAME "$inside"

enum { COP__PART_NAME_MAX = 32 };
void cop__part_name(char ret_name[COP__PART_NAME_MAX], uint32_t place); /* of its node */

int cop__inside_run(const struct cop__zygote_request *request, int connection);

#endif
