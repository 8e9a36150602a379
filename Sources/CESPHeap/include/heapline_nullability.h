// SPDX-License-Identifier: Apache-2.0
//
// Nullability words for compilers that lack them. The ESP-IDF headers are read by Clang (Swift
// imports them) and by whatever system compiler builds firmware on this host, so the words vanish
// where they are unknown.

#ifndef HEAPLINE_NULLABILITY_H
#define HEAPLINE_NULLABILITY_H

#ifdef __clang__
#define HL_ASSUME_NONNULL_BEGIN _Pragma("clang assume_nonnull begin")
#define HL_ASSUME_NONNULL_END _Pragma("clang assume_nonnull end")
#else
#define HL_ASSUME_NONNULL_BEGIN
#define HL_ASSUME_NONNULL_END
#ifndef _Nonnull
#define _Nonnull
#endif
#ifndef _Nullable
#define _Nullable
#endif
#endif

#endif
