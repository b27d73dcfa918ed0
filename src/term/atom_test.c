/* SPDX-License-Identifier: Apache-2.0 */
/* The atom table, alone and with threads that make the same atoms at once. */
#include "term/atoms.h"

#include "base/test.h"

#include <pthread.h>

enum { THREADS = 4, ATOMS = 6000 };

TEST(preloaded)
{
    cop_atom atom = { 0 };

    CHECK_EQ_INT(cop_atom_new("ok").index, COP__ATOM_ok);
    CHECK_EQ_INT(cop_atom_new("").index, COP__ATOM_empty);
    CHECK_EQ_STR(cop_atom_text((cop_atom){ COP__ATOM_gen_call }).data, "$gen_call");
    CHECK_EQ_INT(cop_atom_text(atom).size, 0);
    CHECK(!cop_atom_existing(&atom, (cop_bytes){ "never made before", 17 }));
    CHECK_EQ_INT(atom.index, 0);
}

TEST(limits)
{
    char text[4 * 256 + 1];
    cop_atom atom = { 0 };

    for (int i = 0; i < 256; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    CHECK_EQ_INT(cop_atom_from_bytes(&atom, (cop_bytes){ text, 2 * 255 }), 0);
    CHECK(atom.index != 0);
    atom.index = 0;
    CHECK_EQ_INT(cop_atom_from_bytes(&atom, (cop_bytes){ text, 2 * 256 }), -COP_ESYSTEMLIMIT);
    CHECK_EQ_INT(cop_atom_from_bytes(&atom, (cop_bytes){ "\xc0\x80", 2 }), -COP_EBADARG);
    CHECK_EQ_INT(cop_atom_from_bytes(&atom, (cop_bytes){ "\xed\xa0\x80", 3 }), -COP_EBADARG);
    CHECK_EQ_INT(cop_atom_from_bytes(&atom, (cop_bytes){ "\xff", 1 }), -COP_EBADARG);
    CHECK_EQ_INT(atom.index, 0);
}

static void *make_atoms(void *indices)
{
    uint32_t *index = indices;
    char text[32];

    for (int i = 0; i < ATOMS; i++) {
        snprintf(text, sizeof(text), "made by many %d", i);
        index[i] = cop_atom_new(text).index;
        if (strcmp(cop_atom_text((cop_atom){ index[i] }).data, text) != 0)
            index[i] = 0;
    }
    return NULL;
}

TEST(many_threads)
{
    static uint32_t indices[THREADS][ATOMS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, make_atoms, indices[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < ATOMS; i++) {
        CHECK(indices[0][i] != 0);
        for (int j = 1; j < THREADS; j++)
            CHECK_EQ_INT(indices[j][i], indices[0][i]);
    }
}
