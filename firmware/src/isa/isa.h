/* The primitives that differ between instruction sets, and the choice of one implementation.
 *
 * Contract. Every header in this folder defines, under its own prefix mlut_<isa>_, and this one
 * then names as mlut_isa_*:
 *
 *   int32_t mlut_isa_dot(const int8_t *x, const int8_t *weights, size_t count, int32_t total)
 *     returns total + sum of x[i] * weights[i] over count values; no alignment is assumed.
 *
 *   void mlut_isa_dot4(const int8_t *x, const int8_t *weights, size_t stride, size_t count,
 *                      int32_t *totals, size_t fours)
 *     adds to totals[r] the sum of x[i] * weights[r * stride + i] for 4 * fours rows, at least 4,
 *     over count columns, at least 1.
 *
 *   void mlut_isa_lookup4(const uint8_t *indices, size_t stride, size_t count,
 *                         const uint32_t *table, const uint32_t *x, int32_t *totals, size_t fours)
 *     adds to totals[r] the products of the entry table[indices[r * stride + i]] and the pair
 *     x[i] over count pairs, at least 1, for as many rows.
 *
 *   uint32_t mlut_isa_pair(int32_t first, int32_t second)
 *     returns two inputs in one word.
 *
 *   uint32_t mlut_isa_entry(int32_t first, int32_t second)
 *     returns MLUT_PAIR(first, second), two weights in one word.
 *
 *   int32_t mlut_isa_dot2(uint32_t pair, uint32_t entry, int32_t total)
 *     returns total + both products of two inputs and two weights, all of which are int8.
 *
 *   void mlut_isa_widen(const int8_t *x, size_t count, uint32_t *pairs)
 *     writes pairs of neighbours; the last one may lack the second, which is then 0.
 *
 *   uint32_t mlut_isa_even(uint32_t word), mlut_isa_odd(uint32_t word)
 *     widen bytes 0 and 2, or 1 and 3, to a pair: two int16 in one word.
 *
 *   int32_t mlut_isa_high_add(int32_t a, int32_t b, int32_t c)
 *     returns a * b / 2^32 + c, rounded to nearest, halves up.
 *
 *   int32_t mlut_isa_saturate(int32_t x)
 *     returns the int8 nearest to x.
 *
 *   uint32_t mlut_isa_max4(uint32_t a, uint32_t b)
 *     returns the larger of each of four int8.
 *
 *   void mlut_isa_put_pairs(uint32_t upper, uint32_t lower, uint32_t *to)
 *     writes four pairs: byte i of both words.
 *
 *   void mlut_isa_put_entries(uint32_t first, uint32_t second, uint32_t *to)
 *     writes four entries: byte i of both words.
 *
 *   void mlut_isa_slide(const uint32_t *x, const uint32_t *taps, size_t count, int32_t totals[4])
 *     adds to four neighbouring outputs of a kernel of one row or column their products. Words of x
 *     are pairs of neighbours, one every MLUT_LANES. Of each of `count` pairs of taps there are two
 *     words, as far apart: the taps that an even output has for the pair, and those that an odd one
 *     has, which are one later. One word of x more than `count` is read.
 *
 * and, for the tiles of convolutions, whose layout is the implementation's own:
 *
 *   enum mlut_isa_unaligned, whether words load fast from any address.
 *
 *   uint32_t *mlut_isa_put_inputs(uint32_t four, uint32_t *column)
 *     writes four int8 to a column, to every MLUT_COLUMNS-th word; returns where the next ones go.
 *
 *   void mlut_isa_put_weights(int32_t a, int32_t b, int32_t c, int32_t d, size_t row,
 *                             uint32_t *quad)
 *     writes four weights of row 0 or 1 to the 4 words that two rows share.
 *
 *   void mlut_isa_put_bytes(uint32_t four, size_t row, uint32_t *quad)
 *     does the same with the bytes of a word.
 *
 *   mlut_span_t mlut_isa_span(const uint32_t *first, size_t quads)
 *     returns the loop over MLUT_COLUMNS columns of one or more quads.
 *
 *   const uint32_t *mlut_isa_tile(const uint32_t *weights, const mlut_span_t *columns,
 *                                 const int32_t *biases, int32_t *totals, const int32_t *end)
 *     multiplies pairs of rows by 4 columns. Writes 4 totals per row, from `totals` up to `end`:
 *     the bias of row r, which is biases[MLUT_BIAS_STEP * r], plus the sum of the products of the
 *     row and each column as they were put. Returns the end of the weights.
 *
 * and, where MLUT_ISA_ADDS_PAIRS says so, for convolutions by Winograd's method:
 *
 *   uint32_t mlut_isa_add2(uint32_t a, uint32_t b), mlut_isa_sub2
 *     add or subtract both int16 of two pairs. Inputs and weights of tiles are then pairs, too:
 *     bytes 0 and 2, or 1 and 3, of four, as mlut_isa_even and mlut_isa_odd make them.
 *
 * and, unless plain_rows.h makes them of others, for depthwise convolutions:
 *
 *   enum mlut_isa_row_scale, what the weights of mlut_rows_t are multiplied with, 1 or 2;
 *
 *   void mlut_isa_rows_signed(const mlut_rows_t *rows), mlut_isa_rows_positive
 *     write the outputs of strips of a 3x3 kernel with stride 1 to the right, by the form of
 *     rounding; with `odd`, up to MLUT_LANES words behind the planes are read.
 *
 *   void mlut_isa_rows_2_signed(const mlut_rows_t *rows), mlut_isa_rows_2_positive
 *     do the same with stride 2 to the right, and read up to 2 * MLUT_LANES words.
 *
 * Cores with MLUT_ISA_MVE have kernels of their own: mve/mve_NAME.c instead of NAME.c. CMake
 * compiles one of them. Each is empty to the compiler on other cores, so that build systems that
 * compile all files may do so.
 *
 * Sums wrap nowhere: the converter guarantees |total| < 2^31 at every step. All implementations
 * give equal results; tests/firmware compares them with a plain reference on host and emulator. A
 * build for a core that should have an extension but lost it to a compiler flag stops here.
 *
 * Tiles in assembly take all registers of the core and give them back when they return. Where an
 * interrupt handler expects something in one of them (r9 with -msingle-pic-base), compile the
 * engine with MLUT_PORTABLE defined: then all of it is C. */
