/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a process of the operating system whose slot is closed (os_process.c). rt odd. */
#ifndef COP_IO_OS_PROCESS_H
#define COP_IO_OS_PROCESS_H

#include "io/fd_table.h"

/* Kill it, if it has not ended. True: it is gone, and the descriptor may be closed. False: it is an
 * orphan, and its descriptor stays until cop__os_process_gone says so. */
bool cop__os_process_closed(struct cop__fd *slot);
/* True once for each orphan: it has gone by now. */
bool cop__os_process_gone(struct cop__fd *slot);

#endif
