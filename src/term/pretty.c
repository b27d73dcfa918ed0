/* SPDX-License-Identifier: Apache-2.0 */
/* Terms over several lines, as ~p breaks them: TP-16. Layer 1.
 *
 * The text on one line comes first, with an outline of what stands where; breaking it is then a
 * matter of copying pieces and putting line ends between. Rules, as io_lib_pretty has them: what
 * fits into its line stays whole; elements without parts share lines, others begin a new one;
 * elements of a tagged tuple stand after the tag if there is room for all, else `tag_indent`
 * columns in. */
#include "term/outline.h"

#include "base/scratch.h"

enum { DEPTH_MAX = 40 }; /* of brackets; deeper ones are not broken, which bounds recursion */

struct pretty {
    const struct cop__text *line; /* the text on one line */
    const struct cop__outline_node *nodes;
    struct cop__text *out; /* NULL while trying an indentation */
    int columns;
    int characters_max; /* of one line, without its indentation: as many as there are */
    int tag_indent;     /* -1: after the tag */
    int depth;
    bool failed;
};

/* Where a run of parts is being written: the column it began in and is at now, the indentation of
 * its lines, characters of this line, and brackets that close after the run. */
struct run {
    int start, column, indent, width, closing;
};

static int lay_out(struct pretty *pretty, size_t at, struct run run);

static int length(const struct pretty *pretty, size_t at)
{
    const struct cop__outline_node *node = &pretty->nodes[at];
    int characters = 0;

    for (size_t i = node->from; i < node->to && characters < 1000000; i++)
        characters += (pretty->line->data[i] & 0xc0) != 0x80;
    return characters;
}

static bool is_leaf(const struct pretty *pretty, size_t at)
{
    return pretty->nodes[at].kind == COP__OUTLINE_LEAF;
}

static bool fits(const struct pretty *pretty, int length, const struct run *run)
{
    return length < pretty->columns - run->column - run->closing &&
           length + run->width + run->closing <= pretty->characters_max;
}

static void put(const struct pretty *pretty, const char *text)
{
    if (pretty->out)
        cop__text_puts(pretty->out, text);
}

static void put_range(const struct pretty *pretty, size_t from, size_t to)
{
    if (pretty->out)
        cop__text_put(pretty->out, pretty->line->data + from, to - from);
}

static void put_line_end(const struct pretty *pretty, int indent)
{
    put(pretty, "\n");
    if (pretty->out) {
        memset(cop__text_room(pretty->out, (size_t)indent), ' ', (size_t)indent);
        pretty->out->size += (size_t)indent;
    }
}

/* A part at the place of run; how far it comes: its length, or all of the line. */
static int lay_out_part(struct pretty *pretty, size_t at, struct run run)
{
    int size = length(pretty, at);

    if (is_leaf(pretty, at) && fits(pretty, size, &run)) {
        put_range(pretty, pretty->nodes[at].from, pretty->nodes[at].to);
        return size;
    }
    lay_out(pretty, at, run);
    return pretty->columns;
}

/* A key and its value. */
static int lay_out_pair(struct pretty *pretty, size_t key, struct run run)
{
    size_t value = pretty->nodes[key].next;
    int size = length(pretty, key) + 4 + length(pretty, value);
    int indent = pretty->tag_indent > 0 ? pretty->tag_indent : 4;

    if (fits(pretty, size, &run)) {
        put_range(pretty, pretty->nodes[key].from, pretty->nodes[value].to);
        return is_leaf(pretty, key) && is_leaf(pretty, value) ? size : pretty->columns;
    }
    lay_out(pretty, key, run);
    put(pretty, " =>");
    run.indent += indent;
    run.column = run.start + indent;
    run.start = run.column;
    run.width = 0;
    put_line_end(pretty, run.indent);
    lay_out(pretty, value, run);
    return pretty->columns;
}

