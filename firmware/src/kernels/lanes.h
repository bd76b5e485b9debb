/* Sums of four channels at once: bytes raised by 128 go to the 16-bit lanes of two words, which no
 * more than MLUT_LANE_PIXELS of them can overflow. */
#ifndef MLUT_LANES_H
#define MLUT_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MLUT_LANE_PIXELS 257u

typedef struct {
    uint32_t even; /* channels 0 and 2 */
    uint32_t odd;  /* channels 1 and 3 */
} mlut_lanes_t;

/* Adds four channels of `pixels` that lie next to each other; `in` is aligned to 4 bytes. */
static inline mlut_lanes_t mlut_lanes_add(
    mlut_lanes_t sums, const int8_t *in, size_t pixels, size_t channels)
{
    for (size_t i = 0; i < pixels * channels; i += channels) {
        uint32_t word;
        memcpy(&word, __builtin_assume_aligned(in + i, 4), sizeof(word));
        word ^= UINT32_C(0x80808080);
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
