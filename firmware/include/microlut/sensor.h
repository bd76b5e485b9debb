/* Values of sensors as frames of a network's input. */
#ifndef MLUT_SENSOR_H
#define MLUT_SENSOR_H

#include "rescale.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const mlut_rescale_t *stages; /* [features]; their origins are in 1 / 64 of a raw value */
    uint16_t features;
    int8_t zero_point;
} mlut_sensor_t;

/* Write the values of a frame, each from -2^24 to 2^24 as the sensor gives them, as inputs. */
void mlut_sensor(const mlut_sensor_t *sensor, const int32_t *raw, int8_t *frame);

#ifdef __cplusplus
}
#endif

#endif /* MLUT_SENSOR_H */
