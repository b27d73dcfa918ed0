/* SPDX-License-Identifier: Apache-2.0 */
/* The switch for x86-64. A saved context, from its stack pointer up (gdb script and
 * cop__switch_prepare know this): r15 r14 r13 r12 rbx rbp, return address.
 *
 * It leaves with pop and jmp: a ret to an address the return predictor did not push costs 9 ns more.
 * mxcsr and the x87 control word are not saved (40 ns): restore them before you block. Shadow stacks
 * break on this, so the object is not marked as compatible and the loader leaves them off. */
#if defined(__x86_64__)
    .text
    .globl cop__switch
    .hidden cop__switch
    .type cop__switch, @function
    .p2align 4
cop__switch:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmpq *%rcx
    .cfi_endproc
    .size cop__switch, .-cop__switch

/* First entry: r12 is the function, r13 its argument. Its return address is undefined, so every
 * unwinder stops here. */
    .globl cop__switch_entry
    .hidden cop__switch_entry
    .type cop__switch_entry, @function
    .p2align 4
cop__switch_entry:
    .cfi_startproc
    .cfi_undefined rip
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size cop__switch_entry, .-cop__switch_entry
#endif
    .section .note.GNU-stack, "", %progbits
