/* SPDX-License-Identifier: Apache-2.0 */
/* Stress tests: many processes, random choices, invariants that hold at the end. Each has a short
 * form of a few seconds, and a long one with COPPICE_STRESS=long in the environment. Random choices
 * come from one seed, which is printed; COPPICE_STRESS_SEED=N repeats it (the choices, not the
 * interleaving). */
#ifndef COP_STRESS_STRESS_H
#define COP_STRESS_STRESS_H

#include "conformance/node.h"

#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STRESS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STRESS_SANITIZED 1
#endif
#endif
#ifndef STRESS_SANITIZED
#define STRESS_SANITIZED 0
#endif

static inline bool stress_long(void)
{
    const char *form = getenv("COPPICE_STRESS");

    return form && strcmp(form, "long") == 0;
}

/* How many: in the short form, in the long one, and never more than `sanitized` under a sanitizer.
 */
static inline int stress_count(int short_form, int long_form, int sanitized)
{
    int count = stress_long() ? long_form : short_form;

    return STRESS_SANITIZED && count > sanitized ? sanitized : count;
}

static inline uint64_t stress_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static inline uint64_t stress_seed(void)
{
    static uint64_t seed;
    const char *wanted = getenv("COPPICE_STRESS_SEED");

    if (!seed) {
        seed = wanted ? strtoull(wanted, NULL, 10)
                      : stress_mix((uint64_t)(uintptr_t)&seed ^ (uint64_t)cop_monotonic_ns());
        if (!seed)
            seed = 1;
        printf("seed %" PRIu64 "\n", seed);
        fflush(stdout);
    }
    return seed;
}

/* Numbers that follow from the seed and from who asks. */
struct stress_random {
    uint64_t state;
};

static inline struct stress_random stress_random_for(uint64_t who)
{
    return (struct stress_random){ stress_mix(stress_seed() + who * 0x9e3779b97f4a7c15ull) };
}

static inline uint32_t stress_below(struct stress_random *random, uint32_t limit)
{
    random->state += 0x9e3779b97f4a7c15ull;
    return (uint32_t)(stress_mix(random->state) % limit);
}

/* Resident memory of this program. */
static inline int64_t stress_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;

    if (file && fscanf(file, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

#define STRESS(NAME)                 \
    static void stress_##NAME(void); \
    TEST(NAME)                       \
    {                                \
        stress_seed();               \
        node_run(stress_##NAME, 2);  \
    }                                \
    static void stress_##NAME(void)

#endif
