/* SPDX-License-Identifier: Apache-2.0 */
/* First entry of a context for aarch64 (switch.c lays it out): the function is on the stack, above
 * it the address it seems to be called from. The return address of that one is undefined, so every
 * unwinder stops here. */
#if defined(__aarch64__)
    .text
    .globl cop__switch_entry, cop__switch_end
    .hidden cop__switch_entry, cop__switch_end
    .type cop__switch_entry, %function
cop__switch_entry:
    .cfi_startproc
    .cfi_undefined x30
    ldp x9, x30, [sp], #16
    br x9
cop__switch_end:
    brk #1
    .cfi_endproc
    .size cop__switch_entry, .-cop__switch_entry

/* What the C library returns to when its caller is to end (fault.c). */
    .globl cop__fault_trampoline
    .hidden cop__fault_trampoline, cop__fault_returned
    .type cop__fault_trampoline, %function
    nop /* the address before it is looked up, as that of a call */
cop__fault_trampoline:
    .cfi_startproc
    .cfi_undefined x30
    bl cop__fault_returned
    brk #1
    .cfi_endproc
    .size cop__fault_trampoline, .-cop__fault_trampoline
#endif
    .section .note.GNU-stack, "", %progbits
