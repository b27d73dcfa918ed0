/* SPDX-License-Identifier: Apache-2.0 */
/* First entry of a context for x86-64 (switch.c lays it out): the function and its argument lie on
 * the stack. The return address is undefined, so every unwinder stops here. Shadow stacks break on
 * how we switch, so the object is not marked as compatible and the loader leaves them off. */
#if defined(__x86_64__)
    .text
    .globl cop__switch_entry
    .hidden cop__switch_entry
    .type cop__switch_entry, @function
    .p2align 4
cop__switch_entry:
    .cfi_startproc
    .cfi_undefined rip
    popq %rax
    popq %rdi
    callq *%rax
    ud2
    .cfi_endproc
    .size cop__switch_entry, .-cop__switch_entry
#endif
    .section .note.GNU-stack, "", %progbits
