/* SPDX-License-Identifier: Apache-2.0 */
/* Layer 8, private. */
#ifndef COP_PROGRAM_HEART_H
#define COP_PROGRAM_HEART_H

#include <coppice/heart.h>

/* If coppice-heart has started this program: beat from now on. In a process. */
void cop__heart_start(void);

#endif
