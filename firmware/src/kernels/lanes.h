/* Four channels at once, as a word. For sums, bytes raised by 128 go to the 16-bit lanes of two
 * words, which no more than MLUT_LANE_PIXELS of them can overflow. */
#ifndef MLUT_LANES_H
#define MLUT_LANES_H

#include "../isa/isa.h"
#include "../small.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MLUT_LANE_PIXELS 257u

typedef struct {
    uint32_t even; /* channels 0 and 2 */
    uint32_t odd;  /* channels 1 and 3 */
} mlut_lanes_t;

/* Whether words of four channels load fast from all pixels. The last four end with the last
 * channel, so they may have some in common with those before. */
static inline bool mlut_lanes_load_fast(const int8_t *in, size_t channels)
{
    const bool aligned = channels % 4u == 0 && (uintptr_t)in % 4u == 0;
    return !MLUT_SMALL && channels >= 4u && (mlut_isa_unaligned || aligned);
}

/* The channel from which on four follow, even if some of them were before `channel`. */
static inline size_t mlut_lanes_first(size_t channel, size_t channels)
{
    return channel + 4u <= channels ? channel : channels - 4u;
}

static inline uint32_t mlut_lanes_load(const int8_t *in)
{
    uint32_t word;
    memcpy(&word, mlut_isa_unaligned ? in : __builtin_assume_aligned(in, 4), sizeof(word));
    return word;
}

static inline void mlut_lanes_store(uint32_t word, int8_t *out)
{
    memcpy(mlut_isa_unaligned ? out : __builtin_assume_aligned(out, 4), &word, sizeof(word));
}

/* A limit in all lanes. */
static inline uint32_t mlut_lanes_all(int8_t value)
{
    return (uint8_t)value * UINT32_C(0x01010101);
}

/* The complement turns the order around. */
static inline uint32_t mlut_lanes_clamp(uint32_t word, uint32_t minimum, uint32_t maximum)
{
    return ~mlut_isa_max4(~mlut_isa_max4(word, minimum), ~maximum);
}

/* Adds four channels of `pixels` that lie next to each other. */
static inline mlut_lanes_t mlut_lanes_add(
    mlut_lanes_t sums, const int8_t *in, size_t pixels, size_t channels)
{
    for (size_t i = 0; i < pixels * channels; i += channels) {
        const uint32_t word = mlut_lanes_load(in + i) ^ UINT32_C(0x80808080);
        sums.even += word & UINT32_C(0x00ff00ff);
        sums.odd += word >> 8 & UINT32_C(0x00ff00ff);
    }
    return sums;
}

/* Adds what has been summed up over `pixels` to the totals of the four channels. */
static inline void mlut_lanes_total(mlut_lanes_t sums, size_t pixels, int32_t totals[4])
{
    const int32_t raised = 128 * (int32_t)pixels;
    totals[0] += (int32_t)(sums.even & 0xffffu) - raised;
    totals[1] += (int32_t)(sums.odd & 0xffffu) - raised;
    totals[2] += (int32_t)(sums.even >> 16) - raised;
    totals[3] += (int32_t)(sums.odd >> 16) - raised;
}

#endif /* MLUT_LANES_H */
