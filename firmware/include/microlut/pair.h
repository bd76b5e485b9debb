/* Two weights in a word, for cores that multiply both at once. */
#ifndef MICROLUT_PAIR_H
#define MICROLUT_PAIR_H

#include <stdint.h>

/* A constant. Where one instruction multiplies both, they are its halves. On other cores the word
 * is a number, and one product of it and of a number made of two inputs has the sum of both
 * products in its upper half (src/isa/generic.h). */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#define MLUT_PAIR_HALVES 1
#define MLUT_PAIR(first, second) ((uint32_t)(uint16_t)(first) | (uint32_t)(second) << 16)
#else
#define MLUT_PAIR_HALVES 0
#define MLUT_PAIR(first, second) (0u - (uint32_t)(second) - ((uint32_t)(first) << 16))
#endif

#endif /* MICROLUT_PAIR_H */
