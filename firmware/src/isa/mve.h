/* Vectors of Arm cores with MVE (Cortex-M55): 16 products an instruction.
 *
 * What works on single values is taken from dsp.h, for such cores have that extension too. Whole
 * operators are in the folder mve, since their tiles have other layouts. Loops whose end is part of
 * a vector are assembly: GCC makes none that hardware counts and masks. */
#ifndef MLUT_ISA_MVE_H
#define MLUT_ISA_MVE_H

#include "dsp.h"

#include <arm_mve.h>
#include <stddef.h>
#include <stdint.h>

#define MLUT_MVE_ALL 0xffffu /* the predicate of all lanes */

/* Copy bytes; the areas may lie anywhere but not overlap. */
static inline void mlut_mve_copy(int8_t *to, const int8_t *from, size_t count)
{
    int8x16_t bytes;
    __asm__ volatile("wlstp.8 lr, %[count], 2f\n"
                     "1:\tvldrb.8 %q[bytes], [%[from]], #16\n\t"
                     "vstrb.8 %q[bytes], [%[to]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
        : [to] "+r"(to), [from] "+r"(from), [bytes] "=&w"(bytes)
        : [count] "r"(count)
        : "lr", "cc", "memory");
}

static inline void mlut_mve_fill(int8_t *to, int8_t value, size_t count)
{
    const int8x16_t bytes = vdupq_n_s8(value);
    __asm__ volatile("wlstp.8 lr, %[count], 2f\n"
                     "1:\tvstrb.8 %q[bytes], [%[to]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
        : [to] "+r"(to)
        : [count] "r"(count), [bytes] "w"(bytes)
        : "lr", "cc", "memory");
}

/* Four numbers as a vector; GCC goes through memory. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_four(
    int32_t a, int32_t b, int32_t c, int32_t d)
{
    int32x4_t four;
    __asm__("vmov %q[four][2], %q[four][0], %[a], %[c]\n\t"
            "vmov %q[four][3], %q[four][1], %[b], %[d]"
        : [four] "=&w"(four)
        : [a] "r"(a), [b] "r"(b), [c] "r"(c), [d] "r"(d));
    return four;
}

/* Where the indices of 16 neighbouring weights stand in packed bytes: each in one or two, which
 * shifts bring to the top of a lane. Where indices overlap, bytes count from the one before, in
 * which some begin; before a row's first byte there are zeros. */
typedef struct {
    mve_pred16_t inside; /* the lanes whose low byte is not the one before */
    uint8x16_t low;
    uint8x16_t high;
    int8x16_t low_shift;
    int8x16_t high_shift;
} mlut_mve_fields_t;

static inline __attribute__((always_inline)) mlut_mve_fields_t mlut_mve_fields(
    unsigned bits, unsigned index_bits)
{
    const unsigned before = index_bits > bits ? 8u - (index_bits - bits) : 0u;
    const uint8x16_t own = vmulq_n_u8(vidupq_n_u8(0, 1), (uint8_t)bits);
    const uint8x16_t first = vaddq_n_u8(own, (uint8_t)before);
    const int8x16_t skipped = vreinterpretq_s8_u8(vandq_u8(first, vdupq_n_u8(7)));
    mlut_mve_fields_t fields;
    fields.low = vshrq_n_u8(first, 3);
    fields.high = vshrq_n_u8(vaddq_n_u8(first, (uint8_t)(index_bits - 1u)), 3);
    fields.low_shift = vsubq_s8(vdupq_n_s8((int8_t)(8 - (int)index_bits)), skipped);
    fields.high_shift = vaddq_n_s8(fields.low_shift, 8);
    fields.inside = vcmpcsq_n_u8(fields.low, 1);
    return fields;
}

static inline __attribute__((always_inline)) uint8x16_t mlut_mve_gather(
    const uint8_t *from, uint8x16_t offsets, mve_pred16_t lanes)
{
    return lanes == MLUT_MVE_ALL ? vldrbq_gather_offset_u8(from, offsets)
                                 : vldrbq_gather_offset_z_u8(from, offsets, lanes);
}

/* Decode 16 weights of 2 to 7 bits, or those of `lanes`; no byte outside the row is read. `begins`:
 * they are the first of their row. */
static inline __attribute__((always_inline)) int8x16_t mlut_mve_decode(const int8_t *codebook,
    const uint8_t *from,
    const mlut_mve_fields_t *fields,
    unsigned bits,
    unsigned index_bits,
    mve_pred16_t lanes,
    int begins)
{
    uint8x16_t top;
    from -= index_bits > bits ? 1 : 0;
    if (index_bits > bits && begins) {
        const mve_pred16_t inside = fields->inside & lanes;
        top = vldrbq_gather_offset_z_u8(from, fields->low, inside);
    } else {
        top = mlut_mve_gather(from, fields->low, lanes);
    }
    top = vshlq_u8(top, fields->low_shift);
    if (index_bits > bits || 8u % bits != 0) { /* some indices are in two bytes */
        const uint8x16_t high = mlut_mve_gather(from, fields->high, lanes);
        top = vorrq_u8(top, vshlq_u8(high, fields->high_shift));
    }
    const uint8x16_t index = vshlq_u8(top, vdupq_n_s8((int8_t)((int)index_bits - 8)));
    return vldrbq_gather_offset_s8(codebook, index);
}

/* The same of 2 to 8 bits. */
static inline __attribute__((always_inline)) int8x16_t mlut_mve_sixteen(const int8_t *codebook,
    const uint8_t *from,
    const mlut_mve_fields_t *fields,
    unsigned bits,
    unsigned index_bits,
    mve_pred16_t lanes,
    int begins)
{
    if (bits == 8) {
        return vldrbq_z_s8((const int8_t *)from, lanes);
    }
    return mlut_mve_decode(codebook, from, fields, bits, index_bits, lanes, begins);
}

/* round(x * multiplier * 2^(shift - 31)) as mlut_multiply: VQRDMULH is its first rounding, halves
 * up, and VRSHL is the second one, if 1 is taken from negative numbers before. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_multiply(
    int32x4_t x, int32x4_t multiplier, int32x4_t shift)
{
    const int32x4_t right = vminq_s32(shift, vdupq_n_s32(0));
    x = vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shift, vdupq_n_s32(0))), multiplier);
    x = vqaddq_s32(x, vshrq_n_s32(vandq_s32(x, right), 31)); /* not where nothing is shifted */
    return vrshlq_s32(x, right);
}

/* As mlut_quick_output, given 24 more than the shift: the rounded product is shifted so that the
 * result becomes the top byte, which saturates. */
static inline __attribute__((always_inline)) int32x4_t mlut_mve_quick(
    int32x4_t x, int32x4_t multiplier, int32x4_t shift_24, int32x4_t nudge, int is_signed)
{
    x = vqrdmulhq_s32(x, multiplier);
    if (is_signed != 0) {
        x = vaddq_s32(x, vshrq_n_s32(x, 31));
    }
    x = vqshlq_s32(vaddq_s32(x, nudge), shift_24);
    return vshrq_n_s32(x, 24);
}

#endif /* MLUT_ISA_MVE_H */
