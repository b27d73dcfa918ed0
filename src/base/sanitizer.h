/* SPDX-License-Identifier: Apache-2.0 */
/* Which sanitizer this is compiled for: gcc and clang say so in two ways. Layer 0. */
#ifndef COP_BASE_SANITIZER_H
#define COP_BASE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define COP__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COP__ASAN 1
#endif
#endif
#ifndef COP__ASAN
#define COP__ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define COP__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COP__TSAN 1
#endif
#endif
#ifndef COP__TSAN
#define COP__TSAN 0
#endif

#endif