/* The parts from `at` on, below `end`; `first`: nothing of the run is written yet. */
static void lay_out_run(struct pretty *pretty, size_t at, size_t end, struct run run, bool map,
    bool improper, bool first)
{
    int closing = run.closing;

    while (at < end && !pretty->failed) {
        size_t value = pretty->nodes[at].next, next = map ? pretty->nodes[value].next : value;
        int size = map ? length(pretty, at) + 4 + length(pretty, value) : length(pretty, at);
        bool leaf = is_leaf(pretty, at) && (!map || is_leaf(pretty, value)), last = next >= end;
        const char *separator = improper && last ? "|" : ",";
        int used;

        run.closing = last ? closing + 1 : 0;
        if (!first && leaf && size + 1 + !last < pretty->columns - run.column - run.closing &&
            run.width + 1 + size + (last ? run.closing : 1) <= pretty->characters_max) {
            put(pretty, separator);
            put_range(pretty, pretty->nodes[at].from, pretty->nodes[map ? value : at].to);
            used = size + 1;
        } else {
            if (!first) {
                put(pretty, separator);
                put_line_end(pretty, run.indent);
                run.column = run.start;
                run.width = 0;
            }
            used = map ? lay_out_pair(pretty, at, run) : lay_out_part(pretty, at, run);
        }
        run.column += used;
        run.width += used;
        first = false;
        at = next;
    }
}

static void lay_out_tagged(struct pretty *pretty, size_t at, struct run run)
{
    size_t tag = at + 1, end = pretty->nodes[at].next;
    int size = length(pretty, tag), after = size + 2;
    bool below = pretty->tag_indent > 0 && after > pretty->tag_indent;
    int start = run.column + (below ? pretty->tag_indent : after);

    if (!pretty->out && pretty->characters_max + start > pretty->columns &&
        start >= pretty->columns / 2) {
        pretty->failed = true;
        return;
    }
    put_range(pretty, pretty->nodes[tag].from, pretty->nodes[tag].to);
    run.indent += below ? pretty->tag_indent : after;
    run.column += after;
    run.start = start;
    run.width += size + 1 + !below;
    if (!below)
        put(pretty, ",");
    lay_out_run(pretty, pretty->nodes[tag].next, end, run, false, false, !below);
}

/* A term that begins at run.column, after run.width characters of its line. */
static int lay_out(struct pretty *pretty, size_t at, struct run run)
{
    const struct cop__outline_node *node = &pretty->nodes[at];
    int bracket = node->kind == COP__OUTLINE_MAP ? 2 : 1;

    if (fits(pretty, length(pretty, at), &run) || pretty->depth == DEPTH_MAX ||
        (pretty->out && node->kind == COP__OUTLINE_LEAF)) {
        put_range(pretty, node->from, node->to);
        return 0;
    }
    if (node->kind == COP__OUTLINE_LEAF) {
        pretty->failed = true;
        return 0;
    }
    pretty->depth++;
    put_range(pretty, node->from, node->from + (size_t)bracket);
    if (node->kind == COP__OUTLINE_TAGGED) {
        run.width++;
        lay_out_tagged(pretty, at, run);
    } else {
        run.column += bracket;
        run.start = run.column;
        run.indent += bracket;
        run.width += bracket;
        lay_out_run(
            pretty, at + 1, node->next, run, node->kind == COP__OUTLINE_MAP, node->improper, true);
    }
    put_range(pretty, node->to - 1, node->to);
    pretty->depth--;
    return 0;
}

static bool indentation_works(struct pretty *pretty, int tag_indent)
{
    struct run run = { .start = 1, .column = 1 };

    pretty->tag_indent = tag_indent;
    pretty->failed = false;
    pretty->depth = 0;
    lay_out(pretty, 0, run);
    return !pretty->failed;
}

const char *cop_show_pretty(cop_term term, int columns)
{
    struct cop__outline outline = { NULL, 0, 0 };
    struct cop__text line, out;
    struct pretty pretty = { .line = &line, .columns = columns };
    struct run run = { .start = 1, .column = 1 };

    cop__text_init(&line);
    cop__text_init(&out);
    cop__text_outline(&line, term, true, &outline);
    pretty.nodes = outline.nodes;
    pretty.characters_max = length(&pretty, 0);
    if (!indentation_works(&pretty, -1) && !indentation_works(&pretty, 4))
        pretty.tag_indent = 1;
    pretty.out = &out;
    pretty.failed = false;
    pretty.depth = 0;
    lay_out(&pretty, 0, run);
    cop__scratch_free(outline.nodes);
    cop__text_done(&line);
    return cop__text_keep(&out);
}
