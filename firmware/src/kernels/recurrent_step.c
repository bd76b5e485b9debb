/* Recurrent layers in streamed networks. */
#include "microlut/recurrent_step.h"

void mlut_recurrent_step(const mlut_recurrent_step_t *layer,
    const int8_t *in,
    const int16_t *before,
    int8_t *out,
    int16_t *after,
    void *scratch)
{
    mlut_recurrent_from(&layer->layer, in, before, out, after, scratch);
}
