/* SPDX-License-Identifier: Apache-2.0 */
/* The macros cop(...) and cop_match(...): Erlang text, compiled once per call site. Placeholder
 * for the signatures; C only (C++ uses the typed functions of term.h). */
#ifndef COPPICE_PATTERN_H
#define COPPICE_PATTERN_H
#endif
