/* SPDX-License-Identifier: Apache-2.0 */
/* From pattern text to instructions. Layer 1.
 *
 * The reader hands over parts bottom-up, so an array of nodes in that order is a tree: the parts of
 * a node stand before it. What has constant parts only is built at once and becomes a constant. For
 * building the array is the program already; for matching it is turned top-down. */
#include "term/pattern.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/raise.h"
#include "base/scratch.h"
#include "term/copy.h"
#include "term/map.h"
#include "term/parse.h"

struct node {
    enum cop__part_kind kind;
    uint32_t count; /* parts; of a list items, of a map pairs */
    uint32_t size;  /* nodes of the whole subtree */
    uint32_t depth;
    uint64_t word; /* a constant, or the instruction of a variable */
};

struct compiler {
    enum cop__purpose purpose;
    struct cop__heap heap; /* of the constants, while compiling */
    uint64_t heap_words[256];
    struct node nodes[COP__OPS_MAX];
    size_t used;
    cop_bytes names[COP__SLOTS_MAX]; /* by slot; arguments first, unused ones between */
    uint32_t arguments, hidden;
    uint64_t ops[2 * COP__OPS_MAX];
    size_t ops_used, stack, stack_max;
};

static uint64_t op(enum cop__op what, size_t number)
{
    return (uint64_t)number << 8 | what;
}

static bool is_constant(const struct node *node)
{
    return node->kind == COP__PART_TERM;
}

/* --- Reading: from parts to nodes --------------------------------------------------------------
 */

static const char *find_variable(struct compiler *compiler, cop_bytes name, uint64_t *ret_op)
{
    bool hidden = name.data[0] == '_';

    if (hidden && compiler->purpose == COP__TO_BUILD)
        return "_ has no value";
    if (name.size == 1 && hidden) {
        *ret_op = COP__OP_ANY;
        return NULL;
    }
    for (uint32_t i = 0; i < COP__SLOTS_MAX; i++)
        if (compiler->names[i].size == name.size &&
            memcmp(compiler->names[i].data, name.data, name.size) == 0) {
            *ret_op = op(compiler->purpose == COP__TO_BUILD ? COP__OP_VARIABLE : COP__OP_SAME, i);
            return NULL;
        }
    if (hidden ? compiler->hidden == COP__SLOTS_MAX - COP__ARGUMENTS_MAX
               : compiler->arguments == COP__ARGUMENTS_MAX)
        return "more than 16 variables";
    *ret_op = op(
        COP__OP_VARIABLE, hidden ? COP__ARGUMENTS_MAX + compiler->hidden++ : compiler->arguments++);
    compiler->names[*ret_op >> 8] = name;
    return NULL;
}

static cop_term build_constant(
    struct compiler *compiler, const struct cop__part *part, const struct node *parts)
{
    cop_term terms[2 * COP__OPS_MAX], term;

    for (size_t i = 0; i < COP__OPS_MAX && i < compiler->used - (size_t)(parts - compiler->nodes);
         i++)
        terms[i].word = parts[i].word;
    switch (part->kind) {
    case COP__PART_TUPLE:
        term = cop__new_tuple(&compiler->heap, part->count);
        memcpy(cop__elements(term), terms, part->count * sizeof(term));
        return term;
    case COP__PART_LIST:
        term = terms[part->count];
        for (size_t i = part->count; i--;)
            term = cop__new_cons(&compiler->heap, terms[i], term);
        return term;
    default:
        return cop__new_map(&compiler->heap, terms, part->count);
    }
}

static const char *take(void *context, const struct cop__part *part)
{
    struct compiler *compiler = context;
    bool map = part->kind == COP__PART_MAP || part->kind == COP__PART_MAP_MATCH;
    size_t parts = map                            ? 2 * part->count
                   : part->kind == COP__PART_LIST ? part->count + 1
                                                  : part->count;
    struct node node = { part->kind, (uint32_t)part->count, 1, 1, part->term.word };
    size_t from = compiler->used;
    const char *wrong;
    bool constant = true;

    if (part->kind == COP__PART_VARIABLE) {
        wrong = find_variable(compiler, part->name, &node.word);
        if (wrong)
            return wrong;
        constant = false;
    }
    if (map && part->count &&
        (part->kind == COP__PART_MAP_MATCH) != (compiler->purpose == COP__TO_MATCH))
        return compiler->purpose == COP__TO_MATCH ? "matching wants :=" : "building wants =>";
    for (size_t i = 0; i < parts; i++) {
        const struct node *root = &compiler->nodes[from - 1];

        constant = constant && is_constant(root);
        node.depth = root->depth >= node.depth ? root->depth + 1 : node.depth;
        node.size += root->size;
        from -= root->size;
    }
    if (node.depth > COP__DEPTH_MAX)
        return "nested too deeply";
    if (constant && node.kind != COP__PART_TERM && !(map && compiler->purpose == COP__TO_MATCH)) {
        node.word = build_constant(compiler, part, &compiler->nodes[from]).word;
        node.kind = COP__PART_TERM;
        node.count = 0;
        node.size = node.depth = 1;
        compiler->used = from;
    }
    if (compiler->used == COP__OPS_MAX)
        return "a pattern too long";
    compiler->nodes[compiler->used++] = node;
    return NULL;
}

