/* SPDX-License-Identifier: Apache-2.0 */
/* The GenServer that knows all connections: it numbers them, counts them, and turns away those that
 * are too many. */
#ifndef KV_CLIENTS_H
#define KV_CLIENTS_H

#include <coppice.h>

extern const cop_gen_server clients_server;

/* Called by a session when it starts: false when there are too many. It leaves by exiting. */
bool clients_enter(int64_t *ret_id, const char *address);
/* CLIENT SETNAME of the calling session. */
void clients_set_name(cop_bytes name);
/* [{Id, Address, Name, AgeS}], oldest first. */
cop_term clients_list(void);
/* How many there are, and have been. */
void clients_count(int64_t *ret_now, int64_t *ret_ever);

#endif
