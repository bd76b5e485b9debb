/* Recurrent layers with codebook weights: a loop over time with one step of a cell inside.
 *
 * The gates are those of TensorFlow Lite's 16-bit LOGISTIC and TANH, and the LSTM is its
 * UNIDIRECTIONAL_SEQUENCE_LSTM with an int8 hidden state. Other cells have an int16 hidden state.
 * A row is decoded and meets the input and the hidden state; where scratch holds all weights, they
 * are decoded once. converter/microlut/ops/recurrent.py computes the same in NumPy. */
#include "microlut/recurrent.h"
#include "../decode.h"
#include "../fixed_point.h"
#include "../isa/isa.h"
#include "sigmoid_table.h"

#include <string.h>

#define MLUT_RECURRENT_ONE 32767 /* Q0.15 */

/* One run: the states, which change places after a step, and the decoded weights. */
typedef struct mlut_steps {
    const mlut_recurrent_t *layer;
    int8_t *weights;
    int16_t *state; /* of an LSTM, or a hidden state that is reset */
    void *hidden;
    void *next;
} mlut_steps_t;

static inline int32_t mlut_recurrent_saturate(int32_t x)
{
    return x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x;
}

/* a * b * 2^-shift, rounded twice. */
static inline int32_t mlut_recurrent_product(int32_t a, int32_t b, int shift)
{
    return mlut_recurrent_saturate(mlut_multiply(a * b, INT32_C(1) << 30, 1 - shift));
}

/* Q3.12 to Q0.15. */
static int32_t mlut_recurrent_sigmoid(int32_t x)
{
    const int32_t wide = 3 * x;
    const uint32_t size = (uint32_t)(wide < 0 ? -wide : wide);
    const uint32_t at = size >> 9;
    uint32_t found = UINT32_C(0x7FFF) << 10;
    if (at < 255u) {
        const uint32_t a = mlut_sigmoid_table[at];
        found = (a << 9) + (size & 511u) * (mlut_sigmoid_table[at + 1u] - a);
    }
    return (int32_t)((wide >= 0 ? found + 512u : (UINT32_C(1) << 25) - found + 511u) >> 10);
}

/* x * 2^power to Q0.15. */
static int32_t mlut_recurrent_tanh(int32_t x, int power)
{
    const int shift = power + 12;
    int32_t wide = 3 * x;
    if (shift > 0) {
        wide = mlut_shift_left(wide, (unsigned)shift);
    } else if (shift < 0) {
        wide = (wide + (int32_t)(UINT32_C(1) << (unsigned)(-shift - 1))) >> (unsigned)-shift;
    }
    const uint32_t size = (uint32_t)(wide < 0 ? -wide : wide);
    const uint32_t at = size >> 8;
    const int32_t half = INT32_C(1) << 23;
    int32_t found = INT32_C(0xFFFF) << 8;
    if (at < 255u) {
        const uint32_t a = mlut_sigmoid_table[at];
        found = (int32_t)((a << 8) + (size & 255u) * (mlut_sigmoid_table[at + 1u] - a));
    }
    return (wide >= 0 ? found - half + 128 : half - found + 127) >> 8;
}

static const int8_t *mlut_recurrent_row(const mlut_steps_t *job, size_t row)
{
    const mlut_weights_t *const weights = &job->layer->weights;
    const size_t columns = (size_t)job->layer->inputs + job->layer->units;
    if (weights->codebook == NULL) {
        return (const int8_t *)weights->indices + row * weights->row_bytes;
    }
    if (job->layer->decoded != 0) {
        return job->weights + row * columns;
    }
    mlut_decode_row(weights, row, columns, job->weights);
    return job->weights;
}

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
    const mlut_steps_t *job, const int8_t *x, size_t gate, size_t unit)
{
    const mlut_recurrent_t *const layer = job->layer;
    const size_t at = gate * layer->units + unit;
    const int8_t *const row = mlut_recurrent_row(job, at);
    const int8_t *const hidden = (const int8_t *)job->hidden;
    const int32_t own = mlut_recurrent_own(layer, row, x, gate, unit);
    const int32_t bias = layer->hidden_bias == NULL ? 0 : layer->hidden_bias[at];
    const int32_t total = mlut_isa_dot(hidden, row + layer->inputs, layer->units, bias);
    return mlut_recurrent_saturate(own + mlut_recurrent_scale(total, layer->recurrent + gate));
}