/* --- Writing: from nodes to instructions -------------------------------------------------------
 */

static void emit(struct compiler *compiler, uint64_t word)
{
    compiler->ops[compiler->ops_used++] = word;
}

static void grow_stack(struct compiler *compiler, size_t taken, size_t pushed)
{
    compiler->stack += pushed;
    compiler->stack -= taken;
    if (compiler->stack > compiler->stack_max)
        compiler->stack_max = compiler->stack;
}

static void emit_build(struct compiler *compiler)
{
    for (size_t i = 0; i < compiler->used; i++) {
        const struct node *node = &compiler->nodes[i];

        switch (node->kind) {
        case COP__PART_TUPLE:
            grow_stack(compiler, node->count, 1);
            emit(compiler, op(COP__OP_TUPLE, node->count));
            break;
        case COP__PART_LIST:
            grow_stack(compiler, node->count + 1, 1);
            emit(compiler, op(COP__OP_LIST, node->count));
            break;
        case COP__PART_MAP:
            grow_stack(compiler, 2 * node->count, 1);
            emit(compiler, op(COP__OP_MAP, node->count));
            break;
        default:
            grow_stack(compiler, 0, 1);
            emit(compiler, node->word);
        }
    }
}

/* Where the parts of a node end; *starts[i] is the index of the i-th part's own node. */
static void find_parts(const struct compiler *compiler, size_t at, size_t parts, uint16_t *roots)
{
    size_t end = at;

    while (parts--) {
        roots[parts] = (uint16_t)(end - 1);
        end -= compiler->nodes[end - 1].size;
    }
}

/* Recursion is bounded by COP__DEPTH_MAX. */
static const char *emit_match(struct compiler *compiler, size_t at, uint16_t *roots)
{
    const struct node *node = &compiler->nodes[at];
    bool map = node->kind == COP__PART_MAP || node->kind == COP__PART_MAP_MATCH;
    size_t parts = map                            ? 2 * (size_t)node->count
                   : node->kind == COP__PART_LIST ? (size_t)node->count + 1
                                                  : node->count;
    const char *wrong = NULL;

    find_parts(compiler, at, parts, roots);
    if (node->kind == COP__PART_TUPLE) {
        emit(compiler, op(COP__OP_TUPLE, parts));
        grow_stack(compiler, 1, parts);
    } else if (map) {
        emit(compiler, op(COP__OP_MAP, 0));
    } else if (node->kind != COP__PART_LIST) {
        emit(compiler, node->word);
        grow_stack(compiler, 1, 0);
        return NULL;
    }
    for (size_t i = 0; i < parts && !wrong; i++) {
        if (map) {
            const struct node *key = &compiler->nodes[roots[i]];

            if (!is_constant(key) && key->kind != COP__PART_VARIABLE)
                return "a key must be a constant or a variable";
            if (key->kind == COP__PART_VARIABLE &&
                (key->word == COP__OP_ANY || key->word >> 8 >= COP__ARGUMENTS_MAX))
                return "a key must be bound";
            emit(compiler, COP__OP_KEY);
            emit(compiler, key->word);
            grow_stack(compiler, 0, 1);
            i++;
        } else if (node->kind == COP__PART_LIST && i + 1 < parts) {
            emit(compiler, COP__OP_CONS);
            grow_stack(compiler, 1, 2);
        }
        wrong = emit_match(compiler, roots[i], roots + parts);
    }
    if (map) {
        emit(compiler, COP__OP_MAP_END);
        grow_stack(compiler, 1, 0);
    }
    return wrong;
}

/* --- The result --------------------------------------------------------------------------------
 */

