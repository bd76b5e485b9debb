/* Quantize the values of sensors. */
#include "microlut/sensor.h"
#include "fixed.h"

void mlut_sensor(const mlut_sensor_t *sensor, const int32_t *raw, int8_t *frame)
{
    for (size_t i = 0; i < sensor->features; i++) {
        frame[i] = mlut_rescale(sensor->stages + i, raw[i] * 64, sensor->zero_point);
    }
}
