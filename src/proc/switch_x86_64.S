/* SPDX-License-Identifier: Apache-2.0 */
/* What C cannot say of switching on x86-64: jumps where a compiler calls and returns, so that the
 * return predictor stays right (switch.h). Shadow stacks break on how we switch, so the object is
 * not marked as compatible and the loader leaves them off. */
#if defined(__x86_64__)
    .text

/* First entry of a context (switch.c lays it out): the function is on the stack, above it the
 * address it seems to be called from. The return address of that one is undefined, so every
 * unwinder stops here. */
    .globl cop__switch_entry, cop__switch_end
    .hidden cop__switch_entry, cop__switch_end
    .type cop__switch_entry, @function
    .p2align 4
cop__switch_entry:
    .cfi_startproc
    .cfi_undefined rip
    popq %rax
    jmpq *%rax
cop__switch_end:
    ud2
    .cfi_endproc
    .size cop__switch_entry, .-cop__switch_entry

/* cop__receive_search (receive.c), and a jump in place of the return into the program. */
    .globl cop__receive_by_jump
    .hidden cop__receive_by_jump, cop__receive_search
    .type cop__receive_by_jump, @function
    .p2align 4
cop__receive_by_jump:
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register rbp
    callq cop__receive_search
    popq %rbp
    .cfi_def_cfa rsp, 8
    .cfi_restore rbp
    popq %rcx
    .cfi_def_cfa_offset 0
    .cfi_register rip, rcx
    jmpq *%rcx
    .cfi_endproc
    .size cop__receive_by_jump, .-cop__receive_by_jump

/* What the C library returns to when its caller is to end (fault.c). The stack is that of the
 * caller, which is not gone on with. */
    .globl cop__fault_trampoline
    .hidden cop__fault_trampoline, cop__fault_returned
    .type cop__fault_trampoline, @function
    .p2align 4
    nop /* the address before it is looked up, as that of a call */
cop__fault_trampoline:
    .cfi_startproc
    .cfi_undefined rip
    cld
    andq $-16, %rsp
    callq cop__fault_returned
    ud2
    .cfi_endproc
    .size cop__fault_trampoline, .-cop__fault_trampoline
#endif
    .section .note.GNU-stack, "", %progbits
