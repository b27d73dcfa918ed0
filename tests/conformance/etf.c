/* SPDX-License-Identifier: Apache-2.0 */
/* The external term format, clause by clause (docs/spec/etf.md). What a real BEAM writes and reads
 * for thousands of terms is compared by tests/differential. */
#include <coppice/etf.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/thread.h"
#include "conformance/clause.h"

static cop_term parse(const char *text)
{
    cop_term term = COP_NONE;

    CHECK_EQ_INT(cop_parse(&term, (cop_bytes){ text, strlen(text) }, NULL), 0);
    return term;
}

static cop_bytes bytes_of(cop_term binary)
{
    cop_bytes bytes = { NULL, 0 };

    CHECK(cop_to_bytes(&bytes, binary));
    return bytes;
}

static cop_bytes from_hex(const char *hex)
{
    size_t size = strlen(hex) / 2;
    char *data;

    cop_binary_new(size, &data);
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;

        sscanf(hex + 2 * i, "%2x", &byte);
        data[i] = (char)byte;
    }
    return (cop_bytes){ data, size };
}

static const char *to_hex(cop_bytes bytes)
{
    char *text;

    cop_binary_new(2 * bytes.size + 1, &text);
    text[0] = 0;
    for (size_t i = 0; i < bytes.size; i++)
        snprintf(text + 2 * i, 3, "%02X", (unsigned char)bytes.data[i]);
    return text;
}

static const char *written(const char *text)
{
    return to_hex(bytes_of(cop_term_to_binary(parse(text))));
}

/* What the bytes mean, or "error". */
static const char *read_back(const char *hex)
{
    cop_term term;

    return cop_binary_to_term(&term, from_hex(hex)) < 0 ? "error" : cop_show_raw(term);
}

static const char *why_not(const char *hex)
{
    const char *wrong = "nothing";
    cop_bytes bytes = from_hex(hex);
    cop_term term;

    CHECK_EQ_INT(cop_binary_to_term(&term, bytes, .ret_wrong = &wrong), -COP_EBADARG);
    return wrong;
}

/* Read and written again. */
static const char *again(const char *hex)
{
    cop_term term;

    if (cop_binary_to_term(&term, from_hex(hex)) < 0)
        return "error";
    return to_hex(bytes_of(cop_term_to_binary(term)));
}

/* Latin-1 and UTF-8 atoms, both ways; minor version 0 has floats as text. */
CLAUSE(D_86)
{
    cop_term e_acute = parse("['\u00e9', ab, '\u65e5']");

    CHECK_EQ_STR(to_hex(bytes_of(cop_term_to_binary(e_acute, .minor_version = 1))),
        "836C00000003640001E964000261627703E697A56A");
    CHECK_EQ_STR(to_hex(bytes_of(cop_term_to_binary(e_acute, .minor_version = 2))),
        "836C000000037702C3A9770261627703E697A56A");
    CHECK_EQ_STR(to_hex(bytes_of(cop_term_to_binary(e_acute))),
        to_hex(bytes_of(cop_term_to_binary(e_acute, .minor_version = 2))));
    CHECK_EQ_STR(read_back("83640001E9"), "\u00e9");
    CHECK_EQ_STR(read_back("837301E9"), "\u00e9");
    CHECK_EQ_STR(read_back("83760002C3A9"), "\u00e9");
    CHECK_EQ_STR(to_hex(bytes_of(cop_term_to_binary(
                     cop_float(-1.5e300), .minor_version = COP_MINOR_VERSION_0))),
        "83632D312E3530303030303030303030303030303037383736652B333030000000");
    CHECK_EQ_STR(read_back("83632D312E3530303030303030303030303030303037383736652B333030000000"),
        "-1.5e300");
}

/* A list with another tail. */
CLAUSE(D_87)
{
    CHECK_EQ_STR(written("[a | b]"), "836C00000001770161770162");
    CHECK_EQ_STR(read_back("836C00000001770161770162"), "[a|b]");
    CHECK_EQ_STR(read_back("836C0000000261016102"), "error"); /* without its tail */
}

/* Without 131 it is no standalone term. The other entry point: etf_test.c. */
CLAUSE(D_88)
{
    CHECK_EQ_STR(why_not("6101"), "no term: it does not begin with 131");
    CHECK_EQ_STR(why_not(""), "cut short");
    CHECK_EQ_STR(read_back("836101"), "1");
}

