/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of a key. */
#ifndef KV_HASH_H
#define KV_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A secret that clients cannot know, drawn once at start: without it they could choose keys that
 * all fall into one chain. Set before the first hash_key; a test that sets none gets a fixed one.
 */
void hash_set_secret(uint64_t first, uint64_t second);

/* SipHash-1-2 of the bytes under the secret. */
uint64_t hash_key(const void *data, size_t size);

#endif
