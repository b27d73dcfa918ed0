/* SPDX-License-Identifier: Apache-2.0 */
/* A mutex for what processes share in memory of C: a table of your own, a library that is not
 * thread-safe. Who waits for it parks, so no thread is held up; the process owns it, not the
 * thread, so it may be held across any call of this library.
 *
 * A process may die while it holds one, by a fault or an exit signal. Then the next in line gets
 * it, and is told so: what the mutex protects may be half-changed. Every lock says so until
 * somebody has put that right and says cop_mutex_consistent:
 *
 *   static cop_mutex mutex;
 *
 *   if (cop_mutex_lock(&mutex) == -EOWNERDEAD) {
 *       rebuild(&table);
 *       cop_mutex_consistent(&mutex);
 *   }
 *   insert(&table, key, value);
 *   cop_mutex_unlock(&mutex);
 *
 * State that belongs to one process, which answers calls, needs no mutex and is restarted whole:
 * prefer that. OTP has no counterpart; global:trans/2 comes nearest. */
#ifndef COPPICE_MUTEX_H
#define COPPICE_MUTEX_H

#include <coppice/process.h>

COP_BEGIN_DECLS

/* All zero is unlocked, and there is nothing to destroy. It must not move, and must outlive those
 * who use it: static, or in memory that they share, not in that of one of them. */
typedef struct {
    uint32_t internal_lock, internal_dead;
    void *internal[3];
} cop_mutex;

/* Take the mutex; who has waited longest is next. try does not wait, within not for ever.
 *
 * Returns  0, or -EOWNERDEAD: taken as well, but a process died while it held it, and nobody has
 *          said cop_mutex_consistent since; -EBUSY (try), -COP_ETIMEOUT (within): not taken.
 * Exits    the caller with badarg, when it holds the mutex already; with timeout_value (P-28);
 *          with system_limit.
 * Parks    lock and within: yes, when another holds it. Exit signals end the wait.
 * Options  timeout_ms; 0: as try; COP_INFINITY: as lock.
 * Context  any process.
 * OTP      none.
 */
COP_API int cop_mutex_lock(cop_mutex *mutex);
COP_API int cop_mutex_lock_within(cop_mutex *mutex, int64_t timeout_ms);
COP_API int cop_mutex_try_lock(cop_mutex *mutex);

/* Let go of it: who has waited longest holds it now. Holders of several may let go of them in any
 * order.
 *
 * Exits    the caller with badarg, when it does not hold the mutex.
 * Parks    no.
 * Context  the process that holds it; also in a cop_defer.
 * OTP      none.
 */
COP_API void cop_mutex_unlock(cop_mutex *mutex);

/* What the mutex protects is whole again; locks return 0 from now on.
 *
 * Exits    the caller with badarg, when it does not hold the mutex.
 * Parks    no.
 * Context  the process that holds it.
 * OTP      none.
 */
COP_API void cop_mutex_consistent(cop_mutex *mutex);

/* Who holds it now; for people who look for a deadlock, since it may be another a moment later.
 *
 * Returns  its pid; a pid with id 0: nobody.
 * Parks    no.
 * Context  any thread.
 * OTP      none.
 */
COP_API cop_pid cop_mutex_owner(const cop_mutex *mutex);

COP_END_DECLS

#endif
