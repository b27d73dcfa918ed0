/* SPDX-License-Identifier: Apache-2.0 */
/* Opening stream sockets of any family: what tcp.c and unix.c share (stream.c). All with rt odd. */
#ifndef COP_IO_STREAM_H
#define COP_IO_STREAM_H

#include "io/address.h"
#include "io/fd_table.h"

int cop__stream_listen(
    uint64_t *ret_id, const struct cop__address *address, const struct cop_socket_options *options);
int cop__stream_connect(uint64_t *ret_id, const struct cop__address *address,
    const struct cop_socket_options *options, uint64_t deadline_ns);
int cop__stream_accept(uint64_t *ret_id, uint64_t listener,
    const struct cop_socket_options *options, uint64_t deadline_ns);
/* 0 in the options is "infinity". */
uint64_t cop__options_deadline(const struct cop_socket_options *options);

#endif
