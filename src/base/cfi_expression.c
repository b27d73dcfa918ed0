/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions in unwind tables: the stack machine of DWARF 5, 2.5. Compilers hardly write any; the
 * entries of the procedure linkage table and the frame of a signal are found by them. Layer 0. */
#include "base/cfi.h"

#include "base/dwarf.h"

enum { VALUES_MAX = 32, OPERATIONS_MAX = 1000 };

struct machine {
    struct cop__dwarf cursor;
    const unsigned char *begin;
    const struct cop__frame *frame;
    uint64_t values[VALUES_MAX];
    unsigned count;
};

static void push(struct machine *machine, uint64_t value)
{
    if (machine->count == VALUES_MAX)
        machine->cursor.bad = true;
    else
        machine->values[machine->count++] = value;
}

static uint64_t pop(struct machine *machine)
{
    if (machine->count > 0)
        return machine->values[--machine->count];
    machine->cursor.bad = true;
    return 0;
}

static void push_register(struct machine *machine, uint64_t reg, int64_t offset)
{
    if (reg < COP__REGS && machine->frame->known >> reg & 1)
        push(machine, machine->frame->reg[reg] + (uint64_t)offset);
    else
        machine->cursor.bad = true;
}

static void push_memory(struct machine *machine, uint64_t address, size_t size)
{
    uint64_t word = 0;

    if ((size != 1 && size != 2 && size != 4 && size != 8) ||
        !cop__frame_read(&word, machine->frame, address))
        machine->cursor.bad = true;
    push(machine, size == 8 ? word : word & (((uint64_t)1 << 8 * size) - 1));
}

static void push_copy(struct machine *machine, unsigned depth)
{
    if (depth < machine->count)
        push(machine, machine->values[machine->count - 1 - depth]);
    else
        machine->cursor.bad = true;
}

static void jump(struct machine *machine, int64_t distance)
{
    const struct cop__dwarf *cursor = &machine->cursor;

    if (distance < machine->begin - cursor->at || distance > cursor->end - cursor->at)
        machine->cursor.bad = true;
    else
        machine->cursor.at += distance;
}

/* The topmost `count` values go round: the top one goes below the others. */
static void rotate(struct machine *machine, unsigned count)
{
    uint64_t *top = machine->values + machine->count;

    if (machine->count < count) {
        machine->cursor.bad = true;
        return;
    }
    for (unsigned i = 1; i < count; i++) {
        uint64_t value = top[-(int)i];

        top[-(int)i] = top[-(int)i - 1];
        top[-(int)i - 1] = value;
    }
}

/* Operations on two values; `b` was on top. False: it is no such operation. */
static bool binary(struct machine *machine, uint8_t op, uint64_t a, uint64_t b)
{
    int64_t x = (int64_t)a, y = (int64_t)b;

    switch (op) {
    case 0x1a: /* and */
        push(machine, a & b);
        break;
    case 0x1b: /* div, with signs */
        if (y == 0 || y == -1)
            push(machine, y == 0 ? 0 : 0 - a), machine->cursor.bad |= y == 0;
        else
            push(machine, (uint64_t)(x / y));
        break;
    case 0x1c: /* minus */
        push(machine, a - b);
        break;
    case 0x1d: /* mod */
        push(machine, b ? a % b : 0);
        machine->cursor.bad |= b == 0;
        break;
    case 0x1e: /* mul */
        push(machine, a * b);
        break;
    case 0x21: /* or */
        push(machine, a | b);
        break;
    case 0x22: /* plus */
        push(machine, a + b);
        break;
    case 0x24: /* shl, shr, shra */
        push(machine, b < 64 ? a << b : 0);
        break;
    case 0x25:
        push(machine, b < 64 ? a >> b : 0);
        break;
    case 0x26:
        push(machine, (uint64_t)(x >> (b < 64 ? b : 63)));
        break;
    case 0x27: /* xor */
        push(machine, a ^ b);
        break;
    case 0x29: /* eq, ge, gt, le, lt, ne */
        push(machine, x == y);
        break;
    case 0x2a:
        push(machine, x >= y);
        break;
    case 0x2b:
        push(machine, x > y);
        break;
    case 0x2c:
        push(machine, x <= y);
        break;
    case 0x2d:
        push(machine, x < y);
        break;
    case 0x2e:
        push(machine, x != y);
        break;
    default:
        return false;
    }
    return true;
}

