/* SPDX-License-Identifier: Apache-2.0 */
/* First entry of a context for aarch64 (switch.c lays it out): the function and its argument lie on
 * the stack. The return address is undefined, so every unwinder stops here. */
#if defined(__aarch64__)
    .text
    .globl cop__switch_entry
    .hidden cop__switch_entry
    .type cop__switch_entry, %function
cop__switch_entry:
    .cfi_startproc
    .cfi_undefined x30
    ldp x1, x0, [sp], #16
    blr x1
    brk #1
    .cfi_endproc
    .size cop__switch_entry, .-cop__switch_entry
#endif
    .section .note.GNU-stack, "", %progbits
