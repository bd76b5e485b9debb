/* From fixed point to a quantized value, for what stands before a network. */
#ifndef MLUT_RESCALE_H
#define MLUT_RESCALE_H

#include <stdint.h>

/* quantized = zero point + (x - origin) * multiplier / 2^shift, halves up. */
typedef struct {
    int32_t origin;
    int32_t multiplier; /* 2^30 to 2^31 - 1, or 0 */
    uint8_t shift;      /* 1 to 62 */
} mlut_rescale_t;

#endif /* MLUT_RESCALE_H */
