/* Linear interpolation in a table of 513 results, for every 128th int16 from -32768 on. */
#ifndef MLUT_INTERPOLATE_16_H
#define MLUT_INTERPOLATE_16_H

#include <stdint.h>

static inline int32_t mlut_interpolate_16(const int16_t *table, int32_t x)
{
    const int16_t *const entry = table + 256 + (x >> 7);
    const int32_t slope = entry[1] - entry[0];
    return entry[0] + ((slope * (x & 127) + 64) >> 7);
}

#endif /* MLUT_INTERPOLATE_16_H */