/* The sum that a gate of another cell reads. */
static int32_t mlut_recurrent_wide_sum(
    const mlut_steps_t *job, const int8_t *x, const int16_t *hidden, size_t gate, size_t unit)
{
    const mlut_recurrent_t *const layer = job->layer;
    const int8_t *const row = mlut_recurrent_row(job, gate * layer->units + unit);
    const int32_t own = mlut_recurrent_own(layer, row, x, gate, unit);
    return mlut_recurrent_saturate(own + mlut_recurrent_wide(layer, row, hidden, gate, 0));
}

/* z h + (1 - z) c */
static int16_t mlut_recurrent_blend(int32_t update, int32_t hidden, int32_t candidate)
{
    const int32_t rest = mlut_recurrent_product(MLUT_RECURRENT_ONE - update, candidate, 15);
    return (int16_t)mlut_recurrent_saturate(mlut_recurrent_product(update, hidden, 15) + rest);
}

void mlut_recurrent_lstm(mlut_steps_t *job, const int8_t *x)
{
    const int power = job->layer->power;
    const int32_t clip = job->layer->clip;
    const mlut_factor_t factor = job->layer->made;
    int8_t *const next = (int8_t *)job->next;
    for (size_t u = 0; u < job->layer->units; u++) {
        const int32_t takes = mlut_recurrent_sigmoid(mlut_recurrent_lstm_sum(job, x, 0, u));
        const int32_t keeps = mlut_recurrent_sigmoid(mlut_recurrent_lstm_sum(job, x, 1, u));
        const int32_t value = mlut_recurrent_tanh(mlut_recurrent_lstm_sum(job, x, 2, u), -12);
        const int32_t gives = mlut_recurrent_sigmoid(mlut_recurrent_lstm_sum(job, x, 3, u));
        const int32_t kept = mlut_recurrent_product(keeps, job->state[u], 15);
        const int32_t taken = mlut_recurrent_product(takes, value, 30 + power);
        const int32_t found = mlut_recurrent_saturate(kept + taken);
        const int32_t state = found > clip ? clip : found < -clip ? -clip : found;
        job->state[u] = (int16_t)state;
        const int32_t product = mlut_recurrent_tanh(state, power) * gives;
        const int32_t made = mlut_multiply(product, factor.multiplier, factor.shift);
        next[u] = mlut_clamp_int8(made + job->layer->zero_point, INT8_MIN, INT8_MAX);
    }
}

void mlut_recurrent_simple_rnn(mlut_steps_t *job, const int8_t *x)
{
    const int16_t *const hidden = (const int16_t *)job->hidden;
    int16_t *const next = (int16_t *)job->next;
    for (size_t u = 0; u < job->layer->units; u++) {
        const int32_t total = mlut_recurrent_wide_sum(job, x, hidden, 0, u);
        next[u] = (int16_t)mlut_recurrent_tanh(total, -12);
    }
}