#ifndef MLUT_ISA_H
#define MLUT_ISA_H

#include "span.h"

#if defined(MLUT_PORTABLE)
#define MLUT_ISA_NAME "generic"
#include "generic.h"
#define MLUT_ISA(name) mlut_generic_##name
#elif defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE % 2 == 1
#define MLUT_ISA_NAME "mve"
#define MLUT_ISA_MVE 1
#include "mve.h"
#define MLUT_ISA(name) mlut_dsp_##name
#elif defined(MLUT_REQUIRE_MVE)
#error "this board's core has the MVE extension, but the compiler flags switched it off"
#elif defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#define MLUT_ISA_NAME "dsp"
#define MLUT_ISA_ADDS_PAIRS 1
#include "dsp.h"
#define MLUT_ISA(name) mlut_dsp_##name
#elif defined(MLUT_REQUIRE_DSP)
#error "this board's core has the DSP extension, but the compiler flags switched it off"
#elif defined(__ARM_ARCH_7M__) && defined(__thumb2__)
#define MLUT_ISA_NAME "v7m"
#include "v7m.h"
#define MLUT_ISA(name) mlut_v7m_##name
#elif defined(__ARM_ARCH_6M__)
#define MLUT_ISA_NAME "v6m"
#include "v6m.h"
#define MLUT_ISA(name) mlut_v6m_##name
#else
#define MLUT_ISA_NAME "generic"
#include "generic.h"
#define MLUT_ISA(name) mlut_generic_##name
#endif

#ifndef MLUT_ISA_MVE
#define MLUT_ISA_MVE 0
#endif

#ifndef MLUT_ISA_ADDS_PAIRS
#define MLUT_ISA_ADDS_PAIRS 0
#endif

#define mlut_isa_dot MLUT_ISA(dot)
#define mlut_isa_dot4 MLUT_ISA(dot4)
#define mlut_isa_lookup4 MLUT_ISA(lookup4)
#define mlut_isa_pair MLUT_ISA(pair)
#define mlut_isa_entry MLUT_ISA(entry)
#define mlut_isa_dot2 MLUT_ISA(dot2)
#define mlut_isa_widen MLUT_ISA(widen)
#define mlut_isa_even MLUT_ISA(even)
#define mlut_isa_odd MLUT_ISA(odd)
#define mlut_isa_high_add MLUT_ISA(high_add)
#define mlut_isa_saturate MLUT_ISA(saturate)
#define mlut_isa_add2 MLUT_ISA(add2)
#define mlut_isa_sub2 MLUT_ISA(sub2)
#define mlut_isa_max4 MLUT_ISA(max4)
#define mlut_isa_put_pairs MLUT_ISA(put_pairs)
#define mlut_isa_put_entries MLUT_ISA(put_entries)
#define mlut_isa_row_scale MLUT_ISA(row_scale)
#define mlut_isa_slide MLUT_ISA(slide)
#define mlut_isa_unaligned MLUT_ISA(unaligned)
#define mlut_isa_put_inputs MLUT_ISA(put_inputs)
#define mlut_isa_put_weights MLUT_ISA(put_weights)
#define mlut_isa_put_bytes MLUT_ISA(put_bytes)
#define mlut_isa_span MLUT_ISA(span)
#define mlut_isa_tile MLUT_ISA(tile)

#if defined(MLUT_ISA_ROWS)
#define mlut_isa_rows_signed MLUT_ISA(rows_signed)
#define mlut_isa_rows_positive MLUT_ISA(rows_positive)
#define mlut_isa_rows_2_signed MLUT_ISA(rows_2_signed)
#define mlut_isa_rows_2_positive MLUT_ISA(rows_2_positive)
#else
#include "plain_rows.h"
#define mlut_isa_rows_signed mlut_plain_rows_signed
#define mlut_isa_rows_positive mlut_plain_rows_positive
#define mlut_isa_rows_2_signed mlut_plain_rows_2_signed
#define mlut_isa_rows_2_positive mlut_plain_rows_2_positive
#endif

#endif /* MLUT_ISA_H */
