/* Recurrent layers between int16 tensors, with int16 hidden states and sums of 64 bits. The LSTM is
 * TensorFlow Lite's UNIDIRECTIONAL_SEQUENCE_LSTM in its 16x8 form. */
#include "microlut/recurrent_16.h"
#include "linear_16.h"
#include "recurrent_steps.h"

/* A gate's sum in Q3.12; its factor is multiplier / 2^shift. */
static inline int32_t mlut_recurrent_16_scale(int64_t total, const mlut_factor_t *factor)
{
    const mlut_channel_16_t channel = {0, factor->multiplier, (unsigned)factor->shift};
    return mlut_output_16(&channel, total, INT16_MIN, INT16_MAX);
}

/* What a gate's row makes of an input, and of a hidden state, in Q3.12. */
static mlut_recurrent_parts_t mlut_recurrent_16_parts(const mlut_steps_t *job,
    const void *x,
    const void *hidden,
    size_t gate,
    size_t unit,
    int32_t hidden_bias)
{
    const mlut_recurrent_t *const layer = job->layer;
    const size_t at = gate * layer->units + unit;
    const int8_t *const row = mlut_recurrent_row(job, at);
    const int64_t own = mlut_dot_16((const mlut_int16_t *)x, row, layer->inputs, layer->bias[at]);
    const int64_t after =
        mlut_dot_16((const mlut_int16_t *)hidden, row + layer->inputs, layer->units, hidden_bias);
    const mlut_recurrent_parts_t parts = {mlut_recurrent_16_scale(own, layer->own + gate),
        mlut_recurrent_16_scale(after, layer->recurrent + gate)};
    return parts;
}

static int32_t mlut_recurrent_16_sum(
    const mlut_steps_t *job, const void *x, const void *hidden, size_t gate, size_t unit)
{
    const mlut_recurrent_parts_t parts = mlut_recurrent_16_parts(job, x, hidden, gate, unit, 0);
    return mlut_recurrent_saturate(parts.own + parts.inner);
}

static mlut_recurrent_parts_t mlut_recurrent_16_candidate(
    const mlut_steps_t *job, const void *x, size_t unit)
{
    return mlut_recurrent_16_parts(job, x, job->hidden, 2, unit, job->layer->hidden_bias[unit]);
}

static inline void mlut_recurrent_16_put(const mlut_steps_t *job, size_t unit, int32_t made)
{
    ((int16_t *)job->next)[unit] = (int16_t)mlut_recurrent_saturate(made);
}

void mlut_recurrent_16_lstm(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_lstm_step(job, x, mlut_recurrent_16_sum, mlut_recurrent_16_put);
}

void mlut_recurrent_16_simple_rnn(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_simple_rnn_step(job, x, mlut_recurrent_16_sum);
}

void mlut_recurrent_16_gru(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_gru_step(job, x, mlut_recurrent_16_sum, mlut_recurrent_16_candidate);
}

void mlut_recurrent_16_gru_reset_before(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_gru_reset_before_step(job, x, mlut_recurrent_16_sum);
}

static void mlut_recurrent_16_write(const mlut_steps_t *job, void *out)
{
    memcpy(out, job->hidden, 2u * (size_t)job->layer->units);
}

void mlut_recurrent_16(const mlut_recurrent_16_t *layer, const void *in, void *out, void *scratch)
{
    mlut_recurrent_16_from(&layer->layer, in, NULL, out, NULL, scratch);
}

void mlut_recurrent_16_from(const mlut_recurrent_t *layer,
    const void *in,
    const void *before,
    void *out,
    void *after,
    void *scratch)
{
    const size_t state_bytes = 2u * (size_t)layer->units;
    const int lstm = layer->gates == 4 ? 1 : 0; /* whose cell states come first */
    const int keeps = lstm != 0 || layer->cell == mlut_recurrent_16_gru_reset_before;
    const size_t hidden = lstm != 0 ? state_bytes : 0u;
    mlut_steps_t job = mlut_recurrent_begin(layer, keeps, 2, scratch);
    if (before != NULL) {
        memcpy(job.state, before, hidden);
        memcpy(job.hidden, (const int8_t *)before + hidden, state_bytes);
    }
    mlut_recurrent_steps(&job, in, out, 2, mlut_recurrent_16_write);
    if (after != NULL) {
        memcpy(after, job.state, hidden);
        memcpy((int8_t *)after + hidden, job.hidden, state_bytes);
    }
}
