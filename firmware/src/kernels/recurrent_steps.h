/* What recurrent layers between int8 and between int16 tensors share: gates, rows of weights,
 * cells, and the loop over time. The functions that sum are those of the tensors' type; each cell
 * is inlined where they are known. What a cell calls several times is not declared inline, as it
 * would take flash without being quicker. */
#ifndef MLUT_RECURRENT_STEPS_H
#define MLUT_RECURRENT_STEPS_H

#include "../decode.h"
#include "../fixed_point.h"
#include "microlut/recurrent.h"
#include "sigmoid_table.h"

#include <string.h>

#define MLUT_RECURRENT_ONE 32767 /* Q0.15 */

/* One run: the states, which change places after a step, and the decoded weights. */
typedef struct mlut_steps {
    const mlut_recurrent_t *layer;
    int8_t *weights;
    int16_t *state; /* of an LSTM, or a hidden state that is reset */
    void *hidden;   /* int8 in an LSTM between int8 tensors, else int16 */
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
    } else {
        /* Q0.15 already */
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

/* The weights of a row, which are decoded unless they are already. */
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

/* z h + (1 - z) c */
static int16_t mlut_recurrent_blend(int32_t update, int32_t hidden, int32_t candidate)
{
    const int32_t rest = mlut_recurrent_product(MLUT_RECURRENT_ONE - update, candidate, 15);
    return (int16_t)mlut_recurrent_saturate(mlut_recurrent_product(update, hidden, 15) + rest);
}

/* The sum that a gate reads, in Q3.12: what its rows make of an input and of a hidden state. */
typedef int32_t mlut_recurrent_sum_t(
    const mlut_steps_t *job, const void *x, const void *hidden, size_t gate, size_t unit);

/* What a GRU's candidate makes of the input, and of the hidden state before its reset. */
typedef struct mlut_recurrent_parts {
    int32_t own;
    int32_t inner;
} mlut_recurrent_parts_t;
typedef mlut_recurrent_parts_t mlut_recurrent_part_t(
    const mlut_steps_t *job, const void *x, size_t unit);

/* Write a unit's hidden state, which is given without its zero point. */
typedef void mlut_recurrent_put_t(const mlut_steps_t *job, size_t unit, int32_t made);

static inline void mlut_recurrent_lstm_step(
    mlut_steps_t *job, const void *x, mlut_recurrent_sum_t *sum, mlut_recurrent_put_t *put)
{
    const int power = job->layer->power;
    const int32_t clip = job->layer->clip;
    const mlut_factor_t factor = job->layer->made;
    for (size_t u = 0; u < job->layer->units; u++) {
        const int32_t takes = mlut_recurrent_sigmoid(sum(job, x, job->hidden, 0, u));
        const int32_t keeps = mlut_recurrent_sigmoid(sum(job, x, job->hidden, 1, u));
        const int32_t value = mlut_recurrent_tanh(sum(job, x, job->hidden, 2, u), -12);
        const int32_t gives = mlut_recurrent_sigmoid(sum(job, x, job->hidden, 3, u));
        const int32_t kept = mlut_recurrent_product(keeps, job->state[u], 15);
        const int32_t taken = mlut_recurrent_product(takes, value, 30 + power);
        const int32_t found = mlut_recurrent_saturate(kept + taken);
        const int32_t state = found > clip ? clip : found < -clip ? -clip : found;
        job->state[u] = (int16_t)state;
        const int32_t product = mlut_recurrent_tanh(state, power) * gives;
        put(job, u, mlut_multiply(product, factor.multiplier, factor.shift));
    }
}

static inline void mlut_recurrent_simple_rnn_step(
    mlut_steps_t *job, const void *x, mlut_recurrent_sum_t *sum)
{
    int16_t *const next = (int16_t *)job->next;
    for (size_t u = 0; u < job->layer->units; u++) {
        next[u] = (int16_t)mlut_recurrent_tanh(sum(job, x, job->hidden, 0, u), -12);
    }
}

static inline void mlut_recurrent_gru_step(
    mlut_steps_t *job, const void *x, mlut_recurrent_sum_t *sum, mlut_recurrent_part_t *candidates)
{
    const int16_t *const hidden = (const int16_t *)job->hidden;
    int16_t *const next = (int16_t *)job->next;
    for (size_t u = 0; u < job->layer->units; u++) {
        const int32_t update = mlut_recurrent_sigmoid(sum(job, x, hidden, 0, u));
        const int32_t reset = mlut_recurrent_sigmoid(sum(job, x, hidden, 1, u));
        const mlut_recurrent_parts_t parts = candidates(job, x, u);
        const int32_t total = parts.own + mlut_recurrent_product(reset, parts.inner, 15);
        const int32_t candidate = mlut_recurrent_tanh(mlut_recurrent_saturate(total), -12);
        next[u] = mlut_recurrent_blend(update, hidden[u], candidate);
    }
}

static inline void mlut_recurrent_gru_reset_before_step(
    mlut_steps_t *job, const void *x, mlut_recurrent_sum_t *sum)
{
    const size_t units = job->layer->units;
    const int16_t *const hidden = (const int16_t *)job->hidden;
    int16_t *const next = (int16_t *)job->next;
    for (size_t u = 0; u < units; u++) {
        const int32_t reset = mlut_recurrent_sigmoid(sum(job, x, hidden, 1, u));
        job->state[u] = (int16_t)mlut_recurrent_product(reset, hidden[u], 15);
    }
    for (size_t u = 0; u < units; u++) {
        const int32_t update = mlut_recurrent_sigmoid(sum(job, x, hidden, 0, u));
        const int32_t total = sum(job, x, job->state, 2, u);
        next[u] = mlut_recurrent_blend(update, hidden[u], mlut_recurrent_tanh(total, -12));
    }
}

/* Return a run whose states are zeros, with a state besides the hidden one if it `keeps` one, and
 * hidden states of `width` bytes per unit. */
static inline mlut_steps_t mlut_recurrent_begin(
    const mlut_recurrent_t *layer, int keeps, size_t width, void *scratch)
{
    const size_t units = layer->units;
    int16_t *const state = (int16_t *)scratch;
    int8_t *const hidden = (int8_t *)(state + (keeps != 0 ? units : 0u));
    const mlut_steps_t job = {
        layer, hidden + 2u * width * units, state, hidden, hidden + width * units};
    memset(scratch, 0, (size_t)(job.weights - (int8_t *)scratch));
    return job;
}

/* Write a hidden state as a part of the output. */
typedef void mlut_recurrent_write_t(const mlut_steps_t *job, void *out);

/* Take all steps; inputs and outputs have `width` bytes per value. */
static inline void mlut_recurrent_steps(
    mlut_steps_t *job, const void *in, void *out, size_t width, mlut_recurrent_write_t *write)
{
    const mlut_recurrent_t *const layer = job->layer;
    const size_t units = layer->units;
    if (layer->decoded != 0) {
        const size_t columns = layer->inputs + units;
        for (size_t row = 0; row < layer->gates * units; row++) {
            mlut_decode_row(&layer->weights, row, columns, job->weights + row * columns);
        }
    }
    for (size_t i = 0; i < layer->steps; i++) {
        const size_t last = layer->steps - 1u;
        const size_t read = layer->backwards != 0 ? last - i : i;
        void *const used = job->hidden;
        layer->cell(job, (const int8_t *)in + read * layer->inputs * width);
        job->hidden = job->next;
        job->next = used;
        if (layer->sequences != 0) {
            const size_t made = layer->flipped != 0 ? last - i : i;
            write(job, (int8_t *)out + made * units * width);
        } else if (i == last) {
            write(job, out);
        } else {
            /* only the last step's output is asked for */
        }
    }
}

#endif /* MLUT_RECURRENT_STEPS_H */
