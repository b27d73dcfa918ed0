/* SPDX-License-Identifier: Apache-2.0 */
/* Glob patterns without recursion. On a mismatch only the last star needs to take one more
 * character (what the stars before it took can stay), so the worst case is the product of both
 * lengths and no pattern of a hostile client is exponential. */
#include "glob.h"

static unsigned char fold(char c, bool ignore_case)
{
    return (unsigned char)(ignore_case && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* p is behind the '['. Returns the end of the set, and whether c is in it. A set without an end
 * ends with the pattern. */
static const char *match_set(
    bool *ret_in, const char *p, const char *end, unsigned char c, bool ignore_case)
{
    bool negated = p < end && *p == '^', in = false;

    for (p += negated; p < end && *p != ']'; p++) {
        unsigned char low, high;

        if (*p == '\\' && end - p >= 2)
            p++;
        low = high = fold(*p, ignore_case);
        if (end - p >= 3 && p[1] == '-' && p[-1] != '\\') {
            high = fold(p[2], ignore_case);
            p += 2;
        }
        in |= low <= high ? low <= c && c <= high : high <= c && c <= low;
    }
    *ret_in = in != negated;
    return p < end ? p + 1 : end;
}

/* Match one character; *p moves behind what stands for it. */
static bool match_one(const char **p, const char *end, char text, bool ignore_case)
{
    unsigned char c = fold(text, ignore_case);
    bool in;

    switch (**p) {
    case '?':
        ++*p;
        return true;
    case '[':
        *p = match_set(&in, *p + 1, end, c, ignore_case);
        return in;
    case '\\':
        if (end - *p >= 2)
            ++*p;
        break;
    default:
        break;
    }
    return fold(*(*p)++, ignore_case) == c;
}

bool glob_match(
    const char *pattern, size_t pattern_size, const char *text, size_t text_size, bool ignore_case)
{
    const char *p = pattern, *p_end = pattern + pattern_size;
    const char *t = text, *t_end = text + text_size;
    const char *star = NULL, *star_text = NULL; /* behind the last star; where its share ends */

    while (t < t_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            star_text = t;
        } else if (p < p_end && match_one(&p, p_end, *t, ignore_case)) {
            t++;
        } else if (star) {
            p = star;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}
