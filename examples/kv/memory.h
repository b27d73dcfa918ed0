/* SPDX-License-Identifier: Apache-2.0 */
/* Where the data structures of this program get their memory. In the server it is process memory
 * (cop_alloc): whatever a crash interrupts, the dead process's memory goes back as a whole. The
 * unit tests and the fuzzer, which run in no process, use calloc. */
#ifndef KV_MEMORY_H
#define KV_MEMORY_H

#include <stddef.h>

struct memory {
    void *(*alloc)(size_t size); /* zeroed */
    void (*free)(void *memory);  /* NULL is fine */
};

#endif