static bool is_instruction(uint64_t word)
{
    return cop__is_header(word);
}

/* Where a tuple of constants and variables alone is the pattern, its elements are the program. */
static void make_flat(struct cop__code *code, const struct compiler *compiler)
{
    const struct node *root = &compiler->nodes[compiler->used - 1];
    uint32_t constants = 0;

    if (root->kind != COP__PART_TUPLE || root->count == 0 || root->size != root->count + 1)
        return;
    for (uint32_t i = 0; i < root->count && compiler->purpose == COP__TO_MATCH; i++) {
        const struct node *part = &compiler->nodes[i];

        if (is_constant(part)
                ? !cop__is_immediate(cop__word(part->word)) || constants++ == COP__ARGUMENTS_MAX
                : (part->word & 0xff) == COP__OP_SAME || part->word >> 8 >= COP__ARGUMENTS_MAX)
            return;
    }
    if (root->count > UINT8_MAX)
        return;
    for (uint32_t i = 0; i < root->count; i++) {
        code->ops[i] = code->ops[compiler->purpose == COP__TO_MATCH ? i + 1 : i];
        if ((code->ops[i] & 0xff) == COP__OP_VARIABLE)
            code->where[code->ops[i] >> 8] = (uint8_t)(i + 1);
        else if (compiler->purpose == COP__TO_MATCH && !is_instruction(code->ops[i]))
            code->fixed_at[code->fixed++] = (uint8_t)(i + 1);
    }
    code->count = root->count;
    code->flat = cop__header(COP__TUPLE, root->count);
}

static struct cop__code *finish(struct compiler *compiler)
{
    size_t words = 0;
    struct cop__code *code;
    uint64_t *memory;

    for (size_t i = 0; i < compiler->ops_used; i++)
        if (!is_instruction(compiler->ops[i]))
            words += cop__term_words(cop__word(compiler->ops[i]));
    code = calloc(1, sizeof(*code) + (compiler->ops_used + words) * sizeof(uint64_t));
    if (!code)
        cop__raise("system_limit", "no memory for a pattern");
    memory = code->ops + compiler->ops_used;
    for (size_t i = 0; i < compiler->ops_used; i++) {
        cop_term term = { compiler->ops[i] };

        if (!is_instruction(term.word)) {
            words = cop__term_words(term);
            term = cop__term_copy(term, memory, &code->counted);
            memory += words;
        }
        code->ops[i] = term.word;
    }
    code->count = (uint32_t)compiler->ops_used;
    code->arguments = compiler->arguments;
    if (code->count == 1 && !is_instruction(code->ops[0]))
        code->constant.word = code->ops[0];
    code->single = code->count == 1 && code->arguments == 1;
    make_flat(code, compiler);
    return code;
}

static const char *compile(struct compiler *compiler, cop_bytes text, struct cop_parse_error *error)
{
    struct cop__reader reader = { text, &compiler->heap, true, take, compiler };
    uint16_t *roots;
    const char *wrong = NULL;

    if (cop__read(&reader, error) < 0)
        return error->message;
    if (compiler->purpose == COP__TO_BUILD) {
        emit_build(compiler);
    } else {
        roots = cop__scratch_new(COP__DEPTH_MAX * COP__OPS_MAX * sizeof(*roots), "a pattern");
        compiler->stack = compiler->stack_max = 1;
        wrong = emit_match(compiler, compiler->used - 1, roots);
        cop__scratch_free(roots);
    }
    if (!wrong && compiler->stack_max > COP__STACK_MAX)
        wrong = "a pattern too long";
    if (wrong) {
        memset(error, 0, sizeof(*error));
        error->line = error->column = 1;
        snprintf(error->message, sizeof(error->message), "%s", wrong);
    }
    return wrong;
}

struct cop__code *cop__pattern_compile(
    cop_bytes text, enum cop__purpose purpose, struct cop_parse_error *error)
{
    /* large for a process's stack */
    struct compiler *compiler = cop__scratch_new(sizeof(*compiler), "a pattern");
    struct cop__code *code = NULL;

    memset(compiler, 0, sizeof(*compiler));
    compiler->purpose = purpose;
    cop__heap_init(&compiler->heap, compiler->heap_words, 256);
    if (!compile(compiler, text, error))
        code = finish(compiler);
    cop__heap_reset(&compiler->heap);
    cop__scratch_free(compiler);
    return code;
}

void cop__pattern_free(struct cop__code *code)
{
    cop__counted_release_all(code->counted);
    free(code);
}
