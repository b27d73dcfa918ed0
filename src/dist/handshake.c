/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of the handshake (handshake.h). Nothing here has state, and no atom is made of what
 * a stranger sends (D-146). */
#include "dist/handshake.h"

#include <stdio.h>
#include <string.h>

#include "base/md5.h"
#include "dist/bytes.h"

enum {
    NAME_HEAD = 15,      /* 'N', flags64, creation32, nlen16 */
    CHALLENGE_HEAD = 19, /* 'N', flags64, challenge32, creation32, nlen16 */
    REPLY_SIZE = 21,
    ACK_SIZE = 17
};

static size_t put_text(unsigned char *to, const char *name)
{
    size_t size = strlen(name);

    cop__put_be(to, size, 2);
    memcpy(to + 2, name, size);
    return 2 + size;
}

size_t cop__hs_write_name(unsigned char *to, const struct cop__hs_name *name)
{
    to[0] = 'N';
    cop__put_be(to + 1, name->flags, 8);
    cop__put_be(to + 9, name->creation, 4);
    return 13 + put_text(to + 13, name->name);
}

size_t cop__hs_write_challenge(unsigned char *to, const struct cop__hs_name *name)
{
    to[0] = 'N';
    cop__put_be(to + 1, name->flags, 8);
    cop__put_be(to + 9, name->challenge, 4);
    cop__put_be(to + 13, name->creation, 4);
    return 17 + put_text(to + 17, name->name);
}

size_t cop__hs_write_status(unsigned char *to, const char *status)
{
    size_t size = strlen(status);

    to[0] = 's';
    memcpy(to + 1, status, size);
    return 1 + size;
}

size_t cop__hs_write_reply(
    unsigned char *to, uint32_t challenge, const unsigned char digest[COP__HS_DIGEST_SIZE])
{
    to[0] = 'r';
    cop__put_be(to + 1, challenge, 4);
    memcpy(to + 5, digest, COP__HS_DIGEST_SIZE);
    return REPLY_SIZE;
}

size_t cop__hs_write_ack(unsigned char *to, const unsigned char digest[COP__HS_DIGEST_SIZE])
{
    to[0] = 'a';
    memcpy(to + 1, digest, COP__HS_DIGEST_SIZE);
    return ACK_SIZE;
}

/* The name that follows a head; bytes behind it are ignored (D-28). */
static bool read_text(
    char ret_name[COP__HS_NAME_MAX + 1], const unsigned char *bytes, size_t size, size_t head)
{
    size_t length;

    if (size < head)
        return false;
    length = cop__get_be(bytes + head - 2, 2);
    if (length > COP__HS_NAME_MAX || size - head < length || memchr(bytes + head, 0, length))
        return false;
    memcpy(ret_name, bytes + head, length);
    ret_name[length] = 0;
    return true;
}

static uint64_t expanded(uint64_t flags)
{
    return flags & COP__DF_MANDATORY_25_DIGEST ? flags | COP__DF_DIGEST_FLAGS : flags;
}

bool cop__hs_read_name(struct cop__hs_name *ret_name, const unsigned char *bytes, size_t size)
{
    if (!size || bytes[0] != 'N' || !read_text(ret_name->name, bytes, size, NAME_HEAD))
        return false;
    ret_name->flags = expanded(cop__get_be(bytes + 1, 8));
    ret_name->creation = (uint32_t)cop__get_be(bytes + 9, 4);
    ret_name->challenge = 0;
    return true;
}

bool cop__hs_read_challenge(struct cop__hs_name *ret_name, const unsigned char *bytes, size_t size)
{
    if (!size || bytes[0] != 'N' || !read_text(ret_name->name, bytes, size, CHALLENGE_HEAD))
        return false;
    ret_name->flags = expanded(cop__get_be(bytes + 1, 8));
    ret_name->challenge = (uint32_t)cop__get_be(bytes + 9, 4);
    ret_name->creation = (uint32_t)cop__get_be(bytes + 13, 4);
    return true;
}

bool cop__hs_read_status(char ret_status[32], const unsigned char *bytes, size_t size)
{
    if (size < 2 || size > 32 || bytes[0] != 's' || memchr(bytes, 0, size))
        return false;
    memcpy(ret_status, bytes + 1, size - 1);
    ret_status[size - 1] = 0;
    return true;
}

bool cop__hs_read_reply(uint32_t *ret_challenge, unsigned char ret_digest[COP__HS_DIGEST_SIZE],
    const unsigned char *bytes, size_t size)
{
    if (size < REPLY_SIZE || bytes[0] != 'r')
        return false;
    *ret_challenge = (uint32_t)cop__get_be(bytes + 1, 4);
    memcpy(ret_digest, bytes + 5, COP__HS_DIGEST_SIZE);
    return true;
}

bool cop__hs_read_ack(
    unsigned char ret_digest[COP__HS_DIGEST_SIZE], const unsigned char *bytes, size_t size)
{
    if (size < ACK_SIZE || bytes[0] != 'a')
        return false;
    memcpy(ret_digest, bytes + 1, COP__HS_DIGEST_SIZE);
    return true;
}

void cop__hs_digest(
    unsigned char ret_digest[COP__HS_DIGEST_SIZE], const char *cookie, uint32_t challenge)
{
    struct cop__md5 md5;
    char digits[16];
    int size = snprintf(digits, sizeof digits, "%u", challenge);

    cop__md5_begin(&md5);
    cop__md5_add(&md5, cookie, strlen(cookie));
    cop__md5_add(&md5, digits, (size_t)size);
    cop__md5_end(ret_digest, &md5);
}

bool cop__hs_same_digest(
    const unsigned char a[COP__HS_DIGEST_SIZE], const unsigned char b[COP__HS_DIGEST_SIZE])
{
    volatile unsigned char differ = 0;

    for (unsigned i = 0; i < COP__HS_DIGEST_SIZE; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

bool cop__hs_valid_name(const char *name)
{
    const char *at = strchr(name, '@');

    if (!at || at == name || !at[1] || strchr(at + 1, '@') || strlen(name) > COP__HS_NAME_MAX)
        return false;
    for (; *name; name++)
        if (*name <= ' ' || *name > '~')
            return false;
    return true;
}
