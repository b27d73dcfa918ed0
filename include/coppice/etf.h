/* SPDX-License-Identifier: Apache-2.0 */
/* The external term format: terms as bytes, for files, sockets and other nodes, as
 * term_to_binary/1 and binary_to_term/1 have it. Clauses D-86 to D-96 and D-149 to D-156.
 *
 *   cop_term bytes = cop_term_to_binary(term);
 *   if (cop_binary_to_term(&term, received, .safe = true) < 0) ...
 *
 * What is read may be hostile: counts and lengths are checked against the bytes that are there
 * before any memory is asked for, and no depth of nesting needs C stack. */
#ifndef COPPICE_ETF_H
#define COPPICE_ETF_H

#include <coppice/term.h>

COP_BEGIN_DECLS

/* Who deflates and inflates. The library itself links no zlib; <coppice/zlib.h> of the module
 * coppice-zlib has cop_zlib. */
typedef struct cop_compression {
    /* Inflate one stream into exactly to_size bytes. 0, and *ret_used: bytes of the stream;
     * -COP_EBADARG where it is no stream, or of another size. */
    int (*inflate)(void *to, size_t to_size, const void *from, size_t from_size, size_t *ret_used);
    /* Deflate. 0 and *to_size, which comes as the room there is; negative: it does not fit. */
    int (*deflate)(void *to, size_t *to_size, const void *from, size_t from_size, int level);
} cop_compression;

struct cop_to_binary_options {
    int unset;         /* so that a list of no options can be written */
    int minor_version; /* 2, and 0: UTF-8 atoms (OTP 26). 1: Latin-1 atoms where that is possible
                          (OTP 25). COP_MINOR_VERSION_0: floats as text besides */
    const cop_compression *compression; /* NULL: none. What it makes no shorter stays as it is */
    bool
        unordered; /* maps of more than 32 pairs in any order: quicker, and equal terms need not
                      give equal bytes in another run. OTP's default; its `deterministic` is ours */
    int level;     /* 1 to 9; 0: 6 */
};
enum { COP_MINOR_VERSION_0 = -1 };

/* A term as bytes that any node of Erlang or Coppice reads back; a pid of this node is this node's
 * there. Maps are written in the order of their keys, so equal terms (=:=) give equal bytes, but
 * for .unordered.
 *
 * Returns  a binary, which begins with 131; it lives until the end of the turn.
 * Exits    system_limit: no memory; badarg: no term, or another minor_version.
 * Parks    no; needs no C stack for deep terms.
 * Options  see struct cop_to_binary_options.
 * Context  any thread.
 * OTP      term_to_binary/1,2. Clauses D-86 to D-94.
 */
COP_API cop_term cop_term_to_binary_with(
    cop_term term, const struct cop_to_binary_options *options);

struct cop_from_binary_options {
    int unset;
    bool safe;        /* no new atoms, and so no new nodes: for bytes from outside */
    size_t *ret_used; /* how many bytes the term took; what follows it is not looked at */
    const cop_compression *compression; /* NULL: compressed terms are refused */
    size_t inflated_max;                /* bytes; 0: 64 MiB */
    size_t depth_max;                   /* containers within each other; 0: 1,000,000 */
    size_t integer_max;                 /* bytes of an integer's magnitude; 0: 64 KiB */
    const char **ret_wrong;             /* on failure: a constant text that says what is wrong */
    size_t *ret_position;               /* on failure: the byte where that is */
};

/* The term of bytes. A term takes at most 32 times the memory of its bytes, however hostile.
 *
 * Returns  0 and *ret_term, which lives until the end of the turn and holds nothing of `binary`.
 *          -COP_EBADARG: cut short, malformed, a limit of the options exceeded, or an atom that
 *          does not exist yet where safe; -COP_ESYSTEMLIMIT: a table of atoms or nodes is full.
 * Exits    system_limit: no memory.
 * Parks    no; needs no C stack for deep terms.
 * Options  see struct cop_from_binary_options. Sizes in bytes.
 * Context  any thread.
 * OTP      binary_to_term/1,2. Clauses D-86 to D-96, D-149 to D-156.
 */
COP_API int cop_binary_to_term_with(
    cop_term *ret_term, cop_bytes binary, const struct cop_from_binary_options *options);

#ifndef __cplusplus
#define cop_term_to_binary(...) COP__TERM_TO_BINARY(__VA_ARGS__, )
#define COP__TERM_TO_BINARY(TERM, ...) \
    cop_term_to_binary_with(           \
        (TERM), &(const struct cop_to_binary_options){ .unset = 0, __VA_ARGS__ })
#define cop_binary_to_term(RET_TERM, ...) COP__BINARY_TO_TERM((RET_TERM), __VA_ARGS__, )
#define COP__BINARY_TO_TERM(RET_TERM, BINARY, ...) \
    cop_binary_to_term_with(                       \
        (RET_TERM), (BINARY), &(const struct cop_from_binary_options){ .unset = 0, __VA_ARGS__ })
#endif

COP_END_DECLS

#endif