/* Integers in the smallest of their forms. */
CLAUSE(D_89)
{
    CHECK_EQ_STR(written("255"), "8361FF");
    CHECK_EQ_STR(written("256"), "836200000100");
    CHECK_EQ_STR(written("-1"), "8362FFFFFFFF");
    CHECK_EQ_STR(written("-2147483648"), "836280000000");
    CHECK_EQ_STR(written("2147483648"), "836E040000000080");
    CHECK_EQ_STR(written("-2147483649"), "836E040101000080");
    CHECK_EQ_STR(written("1208925819614629174706175"), "836E0A00FFFFFFFFFFFFFFFFFFFF");
}

/* Atoms: the short tag, and the long one from 256 bytes on. */
CLAUSE(D_90)
{
    char text[2 * 128 + 3] = "'";
    size_t used = 1;

    CHECK_EQ_STR(written("''"), "837700");
    for (int i = 0; i < 128; i++, used += 2)
        memcpy(text + used, "\u00e9", 2);
    text[used++] = '\'';
    text[used] = 0;
    CHECK(strncmp(written(text), "83760100C3A9", 12) == 0);
}

/* Lists of bytes. */
CLAUSE(D_91)
{
    cop_term list = cop_nil();

    CHECK_EQ_STR(written("[0, 255]"), "836B000200FF");
    CHECK_EQ_STR(written("[0, 256]"), "836C00000002610062000001006A");
    CHECK_EQ_STR(written("[1 | 2]"), "836C0000000161016102");
    CHECK_EQ_STR(written("[]"), "836A");
    for (int i = 0; i < 65535; i++)
        list = cop_cons(cop_int(1), list);
    CHECK(strncmp(to_hex(bytes_of(cop_term_to_binary(list))), "836BFFFF01", 10) == 0);
    list = cop_cons(cop_int(1), list);
    CHECK(strncmp(to_hex(bytes_of(cop_term_to_binary(list))), "836C000100006101", 16) == 0);
}

/* Bits: the used ones at the top. */
CLAUSE(D_92)
{
    CHECK_EQ_STR(written("<<1, 2>>"), "836D000000020102");
    CHECK_EQ_STR(written("<<5:3>>"), "834D0000000103A0");
    CHECK_EQ_STR(written("<<>>"), "836D00000000");
}

#define CLOSURE(OLD_INDEX, OLD_UNIQ, MORE)                                              \
    "8370000000000100000000000000000000000000000009" MORE "77016D61" OLD_INDEX OLD_UNIQ \
    "5877036E4068000000010000000200000005"

/* A fun of elsewhere is compared by module, index, uniq and free variables, hashed as OTP does, and
 * written back with the size that it has. */
CLAUSE(D_93)
{
    static const char one[] = CLOSURE("03", "614D", "0000000200000001") "6101";
    cop_term fun, none, less, more;
    bool ok = true;

    CHECK_EQ_STR(read_back(one), "#Fun<m.3.77>");
    CHECK_EQ_STR(again(one), "83700000003801000000000000000000000000000000090000000200000001"
                             "77016D6103614D5877036E40680000000100000002000000056101");
    ok &= cop_binary_to_term(&fun, from_hex(one)) == 0;
    ok &= cop_binary_to_term(&none, from_hex(CLOSURE("03", "614D", "0000000200000000"))) == 0;
    ok &= cop_binary_to_term(
              &less, from_hex(CLOSURE("09", "62FFFFFFFB", "0000000200000002") "610177017A")) == 0;
    ok &=
        cop_binary_to_term(&more, from_hex(CLOSURE("09", "614D", "0000000200000001") "6102")) == 0;
    CHECK(ok);
    CHECK_EQ_INT(cop_type_of(fun), COP_TYPE_FUN);
    CHECK_EQ_INT(cop_phash2(fun, 1 << 27), 19168470); /* of OTP 25 */
    CHECK_EQ_INT(cop_phash2(none, 1 << 27), 66828779);
    CHECK_EQ_INT(cop_phash2(less, 1 << 27), 28725438);
    CHECK_EQ_INT(cop_compare(less, fun), -1);
    CHECK_EQ_INT(cop_compare(none, fun), -1);
    CHECK_EQ_INT(cop_compare(fun, more), -1);
    CHECK_EQ_INT(cop_compare(fun, parse("fun erlang:abs/1")), -1);
    cop_binary_to_term(&more, from_hex(CLOSURE("09", "614D", "0000000200000001") "6101"));
    CHECK(cop_identical(fun, more) && cop_hash(fun) == cop_hash(more)); /* but for the old index */
}

