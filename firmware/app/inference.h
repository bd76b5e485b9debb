/* The functions that run the model; every console command uses them. */
#ifndef MLUT_INFERENCE_H
#define MLUT_INFERENCE_H

#include <stddef.h>
#include <stdint.h>

/* Runs one inference on MLUT_APP_INPUT_BYTES: those of all inputs, one after the other. */
void mlut_infer(const uint8_t *input);

/* Makes the next inference the first one, for models with state. */
void mlut_infer_anew(void);

/* Returns an output of the last inference, valid until the next one; NULL before the first. */
const int8_t *mlut_inferred(size_t output);

#endif /* MLUT_INFERENCE_H */
