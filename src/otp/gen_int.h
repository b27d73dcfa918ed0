/* SPDX-License-Identifier: Apache-2.0 */
/* What the behaviours share among themselves, below the public gen.h. */
#ifndef COP_OTP_GEN_INT_H
#define COP_OTP_GEN_INT_H

#include <coppice/gen.h>

enum { COP__GEN_TIMEOUT_MS = 5000 };

cop_atom cop__gen_call_label(void);
cop_atom cop__gen_cast_label(void); /* '$gen_call' */
int64_t cop__gen_timeout(int64_t timeout_ms);
/* A call with any label ('$gen_call', system). Not REPLY: *ret is the reason. */
enum cop_call_outcome cop__gen_call(
    cop_term *ret, cop_dest server, cop_atom label, cop_term request, int64_t timeout_ms);

/* What a behaviour goes on with outside of its loop's turns: its start, or what a callback raised.
 */
struct cop__going_on {
    void (*go_on)(void *on); /* gets this struct, which is the first of a larger one */
    const bool *terminating;
    enum cop_class kind; /* of what was raised; none: nothing was */
    cop_term reason, stack;
};
/* Go on, also with what is raised meanwhile, until the loop is idle or the process ends. */
void cop__gen_go_on(struct cop__going_on *on);

/* Is reason one for which nothing is logged and no transient child restarted (P-38)? */
bool cop__gen_expected(cop_term reason);

#endif
