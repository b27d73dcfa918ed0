/* SPDX-License-Identifier: Apache-2.0 */
/* coppice-zlib: zlib behind cop_compression. */
#include <coppice/zlib.h>

#include <limits.h>
#include <string.h>
#include <zlib.h>

/* zlib counts in unsigned int. A term that is read announces its size in 32 bits, so what lies
 * beyond is not its. */
static uInt clipped(size_t size)
{
    return size > UINT_MAX ? UINT_MAX : (uInt)size;
}

static int inflate_all(
    void *to, size_t to_size, const void *from, size_t from_size, size_t *ret_used)
{
    unsigned char nothing[1]; /* zlib wants a place even for a stream of no bytes */
    z_stream stream;
    int status;

    if (to_size > UINT_MAX)
        return -COP_EBADARG;
    memset(&stream, 0, sizeof stream);
    stream.next_in = (z_const Bytef *)from;
    stream.avail_in = clipped(from_size);
    if (inflateInit(&stream) != Z_OK)
        return -COP_ESYSTEMLIMIT;
    stream.next_out = to_size ? to : nothing;
    stream.avail_out = to_size ? (uInt)to_size : 1;
    status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (status != Z_STREAM_END || stream.total_out != to_size)
        return -COP_EBADARG;
    *ret_used = stream.total_in;
    return 0;
}

static int deflate_all(void *to, size_t *to_size, const void *from, size_t from_size, int level)
{
    uLongf size = *to_size;

    if (compress2(to, &size, from, from_size, level) != Z_OK)
        return -COP_ESYSTEMLIMIT;
    *to_size = size;
    return 0;
}

const cop_compression cop_zlib = { inflate_all, deflate_all };