void mlut_recurrent_gru(mlut_steps_t *job, const int8_t *x)
{
    const mlut_recurrent_t *const layer = job->layer;
    const int16_t *const hidden = (const int16_t *)job->hidden;
    int16_t *const next = (int16_t *)job->next;
    for (size_t u = 0; u < layer->units; u++) {
        const int32_t update =
            mlut_recurrent_sigmoid(mlut_recurrent_wide_sum(job, x, hidden, 0, u));
        const int32_t reset = mlut_recurrent_sigmoid(mlut_recurrent_wide_sum(job, x, hidden, 1, u));
        const int8_t *const row = mlut_recurrent_row(job, 2u * (size_t)layer->units + u);
        const int32_t inner = mlut_recurrent_wide(layer, row, hidden, 2, layer->hidden_bias[u]);
        const int32_t total =
            mlut_recurrent_own(layer, row, x, 2, u) + mlut_recurrent_product(reset, inner, 15);
        const int32_t candidate = mlut_recurrent_tanh(mlut_recurrent_saturate(total), -12);
        next[u] = mlut_recurrent_blend(update, hidden[u], candidate);
    }
}

void mlut_recurrent_gru_reset_before(mlut_steps_t *job, const int8_t *x)
{
    const size_t units = job->layer->units;
    const int16_t *const hidden = (const int16_t *)job->hidden;
    int16_t *const next = (int16_t *)job->next;
    for (size_t u = 0; u < units; u++) {
        const int32_t reset = mlut_recurrent_sigmoid(mlut_recurrent_wide_sum(job, x, hidden, 1, u));
        job->state[u] = (int16_t)mlut_recurrent_product(reset, hidden[u], 15);
    }
    for (size_t u = 0; u < units; u++) {
        const int32_t update =
            mlut_recurrent_sigmoid(mlut_recurrent_wide_sum(job, x, hidden, 0, u));
        const int32_t total = mlut_recurrent_wide_sum(job, x, job->state, 2, u);
        next[u] = mlut_recurrent_blend(update, hidden[u], mlut_recurrent_tanh(total, -12));
    }
}

/* Write the hidden state after a step; where it has 16 bits, the output's scale is 2^8 times its.
 */
static void mlut_recurrent_write(const mlut_steps_t *job, int narrow, int8_t *out)
{
    const size_t units = job->layer->units;
    if (narrow != 0) {
        memcpy(out, job->hidden, units);
        return;
    }
    const int16_t *const hidden = (const int16_t *)job->hidden;
    for (size_t u = 0; u < units; u++) {
        const int32_t found = mlut_multiply(hidden[u], INT32_C(1) << 30, -7);
        out[u] = mlut_clamp_int8(found, INT8_MIN, INT8_MAX);
    }
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
    const size_t units = layer->units;
    const size_t inputs = layer->inputs;
    const int narrow = layer->gates == 4 ? 1 : 0; /* an LSTM's hidden state has 8 bits */
    const int keeps = narrow != 0 || layer->cell == mlut_recurrent_gru_reset_before;
    const size_t width = narrow != 0 ? 1u : 2u;
    int16_t *const state = (int16_t *)scratch;
    int8_t *const hidden = (int8_t *)(state + (keeps != 0 ? units : 0u));
    mlut_steps_t job = {layer, hidden + 2u * width * units, state, hidden, hidden + width * units};

    memset(scratch, 0, (size_t)(job.weights - (int8_t *)scratch));
    if (narrow != 0) {
        memset(hidden, layer->zero_point, units);
    }
    if (before != NULL) {
        mlut_recurrent_load(&job, narrow, before);
    }
    if (layer->decoded != 0) {
        const size_t columns = inputs + units;
        for (size_t row = 0; row < layer->gates * units; row++) {
            mlut_decode_row(&layer->weights, row, columns, job.weights + row * columns);
        }
    }
    for (size_t i = 0; i < layer->steps; i++) {
        const size_t last = layer->steps - 1u;
        void *const used = job.hidden;
        layer->cell(&job, in + (layer->backwards != 0 ? last - i : i) * inputs);
        job.hidden = job.next;
        job.next = used;
        if (layer->sequences != 0) {
            mlut_recurrent_write(&job, narrow, out + (layer->flipped != 0 ? last - i : i) * units);
        } else if (i == last) {
            mlut_recurrent_write(&job, narrow, out);
        }
    }
    if (after != NULL) {
        mlut_recurrent_store(&job, narrow, after);
    }
}
