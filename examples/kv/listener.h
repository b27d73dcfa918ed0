/* SPDX-License-Identifier: Apache-2.0 */
/* The process that accepts connections. */
#ifndef KV_LISTENER_H
#define KV_LISTENER_H

#include <coppice.h>

cop_process_main listener;

#endif