/* What cannot be written cannot be built. */
CLAUSE(D_94)
{
    cop_atom atom;
    char text[257];

    memset(text, 'a', 256);
    CHECK_EQ_INT(cop_atom_from_bytes(&atom, (cop_bytes){ text, 256 }), -COP_ESYSTEMLIMIT);
    CHECK_EQ_INT(cop_map_size(parse("#{1 => a, 1 => b}")), 1);
}

/* What OTP takes is taken, and has the form that equal terms have. */
CLAUSE(D_95)
{
    static const char *const cases[][2] = {
        { "83468000000000000000", "83468000000000000000" }, /* -0.0 */
        { "837700", "837700" },
        { "836E040005000000", "836105" },
        { "836E0000", "836100" },
        { "836E0100FF", "8361FF" },
        { "836E02010000", "836100" },
        { "836F0000000200FFFF", "83620000FFFF" },
        { "836E0107FF", "8362FFFFFF01" }, /* any sign but 0 is minus */
        { "836200000001", "836101" },
        { "8369000000016101", "8368016101" },
        { "836800", "836800" },
        { "834D000000010809", "836D0000000109" },
        { "834D0000000103FF", "834D0000000103E0" },
        { "834D0000000000", "836D00000000" },
        { "836B0000", "836A" },
        { "836C000000006A", "836A" },
        { "836C000000006101", "836101" },
        { "836C0000000161016A", "836B000101" },
        { "835A000077036E406800000005", "835A000077036E406800000005" },
        { "835A000177036E406800000005FFFFFFFF", "835A000177036E406800000005FFFFFFFF" },
        { "837177016D770166620000012C", "837177016D770166620000012C" },
        { "837177016D7701666E010003", "837177016D7701666103" },
        { "836777036E4068FFFFFFFFFFFFFFFF03", "835877036E4068FFFFFFFFFFFFFFFF00000003" },
        { "835877036E4068000000010000000200000000", "835877036E4068000000010000000200000000" },
        { "836677036E4068FFFFFFFF03", "837877036E406800000000FFFFFFFF00000003" },
        { "837877036E4068000000000FFFFFFF00000005", "835977036E40680FFFFFFF00000005" },
        { "836577036E40680000000703", "835A000177036E40680000000300000007" },
        { "8372000377036E406803000000070000000800000009",
            "835A000377036E406800000003000000070000000800000009" },
        { "8363312E3530303030303030303030303030303030303030652B30300000000000",
            "83463FF8000000000000" },
        { "83632B312E35000000000000000000000000000000000000000000000000000000",
            "83463FF8000000000000" },
        { "837400000002770161610261016103", "837400000002610161037701616102" },
        { "83610163", "836101" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_EQ_STR(again(cases[i][0]), cases[i][1]);
}

/* What OTP refuses is refused, and it is said what is wrong. */
CLAUSE(D_96)
{
    static const char *const cases[][2] = {
        { "83467FF8000000000000", "a float that is not finite" },
        { "8346FFF0000000000000", "a float that is not finite" },
        { "8374000000026101610261016103", "a map with a key twice" },
        { "837702C080", "an atom that is no UTF-8" },
        { "834D000000010009", "a last byte of other than 1 to 8 bits" },
        { "834D000000010909", "a last byte of other than 1 to 8 bits" },
        { "834D0000000001", "a last byte of other than 1 to 8 bits" },
        { "835A000677036E4068000000050000000100000002000000030000000400000005"
          "00000006",
            "a reference of more than five numbers" },
        { "83FF", "an unknown tag" },
        { "837900000000000000006101", "an unknown tag" },
        { "83680150000000026101", "an unknown tag" },
        { "836801836101", "an unknown tag" },
        { "835200", "an atom of a cache that is not there" },
        { "8362616161", "cut short" },
        { "83680361", "more elements announced than there are bytes" },
        { "836777036E4068000000010000000204", "a creation of more than two bits" },
        { "836577036E4068FFFFFFFF00", "a reference whose first number has more than 18 bits" },
        { "837177016D77016662FFFFFFFD", "a fun whose arity is none" },
        { "837177016D7701667177016D", "another term where an integer is expected" },
        { "83586101000000010000000200000005", "another term where an atom is expected" },
        { "836331000000000000000000000000000000000000000000000000000000000000",
            "text that is no float" },
        { "8350000000020000", "a compressed term, and no compression is given" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_EQ_STR(why_not(cases[i][0]), cases[i][1]);
    for (size_t size = 0; size < 20; size++) { /* cut anywhere */
        cop_bytes bytes = from_hex("8368037701616200000100740000000161016102");
        cop_term term;

        bytes.size = size;
        CHECK(cop_binary_to_term(&term, bytes) < 0);
    }
}

static size_t heap_bytes(void)
{
    return cop__heap_size(cop__turn_heap());
}

/* Containers within each other cannot all announce the same bytes. */
/* also: D-150 */
CLAUSE(D_149)
{
    enum { SIZE = 1 << 20, HEAD = 5 };
    char *bytes = calloc(1, SIZE);
    cop_term term;
    size_t before;

    bytes[0] = (char)131;
    for (size_t i = 1; i + HEAD < SIZE; i += HEAD) { /* each announces half of what is left */
        size_t count = (SIZE - i) / 2;

        memcpy(bytes + i,
            (char[]){
                108, (char)(count >> 24), (char)(count >> 16), (char)(count >> 8), (char)count },
            HEAD);
    }
    before = heap_bytes();
    cop_bytes hostile = { bytes, SIZE };
    CHECK_EQ_INT(cop_binary_to_term(&term, hostile), -COP_EBADARG);
    CHECK(heap_bytes() - before < 32 * (size_t)SIZE);
    memset(bytes + 1, 106, SIZE - 1); /* a list of nothing but [] */
    memcpy(bytes + 1, (char[]){ 108, 0, 15, (char)255, (char)249 }, HEAD);
    before = heap_bytes();
    CHECK_EQ_INT(cop_binary_to_term(&term, hostile), 0);
    CHECK(heap_bytes() - before < 32 * (size_t)SIZE);
    free(bytes);
    cop__heap_reset(cop__turn_heap());
}

/* Depth has a limit, and takes no C stack. */
CLAUSE(D_151)
{
    enum { DEPTH = 1000000 };
    cop_term term = cop_nil(), back;
    cop_bytes bytes;

    for (int i = 0; i < DEPTH; i++)
        term = cop_tuple_from(&term, 1);
    bytes = bytes_of(cop_term_to_binary(term));
    CHECK_EQ_INT(bytes.size, 2 * DEPTH + 2);
    CHECK_EQ_INT(cop_binary_to_term(&back, bytes), 0);
    CHECK(cop_identical(term, back));
    CHECK_EQ_INT(cop_binary_to_term(&back, bytes, .depth_max = DEPTH - 1), -COP_EBADARG);
    bytes = bytes_of(cop_term_to_binary(cop_tuple_from(&term, 1)));
    CHECK_EQ_INT(cop_binary_to_term(&back, bytes), -COP_EBADARG);
    cop__heap_reset(cop__turn_heap());
}

/* Integers have a limit. */
CLAUSE(D_153)
{
    enum { SIZE = (64 << 10) + 1 };
    char *digits = malloc(SIZE);
    cop_term back;
    cop_bytes bytes;

    memset(digits, 1, SIZE);
    bytes = bytes_of(cop_term_to_binary(cop_integer_from_bytes(false, digits, SIZE)));
    CHECK_EQ_INT(cop_binary_to_term(&back, bytes), -COP_EBADARG);
    CHECK_EQ_INT(cop_binary_to_term(&back, bytes, .integer_max = SIZE), 0);
    bytes = bytes_of(cop_term_to_binary(cop_integer_from_bytes(true, digits, SIZE - 1)));
    CHECK_EQ_INT(cop_binary_to_term(&back, bytes), 0);
    CHECK(cop_identical(back, cop_integer_from_bytes(true, digits, SIZE - 1)));
    free(digits);
    cop__heap_reset(cop__turn_heap());
}

/* A map of many keys, in any order; keys that collide on purpose are in term/map_test.c. */
CLAUSE(D_154)
{
    enum { PAIRS = 20000 };
    cop_term *terms = malloc(2 * PAIRS * sizeof *terms), map, back;

    for (int i = 0; i < PAIRS; i++) {
        terms[2 * i] = cop_int((int64_t)i * 7919 % PAIRS);
        terms[2 * i + 1] = cop_float(i);
    }
    map = cop_map_from(terms, PAIRS);
    CHECK_EQ_INT(cop_binary_to_term(&back, bytes_of(cop_term_to_binary(map))), 0);
    CHECK(cop_identical(map, back));
    free(terms);
    cop__heap_reset(cop__turn_heap());
}

/* Nothing is read behind the end, wherever it is: the sanitizers watch. tests/fuzz/fuzz_etf.c goes
 * on from here. */
CLAUSE(D_155)
{
    cop_term term = parse("{a, [1, 2.5 | <<3:7>>], #{k => 123456789012345678901}, <<\"text\">>}"),
             back;
    cop_bytes whole = bytes_of(cop_term_to_binary(term));

    for (size_t size = 0; size <= whole.size; size++) {
        char *part = malloc(size ? size : 1);
        cop_bytes bytes = { part, size };

        memcpy(part, whole.data, size);
        CHECK_EQ_INT(cop_binary_to_term(&back, bytes), size < whole.size ? -COP_EBADARG : 0);
        free(part);
    }
    CHECK(cop_identical(term, back));
}

/* --- Compression, by something simpler than zlib: a length and a byte ------------------------- */

static int repeat_inflate(
    void *to, size_t to_size, const void *from, size_t from_size, size_t *ret_used)
{
    if (from_size < 2 || *(const unsigned char *)from != to_size)
        return -COP_EBADARG;
    memset(to, ((const unsigned char *)from)[1], to_size);
    *ret_used = 2;
    return 0;
}

static int repeat_deflate(void *to, size_t *to_size, const void *from, size_t from_size, int level)
{
    (void)from, (void)from_size, (void)level;
    if (*to_size < 2)
        return -COP_ESYSTEMLIMIT;
    memcpy(to, "\3\152", 2);
    *to_size = 2;
    return 0;
}

/* Only outermost, only of the size announced, only below the limit. */
CLAUSE(D_156)
{
    static const cop_compression repeat = { repeat_inflate, repeat_deflate };
    cop_bytes three_nils = from_hex("835000000003036A"), other = from_hex("835000000004036A");
    cop_term term = COP_NONE;
    size_t used = 0;

    CHECK_EQ_INT(
        cop_binary_to_term(&term, three_nils, .compression = &repeat, .ret_used = &used), 0);
    CHECK_EQ_STR(cop_show(term), "[]");
    CHECK_EQ_INT(used, 8);
    CHECK_EQ_INT(cop_binary_to_term(&term, other, .compression = &repeat), -COP_EBADARG);
    CHECK_EQ_INT(cop_binary_to_term(&term, three_nils, .compression = &repeat, .inflated_max = 2),
        -COP_EBADARG);
    CHECK_EQ_INT(
        cop_binary_to_term(&term, from_hex("8368015000000003036A"), .compression = &repeat),
        -COP_EBADARG);
    CHECK_EQ_STR(to_hex(bytes_of(cop_term_to_binary(parse("{aaaaaaaaa}"), .compression = &repeat))),
        "83500000000D036A");
    CHECK_EQ_STR(to_hex(bytes_of(cop_term_to_binary(cop_int(1), .compression = &repeat))),
        "836101"); /* no shorter */
}

/* All nodes without a name have the same: what another of them made is kept as it is. */
TEST(reference_of_another_nameless_node)
{
    const char *hex = "835A0003770D6E6F6E6F6465406E6F686F737400000000000100029B4800010E1F6BB7";
    cop_term term = COP_NONE, again = COP_NONE;

    CHECK_EQ_INT(cop_binary_to_term(&term, from_hex(hex)), 0);
    CHECK_EQ_INT(cop_type_of(term), COP_TYPE_REFERENCE);
    CHECK_EQ_INT(cop_binary_to_term(&again, from_hex(hex)), 0);
    CHECK(cop_identical(term, again));
    hex = "835A0003770D6E6F6E6F6465406E6F686F73740000000000010002FFFFFFFFFFFFFFFF";
    CHECK_EQ_INT(cop_binary_to_term(&term, from_hex(hex)), 0);
    CHECK_EQ_STR(to_hex(bytes_of(cop_term_to_binary(term))), hex);
}
