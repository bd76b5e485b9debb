/* Compares the vectors of isa/mve.h with plain C: copies of all lengths, decoding of all widths and
 * counts, and both roundings over all shifts, at halves, at the ends of the range and at random. */
#include "isa/isa.h"
#include "kernels/output_stage.h"

#include <stdio.h>
#include <string.h>

#define LONGEST 70u
#define ROUNDS 4000u

static uint32_t state = 2463534242u;

static uint32_t next_word(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static int check_copies(size_t count, size_t from_offset, size_t to_offset)
{
    int8_t from[LONGEST + 8u];
    int8_t copied[LONGEST + 8u];
    int8_t filled[LONGEST + 8u];
    for (size_t i = 0; i < sizeof(from); i++) {
        from[i] = (int8_t)next_word();
    }
    memset(copied, 0x55, sizeof(copied));
    memset(filled, 0x55, sizeof(filled));
    mlut_mve_copy(copied + to_offset, from + from_offset, count);
    mlut_mve_fill(filled + to_offset, -3, count);
    int good = 1;
    for (size_t i = 0; i < sizeof(copied); i++) {
        const int inside = i >= to_offset && i - to_offset < count;
        good &= copied[i] == (inside ? from[i - to_offset + from_offset] : 0x55);
        good &= filled[i] == (inside ? -3 : 0x55);
    }
    return good;
}

/* Weight number i of those from byte `first` on, bit by bit; bits before byte `row` are zeros. */
static int8_t weight(const int8_t *codebook,
    const uint8_t *packed,
    size_t row,
    size_t first,
    size_t i,
    unsigned bits,
    unsigned index_bits)
{
    const size_t end = 8u * first + (i + 1u) * bits;
    unsigned index = 0;
    for (size_t at = end - index_bits; at < end; at++) {
        const unsigned bit = at < 8u * row ? 0u : packed[at / 8u] >> at % 8u & 1u;
        index |= bit << (at + index_bits - end);
    }
    return bits == 8 ? (int8_t)index : codebook[index];
}

/* Constant bits, as in the engine. */
#define SIXTEEN(bits, index_bits)                                                                  \
    case 10 * bits + index_bits: {                                                                 \
        const mlut_mve_fields_t fields = mlut_mve_fields(bits, index_bits);                        \
        vst1q_s8(got,                                                                              \
            mlut_mve_sixteen(codebook, packed + first, &fields, bits, index_bits, lanes, begins)); \
        break;                                                                                     \
    }

static int check_decoding(unsigned bits, unsigned index_bits, size_t count, int begins)
{
    const size_t first = 2;
    uint8_t packed[18];
    int8_t codebook[128];
    int8_t wanted[16];
    int8_t got[16];
    for (size_t i = 0; i < sizeof(codebook); i++) {
        codebook[i] = (int8_t)next_word();
    }
    for (size_t i = 0; i < sizeof(packed); i++) {
        packed[i] = (uint8_t)next_word();
    }
    for (size_t i = 0; i < count; i++) {
        wanted[i] = weight(codebook, packed, begins ? first : 0, first, i, bits, index_bits);
    }
    const mve_pred16_t lanes = count == 16 ? MLUT_MVE_ALL : vctp8q(count);
    switch (10u * bits + index_bits) {
        SIXTEEN(2, 2)
        SIXTEEN(3, 3)
        SIXTEEN(4, 4)
        SIXTEEN(5, 5)
        SIXTEEN(6, 6)
        SIXTEEN(7, 7)
        SIXTEEN(8, 8)
        SIXTEEN(2, 6)
        SIXTEEN(3, 6)
        SIXTEEN(4, 6)
    default:
        return 0;
    }
    return memcmp(got, wanted, count) == 0;
}

/* A number whose product with the multiplier is near what two roundings could tell apart. */
static int32_t telling(int32_t multiplier, int32_t shift, int32_t limit)
{
    const uint32_t kind = next_word() % 4u;
    const int32_t near = (int32_t)(next_word() % 5u) - 2;
    if (kind == 0) {
        return (int32_t)(next_word() % (2u * (uint32_t)limit - 1u)) - (limit - 1);
    }
    if (kind == 1) {
        return next_word() % 2u == 0 ? limit - 1 : 1 - limit;
    }
    /* half an output more than some output, in inputs */
    const int64_t half = ((int64_t)(2 * (int32_t)(next_word() % 300u) - 299) << 31) / 2;
    const int64_t input = (shift < 0 ? half << -shift : half >> shift) / multiplier + near;
    return input >= limit ? limit - 1 : input <= -limit ? 1 - limit : (int32_t)input;
}

static int check_multiply(void)
{
    const int32_t multiplier = (int32_t)(next_word() % 0x40000000u + 0x40000000u);
    const int32_t shift = (int32_t)(next_word() % 40u) - 31;
    const int32_t limit = shift > 0 ? INT32_MAX >> shift : INT32_MAX;
    int32_t x[4];
    int32_t got[4];
    for (size_t i = 0; i < 4u; i++) {
        x[i] = telling(multiplier, shift, limit);
    }
    const int32x4_t vector = mlut_mve_four(x[0], x[1], x[2], x[3]);
    vst1q_s32(got, mlut_mve_multiply(vector, vdupq_n_s32(multiplier), vdupq_n_s32(shift)));
    int good = 1;
    for (size_t i = 0; i < 4u; i++) {
        good &= got[i] == mlut_multiply(x[i], multiplier, shift);
    }
    return good;
}

/* Against the plain form: the quick ones of other cores are not what proves this one. */
static int check_quick(int is_signed)
{
    const int32_t multiplier = (int32_t)(next_word() % 0x40000000u + 0x40000000u);
    const int32_t shift = -1 - (int32_t)(next_word() % 21u);
    const int32_t point = is_signed ? (int32_t)(next_word() % 256u) - 128 : -128;
    const int32_t nudge = mlut_quick_nudge(shift, point);
    const int32x4_t shifts = vdupq_n_s32(shift + 24);
    int32_t x[4];
    int32_t got[4];
    for (size_t i = 0; i < 4u; i++) {
        x[i] = telling(multiplier, shift, 1 << 30);
    }
    const int32x4_t vector = mlut_mve_four(x[0], x[1], x[2], x[3]);
    vst1q_s32(got,
        mlut_mve_quick(vector, vdupq_n_s32(multiplier), shifts, vdupq_n_s32(nudge), is_signed));
    int good = 1;
    for (size_t i = 0; i < 4u; i++) {
        const int32_t scaled = mlut_multiply(x[i], multiplier, shift) + point;
        good &= got[i] == mlut_clamp_int8(scaled, -128, 127);
    }
    return good;
}

int main(void)
{
    unsigned failures = 0;
    for (size_t count = 0; count <= LONGEST; count++) {
        for (size_t offsets = 0; offsets < 64u; offsets++) {
            failures += check_copies(count, offsets & 7u, offsets >> 3) ? 0 : 1;
        }
    }
    for (unsigned bits = 2; bits <= 8; bits++) {
        for (size_t count = 1; count <= 16; count++) {
            failures += check_decoding(bits, bits, count, 1) ? 0 : 1;
            failures += bits > 4 || check_decoding(bits, 6, count, 0) ? 0 : 1;
            failures += bits > 4 || check_decoding(bits, 6, count, 1) ? 0 : 1;
        }
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        failures += check_multiply() ? 0 : 1;
        failures += check_quick(0) ? 0 : 1;
        failures += check_quick(1) ? 0 : 1;
    }
    printf("mve: %u failures\n", failures);
    return failures != 0;
}
