/* SPDX-License-Identifier: Apache-2.0 */
/* A conformance test is a unit test named after its clause: CLAUSE(TO_01) shows TO-01. */
#ifndef COP_TESTS_CLAUSE_H
#define COP_TESTS_CLAUSE_H

#include "base/test.h"

#define CLAUSE(NAME) TEST(NAME)

#endif
