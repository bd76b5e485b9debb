/* Recurrent layers with codebook weights: a loop over time with one step of a cell inside.
 *
 * The gates are those of TensorFlow Lite's 16-bit LOGISTIC and TANH, and the LSTM is its
 * UNIDIRECTIONAL_SEQUENCE_LSTM with an int8 hidden state. Other cells have an int16 hidden state.
 * A row is decoded and meets the input and the hidden state; where scratch holds all weights, they
 * are decoded once. converter/microlut/ops/recurrent.py computes the same in NumPy. */
#include "../isa/isa.h"
#include "recurrent_steps.h"

static inline int32_t mlut_recurrent_scale(int32_t total, const mlut_factor_t *factor)
{
    return mlut_recurrent_saturate(mlut_multiply(total, factor->multiplier, factor->shift));
}

/* What a row makes of an input, in Q3.12. */
static int32_t mlut_recurrent_own(
    const mlut_recurrent_t *layer, const int8_t *weights, const int8_t *x, size_t gate, size_t unit)
{
    const int32_t bias = layer->bias[gate * layer->units + unit];
    return mlut_recurrent_scale(mlut_isa_dot(x, weights, layer->inputs, bias), layer->own + gate);
}

/* What a row makes of an int16 hidden state, in Q3.12. */
static int32_t mlut_recurrent_wide(const mlut_recurrent_t *layer,
    const int8_t *weights,
    const int16_t *hidden,
    size_t gate,
    int32_t total)
{
    weights += layer->inputs;
    for (size_t i = 0; i < layer->units; i++) {
        total += hidden[i] * weights[i];
    }
    return mlut_recurrent_scale(total, layer->recurrent + gate);
}

/* The sum that a gate of an LSTM reads. */
static int32_t mlut_recurrent_lstm_sum(
    const mlut_steps_t *job, const void *x, const void *hidden, size_t gate, size_t unit)
{
    const mlut_recurrent_t *const layer = job->layer;
    const size_t at = gate * layer->units + unit;
    const int8_t *const row = mlut_recurrent_row(job, at);
    const int32_t own = mlut_recurrent_own(layer, row, (const int8_t *)x, gate, unit);
    const int32_t bias = layer->hidden_bias == NULL ? 0 : layer->hidden_bias[at];
    const int32_t total =
        mlut_isa_dot((const int8_t *)hidden, row + layer->inputs, layer->units, bias);
    return mlut_recurrent_saturate(own + mlut_recurrent_scale(total, layer->recurrent + gate));
}

/* The sum that a gate of another cell reads. */
static int32_t mlut_recurrent_wide_sum(
    const mlut_steps_t *job, const void *x, const void *hidden, size_t gate, size_t unit)
{
    const mlut_recurrent_t *const layer = job->layer;
    const int8_t *const row = mlut_recurrent_row(job, gate * layer->units + unit);
    const int32_t own = mlut_recurrent_own(layer, row, (const int8_t *)x, gate, unit);
    const int32_t after = mlut_recurrent_wide(layer, row, (const int16_t *)hidden, gate, 0);
    return mlut_recurrent_saturate(own + after);
}

static mlut_recurrent_parts_t mlut_recurrent_candidate(
    const mlut_steps_t *job, const void *x, size_t unit)
{
    const mlut_recurrent_t *const layer = job->layer;
    const int8_t *const row = mlut_recurrent_row(job, 2u * (size_t)layer->units + unit);
    const int16_t *const hidden = (const int16_t *)job->hidden;
    const mlut_recurrent_parts_t parts = {
        mlut_recurrent_own(layer, row, (const int8_t *)x, 2, unit),
        mlut_recurrent_wide(layer, row, hidden, 2, layer->hidden_bias[unit])};
    return parts;
}

static inline void mlut_recurrent_put(const mlut_steps_t *job, size_t unit, int32_t made)
{
    int8_t *const next = (int8_t *)job->next;
    next[unit] = mlut_clamp_int8(made + job->layer->zero_point, INT8_MIN, INT8_MAX);
}

void mlut_recurrent_lstm(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_lstm_step(job, x, mlut_recurrent_lstm_sum, mlut_recurrent_put);
}

void mlut_recurrent_simple_rnn(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_simple_rnn_step(job, x, mlut_recurrent_wide_sum);
}

void mlut_recurrent_gru(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_gru_step(job, x, mlut_recurrent_wide_sum, mlut_recurrent_candidate);
}

void mlut_recurrent_gru_reset_before(mlut_steps_t *job, const void *x)
{
    mlut_recurrent_gru_reset_before_step(job, x, mlut_recurrent_wide_sum);
}

/* Write an int16 hidden state, whose scale is 2^-8 times the output's. */
static void mlut_recurrent_write(const mlut_steps_t *job, void *out)
{
    const int16_t *const hidden = (const int16_t *)job->hidden;
    for (size_t u = 0; u < job->layer->units; u++) {
        const int32_t found = mlut_multiply(hidden[u], INT32_C(1) << 30, -7);
        ((int8_t *)out)[u] = mlut_clamp_int8(found, INT8_MIN, INT8_MAX);
    }
}

static void mlut_recurrent_write_narrow(const mlut_steps_t *job, void *out)
{
    memcpy(out, job->hidden, job->layer->units);
}

/* Take the states from a tensor; those of an LSTM's cell lie before its hidden ones. */
static void mlut_recurrent_load(const mlut_steps_t *job, int narrow, const int16_t *before)
{
    const size_t units = job->layer->units;
    if (narrow == 0) {
        memcpy(job->hidden, before, 2u * units);
        return;
    }
    memcpy(job->state, before, 2u * units);
    for (size_t u = 0; u < units; u++) {
        ((int8_t *)job->hidden)[u] = (int8_t)(before[units + u] + job->layer->zero_point);
    }
}

static void mlut_recurrent_store(const mlut_steps_t *job, int narrow, int16_t *after)
{
    const size_t units = job->layer->units;
    if (narrow == 0) {
        memcpy(after, job->hidden, 2u * units);
        return;
    }
    memcpy(after, job->state, 2u * units);
    for (size_t u = 0; u < units; u++) {
        after[units + u] = (int16_t)(((const int8_t *)job->hidden)[u] - job->layer->zero_point);
    }
}

void mlut_recurrent(const mlut_recurrent_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    mlut_recurrent_from(layer, in, NULL, out, NULL, scratch);
}

void mlut_recurrent_from(const mlut_recurrent_t *layer,
    const int8_t *in,
    const int16_t *before,
    int8_t *out,
    int16_t *after,
    void *scratch)
{
    const int narrow = layer->gates == 4 ? 1 : 0; /* an LSTM's hidden state has 8 bits */
    const int keeps = narrow != 0 || layer->cell == mlut_recurrent_gru_reset_before;
    mlut_steps_t job = mlut_recurrent_begin(layer, keeps, narrow != 0 ? 1u : 2u, scratch);
    if (narrow != 0) {
        memset(job.hidden, layer->zero_point, layer->units);
    }
    if (before != NULL) {
        mlut_recurrent_load(&job, narrow, before);
    }
    mlut_recurrent_steps(
        &job, in, out, 1, narrow != 0 ? mlut_recurrent_write_narrow : mlut_recurrent_write);
    if (after != NULL) {
        mlut_recurrent_store(&job, narrow, after);
    }
}
