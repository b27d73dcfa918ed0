/* SPDX-License-Identifier: Apache-2.0 */
/* The settings, as they are when the command line says nothing. */
#include "config.h"

struct config config = {
    .port = 7379,
    .bind = "127.0.0.1",
    .partitions = 4,
    .clients_max = 10000,
    .request_size_max = (size_t)64 << 20,
};
