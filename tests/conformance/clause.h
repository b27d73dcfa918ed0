/* SPDX-License-Identifier: Apache-2.0 */
/* A conformance test is named after the clause it proves: CLAUSE(P_16) { ... } shows P-16 of
 * docs/spec/process.md. The comment above it says in one sentence what it shows; "also: P-17" in
 * that comment names more clauses. scripts/clauses counts them. */
#ifndef COP_CONFORMANCE_CLAUSE_H
#define COP_CONFORMANCE_CLAUSE_H

#include "base/test.h"

#define CLAUSE(ID) TEST(ID)

#endif
