/* Recurrent layers that go on where the last run ended. */
#ifndef MICROLUT_RECURRENT_STEP_H
#define MICROLUT_RECURRENT_STEP_H

#include "recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    mlut_recurrent_t layer;
} mlut_recurrent_step_t;

/* `before` and `after` are the states as mlut_recurrent_from takes them; they do not overlap. */
void mlut_recurrent_step(const mlut_recurrent_step_t *layer,
    const int8_t *in,
    const int16_t *before,
    int8_t *out,
    int16_t *after,
    void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RECURRENT_STEP_H */
