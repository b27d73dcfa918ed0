/* SPDX-License-Identifier: Apache-2.0 */
/* The tree. rest_for_one: each child may lean on those above it and is restarted with them; the
 * data is on top, since it must outlive everything that talks to clients. */
#include "tree.h"
#include "clients.h"
#include "listener.h"
#include "partitions.h"
#include "session.h"

const cop_supervisor kv = {
    .name = "kv",
    .strategy = COP_REST_FOR_ONE,
    .children = COP_CHILDREN({ .name = "partitions", .supervisor = &partitions },
        { .name = "clients", .gen_server = &clients_server },
        { .name = "sessions",
            .supervisor =
                &(const cop_supervisor){
                    .strategy = COP_SIMPLE_ONE_FOR_ONE,
                    .children = COP_CHILDREN({ .name = "session",
                                                 .anonymous = true,
                                                 .process = session,
                                                 .restart = COP_TEMPORARY }, ),
                } },
        { .name = "listener", .process = listener }, ),
};
