/* What the outputs of a network become: scores that are steady over time, boxes of different
 * objects, and how far a reconstruction is from its input. */
#ifndef MLUT_ANSWERS_H
#define MLUT_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The last answers, and the sums of their scores. */
typedef struct {
    int8_t *answers; /* [count][classes] */
    int32_t *sums;   /* [classes] */
    size_t classes;
    size_t count; /* of answers, 1 to 2^23 */
    size_t next;
    size_t held;
} mlut_smooth_t;

/* Forget all answers. */
void mlut_smooth_clear(mlut_smooth_t *smooth);

/* Add an answer, and write the mean scores of the last `count` answers, or of all so far. */
void mlut_smooth(mlut_smooth_t *smooth, const int8_t *answer, int8_t *means);

/* A box; its edges are in any unit, left <= right and top <= bottom. */
typedef struct {
    int16_t left;
    int16_t top;
    int16_t right;
    int16_t bottom;
    int16_t score;
    uint16_t class_number;
} mlut_box_t;

/* Order boxes by their scores, of equal ones the first one first, and keep those whose
 * intersection with each kept one is at most `overlap` / 256 of the union. With `all` boxes of
 * other classes count, too. Return how many are kept; they come first. */
size_t mlut_suppress(mlut_box_t *boxes, size_t count, uint32_t overlap, bool all);

/* How the difference of an input and its reconstruction is measured: both in units of `unit`. */
typedef struct {
    float unit;
    int32_t input_multiplier; /* up to 2^14 */
    int32_t output_multiplier;
    int32_t input_zero_point;
    int32_t output_zero_point;
} mlut_distance_t;

/* Return the measure of two tensors with these scales and zero points. */
static inline mlut_distance_t mlut_distance_of(
    float input_scale, int32_t input_zero_point, float output_scale, int32_t output_zero_point)
{
    const float larger = input_scale > output_scale ? input_scale : output_scale;
    mlut_distance_t distance;
    distance.unit = larger * (1.0f / 16384.0f);
    distance.input_multiplier = (int32_t)(input_scale / distance.unit + 0.5f);
    distance.output_multiplier = (int32_t)(output_scale / distance.unit + 0.5f);
    distance.input_zero_point = input_zero_point;
    distance.output_zero_point = output_zero_point;
    return distance;
}

/* Return the sum of the squares of the differences of `count` values, up to 2^16, in unit^2. */
uint64_t mlut_distance(
    const mlut_distance_t *distance, const int8_t *input, const int8_t *output, size_t count);

/* Return that sum for a mean square difference, to compare with. */
static inline uint64_t mlut_distance_threshold(
    const mlut_distance_t *distance, float mean_square, size_t count)
{
    const float units = mean_square / distance->unit / distance->unit * (float)count;
    return units >= 9.2e18f ? UINT64_MAX : (uint64_t)units;
}

#ifdef __cplusplus
}
#endif

#endif /* MLUT_ANSWERS_H */
