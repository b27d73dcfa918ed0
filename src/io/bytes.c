/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers on views of bytes, which the direct style reads and parses with. Layer 3; no state.
 */
#include <coppice/file.h>
#include <string.h>

cop_bytes cop_bytes_from(const char *text)
{
    cop_bytes bytes = { text, text ? strlen(text) : 0 };

    return bytes;
}

bool cop_bytes_eq(cop_bytes bytes, const char *text)
{
    return strlen(text) == bytes.size && (!bytes.size || memcmp(bytes.data, text, bytes.size) == 0);
}

size_t cop_bytes_count(cop_bytes bytes, char what)
{
    size_t count = 0;

    for (size_t i = 0; i < bytes.size; i++)
        count += bytes.data[i] == what;
    return count;
}

size_t cop_bytes_split(cop_bytes text, char separator, cop_bytes *ret_words, size_t words_max)
{
    size_t count = 0;

    while (count < words_max) {
        const char *end = text.size ? memchr(text.data, separator, text.size) : NULL;
        size_t size = end ? (size_t)(end - text.data) : text.size;

        if (!end || count + 1 == words_max) {
            ret_words[count++] = text; /* the last word takes the rest */
            break;
        }
        ret_words[count++] = (cop_bytes){ text.data, size };
        text = (cop_bytes){ end + 1, text.size - size - 1 };
    }
    return count;
}
