/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns of KEYS, SCAN and CONFIG GET: * ? [abc] [^abc] [a-z] and \ before a literal. */
#ifndef KV_GLOB_H
#define KV_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_match(
    const char *pattern, size_t pattern_size, const char *text, size_t text_size, bool ignore_case);

#endif
