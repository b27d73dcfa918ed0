/* SPDX-License-Identifier: Apache-2.0 */
/* The external term format inside the library: tags, and the two walks below the public functions,
 * which the cluster uses without the leading 131 and with a cache of atoms. Layer 1, private. */
#ifndef COP_TERM_ETF_H
#define COP_TERM_ETF_H

#include <coppice/etf.h>

#include "term/layout.h"
#include "term/node.h"

enum { COP__ETF_VERSION = 131 };
enum cop__etf_tag {
    COP__ETF_NEW_FLOAT = 70,
    COP__ETF_BIT_BINARY = 77,
    COP__ETF_COMPRESSED = 80,
    COP__ETF_ATOM_CACHE_REF = 82,
    COP__ETF_NEW_PID = 88,
    COP__ETF_NEW_PORT = 89,
    COP__ETF_NEWER_REFERENCE = 90,
    COP__ETF_SMALL_INTEGER = 97,
    COP__ETF_INTEGER = 98,
    COP__ETF_FLOAT = 99,
    COP__ETF_ATOM = 100,
    COP__ETF_REFERENCE = 101,
    COP__ETF_PORT = 102,
    COP__ETF_PID = 103,
    COP__ETF_SMALL_TUPLE = 104,
    COP__ETF_LARGE_TUPLE = 105,
    COP__ETF_NIL = 106,
    COP__ETF_STRING = 107,
    COP__ETF_LIST = 108,
    COP__ETF_BINARY = 109,
    COP__ETF_SMALL_BIG = 110,
    COP__ETF_LARGE_BIG = 111,
    COP__ETF_NEW_FUN = 112,
    COP__ETF_EXPORT = 113,
    COP__ETF_NEW_REFERENCE = 114,
    COP__ETF_SMALL_ATOM = 115,
    COP__ETF_MAP = 116,
    COP__ETF_ATOM_UTF8 = 118,
    COP__ETF_SMALL_ATOM_UTF8 = 119,
    COP__ETF_V4_PORT = 120,
};

/* Bytes being read; `at` never passes `end`. */
struct cop__etf_reader {
    const unsigned char *at, *end;
    bool safe;
    bool full; /* the atom table has no more room */
    size_t depth_max, integer_max;
    const cop_term *cache; /* the atoms of ATOM_CACHE_REF; NULL: there are none */
    size_t cache_count;
    struct cop__node_id here; /* how this node is called there; name 0: as it is called */
    const char *wrong;        /* after a failure: what is wrong, at `at` */
};

/* Read one term, without the version before it. */
bool cop__etf_read(struct cop__etf_reader *reader, cop_term *ret_term);

/* etf_leaf.c: what has no terms in it. The reader stands behind the tag. */
enum cop__etf_kind { COP__ETF_LEAF, COP__ETF_CONTAINER, COP__ETF_WRONG };
enum cop__etf_kind cop__etf_read_leaf(
    struct cop__etf_reader *reader, unsigned tag, cop_term *ret_term);
/* One that must be such a term, with its tag. */
bool cop__etf_read_atom(struct cop__etf_reader *reader, cop_term *ret_atom);
bool cop__etf_read_integer(struct cop__etf_reader *reader, cop_term *ret_integer);
bool cop__etf_read_pid(struct cop__etf_reader *reader, cop_term *ret_pid);

static inline bool cop__etf_wrong(struct cop__etf_reader *reader, const char *wrong)
{
    reader->wrong = wrong;
    return false;
}

/* Is there so much left? */
static inline bool cop__etf_has(struct cop__etf_reader *reader, size_t size)
{
    if ((size_t)(reader->end - reader->at) >= size)
        return true;
    return cop__etf_wrong(reader, "cut short");
}

/* An unsigned number of so many bytes, high byte first, that are there. */
static inline uint64_t cop__etf_take(struct cop__etf_reader *reader, unsigned size)
{
    uint64_t value = 0;

    while (size--)
        value = value << 8 | *reader->at++;
    return value;
}

/* Bytes being written: into a few of the caller's, which short terms do with, then into a scratch
 * block. */
enum { COP__ETF_LOCAL_SIZE = 512 };
struct cop__etf_writer {
    unsigned char *base, *at, *end;
    unsigned char *local;     /* the caller's; NULL: there are none */
    int minor_version;        /* 0 to 2 */
    bool unordered;           /* large maps in any order */
    struct cop__node_id here; /* as in the reader */
    uint64_t shown;           /* the word of a pid of this node that is written as another: */
    cop_pid shown_as;
};

static inline void cop__etf_writer_local(
    struct cop__etf_writer *writer, unsigned char local[COP__ETF_LOCAL_SIZE])
{
    writer->local = writer->base = writer->at = local;
    writer->end = local + COP__ETF_LOCAL_SIZE;
}
/* Gives the block back, if there is one. */
void cop__etf_writer_done(struct cop__etf_writer *writer);

/* Room for size bytes that the caller fills. */
unsigned char *cop__etf_room(struct cop__etf_writer *writer, size_t size);
/* Write one term, without the version. */
void cop__etf_write(struct cop__etf_writer *writer, cop_term term);

#endif
