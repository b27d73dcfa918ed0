/* SPDX-License-Identifier: Apache-2.0 */
/* Coppice: OTP for C. Includes all public headers. */
#ifndef COPPICE_H
#define COPPICE_H

#include <coppice/base.h>
#include <coppice/term.h>
#include <coppice/etf.h>
#include <coppice/match_spec.h>
#include <coppice/process.h>
#include <coppice/mailbox.h>
#include <coppice/ets.h>
#include <coppice/persistent_term.h>
#include <coppice/atomics.h>
#include <coppice/timer.h>
#include <coppice/fields.h>
#include <coppice/gen.h>
#include <coppice/sys.h>
#include <coppice/gen_server.h>
#include <coppice/isolate.h>
#include <coppice/supervisor.h>
#include <coppice/dynamic_supervisor.h>
#include <coppice/partition_supervisor.h>
#include <coppice/gen_statem.h>
#include <coppice/gen_event.h>
#include <coppice/agent.h>
#include <coppice/task.h>
#include <coppice/registry.h>
#include <coppice/pubsub.h>
#include <coppice/port.h>
#include <coppice/application.h>
#include <coppice/pg.h>
#include <coppice/global.h>
#include <coppice/runtime.h>
#include <coppice/heart.h>
#include <coppice/log.h>
#include <coppice/socket.h>
#include <coppice/os_process.h>
#include <coppice/net_kernel.h>
#include <coppice/rpc.h>
#include <coppice/fault.h>
#include <coppice/mutex.h>
#include <coppice/file.h>
#include <coppice/sim.h>

#endif
