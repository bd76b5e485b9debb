/* What converted models offer to programs; the operators that they call are in the headers beside
 * this one. */
#ifndef MICROLUT_H
#define MICROLUT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Generated code refuses to compile against another version of these structures. */
#define MLUT_ABI 9

/* What arenas, and scratch in them, are aligned to. */
#define MLUT_ALIGNMENT 16u

/* What a generated <model>.c offers to programs that run any model (the console application). */
typedef struct {
    const char *name;
    uint32_t arena_bytes;
    uint32_t input_bytes;
    uint32_t output_bytes;
    float input_scale; /* real = scale * (quantized - zero_point) */
    float output_scale;
    int32_t input_zero_point;
    int32_t output_zero_point;
    /* Takes an arena; returns where input_bytes are written before each run, or NULL if the arena
     * is too small or not aligned to MLUT_ALIGNMENT. */
    int8_t *(*init)(void *arena, size_t bytes);
    const int8_t *(*run)(void *arena); /* runs one inference, returns output_bytes of output */
} mlut_model_t;

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_H */
