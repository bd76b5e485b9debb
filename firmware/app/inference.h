/* The one function that runs the model; every console command uses it. */
#ifndef MLUT_INFERENCE_H
#define MLUT_INFERENCE_H

#include <stdint.h>

/* Runs one inference on MLUT_APP_INPUT_BYTES of input. The output stays valid until the next one.
 */
const int8_t *mlut_infer(const uint8_t *input);

#endif /* MLUT_INFERENCE_H */
