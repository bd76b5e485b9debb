/* Runs every model of a batch on its inputs: `batch inputs outputs`, both files raw int8.
 *
 * The arena has exactly the bytes that the model asks for, so that the address sanitizer sees any
 * step beside it, and is filled with a pattern before every run, so that nothing can depend on
 * what was there. A model with state keeps its arena, and forgets what it was given before half of
 * the runs. Every second run is one step by step. Without a sanitizer, BATCH_GUARD bytes behind the arena must not change. */
#include "batch.h"
#include "microlut/microlut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BATCH_GUARD
#define BATCH_GUARD 0
#endif

static int begin(const mlut_model_t *model, void *arena, int run)
{
    if (run == 0 || model->reset == NULL) {
        memset(arena, 0x5a * run + 1, model->arena_bytes + BATCH_GUARD);
        return model->init(arena, model->arena_bytes) == (int8_t *)arena + model->inputs[0].offset;
    }
    if (run == (BATCH_RUNS + 1) / 2) {
        model->reset(arena);
    }
    return 1;
}

/* Only the last step returns the output. */
static const int8_t *run_steps(size_t number, void *arena)
{
    const int8_t *output = NULL;
    for (uint32_t step = 0; step < batch[number].steps; step++) {
        if (output != NULL) {
            return NULL;
        }
        output = batch[number].step(arena, step);
    }
    return batch[number].step(arena, batch[number].steps) == NULL ? output : NULL;
}

static int run_one(size_t number, int by_steps, void *arena, FILE *inputs, FILE *outputs)
{
    const mlut_model_t *model = batch[number].model;
    int8_t *const base = arena;
    for (uint32_t i = 0; i < model->input_count; i++) {
        const mlut_tensor_t *tensor = model->inputs + i;
        if (fread(base + tensor->offset, 1, tensor->bytes, inputs) != tensor->bytes) {
            return 0;
        }
    }
    const int8_t *output = by_steps ? run_steps(number, arena) : model->run(arena);
    if (output != base + model->outputs[0].offset) {
        return 0;
    }
    for (uint32_t i = 0; i < model->output_count; i++) {
        const mlut_tensor_t *tensor = model->outputs + i;
        if (fwrite(base + tensor->offset, 1, tensor->bytes, outputs) != tensor->bytes) {
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    FILE *inputs = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *outputs = argc == 3 ? fopen(argv[2], "wb") : NULL;
    int good = inputs != NULL && outputs != NULL;
    for (size_t i = 0; good && i < sizeof(batch) / sizeof(batch[0]); i++) {
        const mlut_model_t *model = batch[i].model;
        if (batch[i].check() != 0u) {
            fputs(model->name, stderr);
            fputs(" is not what was converted\n", stderr);
            return 4;
        }
        uint8_t *arena = aligned_alloc(MLUT_ALIGNMENT, model->arena_bytes + BATCH_GUARD);
        if (arena == NULL) {
            return 2;
        }
        for (int run = 0; good && run < BATCH_RUNS; run++) {
            good = begin(model, arena, run) && run_one(i, run % 2, arena, inputs, outputs);
            const size_t guard = BATCH_GUARD; /* a loop to 0u itself would be warned of */
            const int filled = model->reset == NULL ? run : 0;
            for (size_t j = 0; j < guard; j++) {
                if (arena[model->arena_bytes + j] != (uint8_t)(0x5a * filled + 1)) {
                    fputs(model->name, stderr);
                    fputs(" writes behind its arena\n", stderr);
                    return 3;
                }
            }
        }
        free(arena);
    }
    if (!good || fclose(outputs) != 0) {
        fputs("a file is missing or too short\n", stderr);
        return 1;
    }
    return fclose(inputs);
}
