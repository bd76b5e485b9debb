/* Recurrent layers of int16 values that go on where the last run ended. */
#ifndef MICROLUT_RECURRENT_STEP_16_H
#define MICROLUT_RECURRENT_STEP_16_H

#include "recurrent_16.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    mlut_recurrent_t layer;
} mlut_recurrent_step_16_t;

/* `before` and `after` are the states as mlut_recurrent_16_from takes them; they do not overlap. */
void mlut_recurrent_step_16(const mlut_recurrent_step_16_t *layer,
    const void *in,
    const void *before,
    void *out,
    void *after,
    void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RECURRENT_STEP_16_H */
