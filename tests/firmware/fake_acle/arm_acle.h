/* The DSP intrinsics in plain C, so that dsp.h runs on the host under the sanitizers. */
#ifndef FAKE_ARM_ACLE_H
#define FAKE_ARM_ACLE_H

#include <stdint.h>

typedef uint32_t int8x4_t;
typedef uint32_t int16x2_t;

/* Sign-extend bytes 0 and 2 to two 16-bit halves. */
static inline int16x2_t __sxtb16(int8x4_t word)
{
    const uint32_t low = (uint32_t)(int32_t)(int8_t)(word & 0xffu);
    const uint32_t high = (uint32_t)(int32_t)(int8_t)((word >> 16) & 0xffu);
    return (low & 0xffffu) | high << 16;
}

/* Sums and differences of 16-bit halves, which wrap. */
static inline int16x2_t __sadd16(int16x2_t a, int16x2_t b)
{
    return ((a + b) & 0xffffu) | ((a >> 16) + (b >> 16)) << 16;
}

static inline int16x2_t __ssub16(int16x2_t a, int16x2_t b)
{
    return ((a - b) & 0xffffu) | ((a >> 16) - (b >> 16)) << 16;
}

/* total + both products of 16-bit halves. */
static inline int32_t __smlad(int16x2_t a, int16x2_t b, int32_t total)
{
    const int32_t low = (int16_t)(a & 0xffffu) * (int16_t)(b & 0xffffu);
    const int32_t high = (int16_t)(a >> 16) * (int16_t)(b >> 16);
    return total + low + high;
}

#endif /* FAKE_ARM_ACLE_H */
