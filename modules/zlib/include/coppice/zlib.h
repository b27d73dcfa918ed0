/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed terms by zlib: the module coppice-zlib.
 *
 *   cop_term_to_binary(term, .compression = &cop_zlib)
 *   cop_binary_to_term(&term, bytes, .compression = &cop_zlib) */
#ifndef COPPICE_ZLIB_H
#define COPPICE_ZLIB_H

#include <coppice/etf.h>

COP_BEGIN_DECLS

/* A constant. OTP: the option compressed of term_to_binary/2. Clause D-156. */
COP_API extern const cop_compression cop_zlib;

COP_END_DECLS

#endif
