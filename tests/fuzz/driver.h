/* SPDX-License-Identifier: Apache-2.0 */
/* A main for fuzz targets without libFuzzer: compiled with -DCOP_FUZZ_STANDALONE, a target runs
 * once over each file it is given. */
#ifndef COP_TESTS_FUZZ_DRIVER_H
#define COP_TESTS_FUZZ_DRIVER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef COP_FUZZ_STANDALONE
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size, room = 1 << 20;
        uint8_t *data = malloc(room);

        if (!file || !data) {
            perror(argv[i]);
            return 1;
        }
        size = fread(data, 1, room, file);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
        fclose(file);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
#endif

#endif
