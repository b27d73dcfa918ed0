/* SPDX-License-Identifier: Apache-2.0 */
/* io_lib:format for what comes over the I/O protocol (D-112). Layer 6, private. */
#ifndef COP_DIST_IO_FORMAT_H
#define COP_DIST_IO_FORMAT_H

#include <coppice/term.h>

/* Text of a format and its list of arguments, which lives for the turn; false: they do not fit
 * together, or a control sequence is not known. Known are ~p ~P ~w ~W ~s ~c ~b ~B ~x ~X ~+ ~# ~e ~f
 * ~g ~i ~n and ~~, with width, precision, padding and the modifiers t, l, k and K. */
bool cop__io_format(cop_bytes *ret_text, cop_term format, cop_term arguments);

#endif