/* Operations on one value, or on the stack itself. False: it is no such operation. */
static bool unary(struct machine *machine, uint8_t op)
{
    struct cop__dwarf *cursor = &machine->cursor;
    int64_t distance;
    uint64_t value;

    switch (op) {
    case 0x06: /* deref, deref_size */
        push_memory(machine, pop(machine), 8);
        break;
    case 0x94:
        value = pop(machine);
        push_memory(machine, value, cop__dwarf_u8(cursor));
        break;
    case 0x12: /* dup, drop, over, pick, swap, rot */
        push_copy(machine, 0);
        break;
    case 0x13:
        pop(machine);
        break;
    case 0x14:
        push_copy(machine, 1);
        break;
    case 0x15:
        push_copy(machine, cop__dwarf_u8(cursor));
        break;
    case 0x16:
        rotate(machine, 2);
        break;
    case 0x17:
        rotate(machine, 3);
        break;
    case 0x19: /* abs, neg, not */
        value = pop(machine);
        push(machine, (int64_t)value < 0 ? 0 - value : value);
        break;
    case 0x1f:
        push(machine, 0 - pop(machine));
        break;
    case 0x20:
        push(machine, ~pop(machine));
        break;
    case 0x23: /* plus_uconst */
        value = pop(machine);
        push(machine, value + cop__dwarf_uleb(cursor));
        break;
    case 0x28: /* bra: where the top is not 0; skip */
        distance = cop__dwarf_signed(cursor, 2);
        if (pop(machine) != 0)
            jump(machine, distance);
        break;
    case 0x2f:
        jump(machine, cop__dwarf_signed(cursor, 2));
        break;
    case 0x96: /* nop */
        break;
    default:
        return false;
    }
    return true;
}

/* Operations that push what stands behind them, or a register. False: it is no such operation. */
static bool constant(struct machine *machine, uint8_t op)
{
    struct cop__dwarf *cursor = &machine->cursor;
    uint64_t reg;

    if (op >= 0x08 && op <= 0x0f) { /* const 1u 1s 2u 2s 4u 4s 8u 8s */
        size_t size = (size_t)1 << (op - 0x08) / 2;

        push(machine,
            op % 2 ? (uint64_t)cop__dwarf_signed(cursor, size) : cop__dwarf_fixed(cursor, size));
    } else if (op >= 0x30 && op <= 0x4f) { /* lit0 to lit31 */
        push(machine, op - 0x30u);
    } else if (op >= 0x70 && op <= 0x8f) { /* breg0 to breg31 */
        push_register(machine, op - 0x70u, cop__dwarf_sleb(cursor));
    } else if (op == 0x92) { /* bregx */
        reg = cop__dwarf_uleb(cursor);
        push_register(machine, reg, cop__dwarf_sleb(cursor));
    } else if (op == 0x03) { /* addr */
        push(machine, cop__dwarf_fixed(cursor, 8));
    } else if (op == 0x10) { /* constu, consts */
        push(machine, cop__dwarf_uleb(cursor));
    } else if (op == 0x11) {
        push(machine, (uint64_t)cop__dwarf_sleb(cursor));
    } else {
        return false;
    }
    return true;
}

static void operate(struct machine *machine)
{
    uint8_t op = cop__dwarf_u8(&machine->cursor);
    uint64_t a, b;

    if (constant(machine, op) || unary(machine, op))
        return;
    b = pop(machine);
    a = pop(machine);
    if (!binary(machine, op, a, b))
        machine->cursor.bad = true;
}

bool cop__cfi_evaluate(
    uint64_t *ret_value, int64_t block, const struct cop__frame *frame, const uint64_t *cfa)
{
    const unsigned char *at = (const unsigned char *)(uintptr_t)block;
    struct machine machine;
    uint64_t size;

    machine.cursor =
        (struct cop__dwarf){ at, at + 10, false }; /* cfi.c has seen that it is there */
    size = cop__dwarf_uleb(&machine.cursor);
    machine.cursor.end = machine.cursor.at + size;
    machine.begin = machine.cursor.at;
    machine.frame = frame;
    machine.count = 0;
    if (cfa)
        push(&machine, *cfa);
    for (unsigned i = 0; machine.cursor.at < machine.cursor.end && !machine.cursor.bad; i++) {
        if (i == OPERATIONS_MAX)
            return false;
        operate(&machine);
    }
    *ret_value = pop(&machine);
    return !machine.cursor.bad;
}
