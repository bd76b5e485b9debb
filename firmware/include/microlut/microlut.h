/* What converted models offer to programs; the operators that they call are in the headers beside
 * this one.
 *
 * A program may set the macros below in a file microlut_config.h on its include path. */
#ifndef MICROLUT_H
#define MICROLUT_H

#include "pair.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__has_include)
#if __has_include("microlut_config.h")
#include "microlut_config.h"
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Generated code refuses to compile against another version of these structures. */
#define MLUT_ABI 13

/* Where weights and ready-made arenas lie: attributes such as section(".qspi") for weights in
 * external flash or section(".dtcm") for arenas in tightly coupled memory. */
#ifndef MLUT_WEIGHTS_SECTION
#define MLUT_WEIGHTS_SECTION
#endif
#ifndef MLUT_ARENA_SECTION
#define MLUT_ARENA_SECTION
#endif

/* Bytes behind each ready-made arena, in words, that no inference writes to: a program may look. */
#ifndef MLUT_ARENA_GUARD
#define MLUT_ARENA_GUARD 0u
#endif

/* Stands behind every layer that computes: to feed a watchdog, to yield, to measure. */
#ifndef MLUT_AFTER_LAYER
#define MLUT_AFTER_LAYER() ((void)0)
#endif

/* What arenas, and scratch in them, are aligned to. */
#define MLUT_ALIGNMENT 16u
#ifdef __cplusplus
#define MLUT_ALIGNED alignas(MLUT_ALIGNMENT)
#else
#define MLUT_ALIGNED _Alignas(MLUT_ALIGNMENT)
#endif

/* Types of tensors, by the bytes of a value. */
#define MLUT_INT8 1u
#define MLUT_INT16 2u

/* An input or an output. */
typedef struct {
    const char *name;
    uint32_t offset; /* in the arena */
    uint32_t bytes;
    float scale; /* real = scale * (quantized - zero_point); 0: it differs by feature */
    int32_t zero_point;
    uint8_t type;
} mlut_tensor_t;

/* What a generated <model>.c offers to programs that run any model (the console application). */
typedef struct {
    const char *name;
    const mlut_tensor_t *inputs;
    const mlut_tensor_t *outputs;
    uint32_t input_count;
    uint32_t output_count;
    uint32_t arena_bytes;
    uint32_t input_bytes; /* of all inputs */
    uint32_t output_bytes;
    /* Takes an arena and prepares it; returns the first input, or NULL if the arena is too small or
     * not aligned to MLUT_ALIGNMENT. Inputs are written before each run. */
    int8_t *(*init)(void *arena, size_t bytes);
    const int8_t *(*run)(void *arena); /* runs one inference, returns the first output */
    void (*reset)(void *arena);        /* forgets earlier runs; NULL for models without state */
} mlut_model_t;

/* Return real / scale + zero_point, rounded to nearest, halves away from zero, and limited. */
static inline int32_t mlut_quantize(
    float real, float scale, int32_t zero_point, int32_t minimum, int32_t maximum)
{
    const float scaled = real / scale;
    const float least = (float)(minimum - zero_point);
    const float most = (float)(maximum - zero_point);
    if (!(scaled > least)) { /* or not a number */
        return minimum;
    }
    if (scaled >= most) {
        return maximum;
    }
    return (int32_t)(scaled + (scaled < 0.0f ? -0.5f : 0.5f)) + zero_point;
}

/* Return the least value that stands for `real` or more; maximum + 1 if none does. */
static inline int32_t mlut_threshold(
    float real, float scale, int32_t zero_point, int32_t minimum, int32_t maximum)
{
    int32_t value = mlut_quantize(real, scale, zero_point, minimum, maximum);
    while (value > minimum && scale * (float)(value - 1 - zero_point) >= real) {
        value--;
    }
    while (value <= maximum && !(scale * (float)(value - zero_point) >= real)) {
        value++;
    }
    return value;
}

/* Return the index of the largest of some values; of equal ones, the first. */
static inline size_t mlut_largest_int8(const int8_t *values, size_t count)
{
    size_t largest = 0;
    for (size_t i = 1; i < count; i++) {
        if (values[i] > values[largest]) {
            largest = i;
        }
    }
    return largest;
}

static inline size_t mlut_largest_int16(const int16_t *values, size_t count)
{
    size_t largest = 0;
    for (size_t i = 1; i < count; i++) {
        if (values[i] > values[largest]) {
            largest = i;
        }
    }
    return largest;
}

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_H */
