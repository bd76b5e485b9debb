/* Recurrent layers between int16 tensors in streamed networks. */
#include "microlut/recurrent_step_16.h"

void mlut_recurrent_step_16(const mlut_recurrent_step_16_t *layer,
    const void *in,
    const void *before,
    void *out,
    void *after,
    void *scratch)
{
    mlut_recurrent_16_from(&layer->layer, in, before, out, after, scratch);
}
