/* The primitives that differ between instruction sets, and the choice of one implementation.
 *
 * Contract. Every header in this folder defines, under its own prefix mlut_<isa>_, and this one
 * then names as mlut_isa_*:
 *
 *   int32_t mlut_isa_dot(const int8_t *x, const int8_t *weights, size_t count, int32_t total)
 *     returns total + sum of x[i] * weights[i] over count values; no alignment is assumed.
 *
 *   void mlut_isa_dot4(const int8_t *x, const int8_t *weights, size_t stride, size_t count,
 *                      int32_t totals[4])
 *     adds to totals[r] the sum of x[i] * weights[r * stride + i], r = 0 .. 3.
 *
 * Sums wrap nowhere: the converter guarantees |total| < 2^31 at every step. All implementations
 * give equal results; tests/firmware compares them with a plain reference on host and emulator. A
 * build for a core that should have an extension but lost it to a compiler flag stops here. */
#ifndef MLUT_ISA_H
#define MLUT_ISA_H

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#define MLUT_ISA_NAME "dsp"
#include "isa/dsp.h"
#define mlut_isa_dot mlut_dsp_dot
#define mlut_isa_dot4 mlut_dsp_dot4
#elif defined(MLUT_REQUIRE_DSP)
#error "this board's core has the DSP extension, but the compiler flags switched it off"
#else
#define MLUT_ISA_NAME "generic"
#include "isa/generic.h"
#define mlut_isa_dot mlut_generic_dot
#define mlut_isa_dot4 mlut_generic_dot4
#endif

#endif /* MLUT_ISA_H */
