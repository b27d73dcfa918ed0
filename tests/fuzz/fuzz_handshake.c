/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes to the messages of the handshake, the requests to epmd and its answer, before anybody
 * has proved to be anyone: no atom may come of it, and what is read is written back the same. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

#include "dist/epmd.h"
#include "dist/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char digest[COP__HS_DIGEST_SIZE], message[COP__HS_MESSAGE_MAX];
    struct cop__hs_name name, again;
    uint32_t challenge;
    struct cop__epmd_request request;
    char status[32];
    int port;

    if (cop__hs_read_name(&name, data, size) &&
        (!cop__hs_read_name(&again, message, cop__hs_write_name(message, &name)) ||
            strcmp(name.name, again.name) != 0 || name.flags != again.flags))
        abort();
    if (cop__hs_read_challenge(&name, data, size) &&
        (!cop__hs_read_challenge(&again, message, cop__hs_write_challenge(message, &name)) ||
            name.challenge != again.challenge))
        abort();
    if (cop__hs_read_status(status, data, size) && strlen(status) >= sizeof status)
        abort();
    cop__hs_read_reply(&challenge, digest, data, size);
    cop__hs_read_ack(digest, data, size);
    port = cop__epmd_read_port(data, size);
    if (port > 65535)
        abort();
    if (cop__epmd_read_request(&request, data, size) &&
        (request.name.size + request.extra.size > size || request.port > 65535))
        abort();
    return 0;
}
