/* Recurrent layers: LSTM, GRU and simple RNN. */
#ifndef MICROLUT_RECURRENT_H
#define MICROLUT_RECURRENT_H

#include "layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a step computes. A GRU resets its state after the recurrent products, or before them. */
struct mlut_steps;
typedef void mlut_recurrent_cell_t(struct mlut_steps *job, const void *x);
mlut_recurrent_cell_t mlut_recurrent_lstm, mlut_recurrent_simple_rnn, mlut_recurrent_gru,
    mlut_recurrent_gru_reset_before;

/* Recurrent layer over `steps` inputs. Rows of `weights`: the units of each gate, one gate after
 * the other; columns: the inputs, then the hidden state. Scratch: per unit 4 bytes, or 6 if a state
 * is reset before the products; and if bits is not 8, a byte per column, or if `decoded` per
 * weight. */
typedef struct {
    mlut_weights_t weights;
    mlut_recurrent_cell_t *cell;
    mlut_factor_t own[4];       /* of each gate: sums over the inputs to Q3.12 */
    mlut_factor_t recurrent[4]; /* those over the hidden state */
    const int32_t *bias;        /* a row; -input_zero_point * sum(weights) is folded in */
    const int32_t *hidden_bias; /* to the sums over the hidden state, or NULL: a row of an LSTM,
                                 * into which its zero point is folded; a candidate of a GRU */
    mlut_factor_t made;         /* products of gates to the hidden state of an LSTM */
    uint16_t steps;
    uint16_t inputs;
    uint16_t units;
    uint16_t clip;     /* largest size of an LSTM's cell state */
    int8_t zero_point; /* of an LSTM's hidden state */
    uint8_t gates;
    int8_t power;      /* the scale of an LSTM's cell state is 2^power */
    uint8_t decoded;   /* whether all weights are decoded before the first step */
    uint8_t sequences; /* whether the output has all steps, or the last one */
    uint8_t backwards; /* whether the input is read from the end */
    uint8_t flipped;   /* whether the output is written from the end */
} mlut_recurrent_t;

void mlut_recurrent(const mlut_recurrent_t *layer, const int8_t *in, int8_t *out, void *scratch);

/* The same from states on, and with the states after the last step: int16 hidden states; of an LSTM
 * the cell states, then the hidden states as int16, less their zero point. NULL stands for zeros,
 * and for nowhere. */
void mlut_recurrent_from(const mlut_recurrent_t *layer,
    const int8_t *in,
    const int16_t *before,
    int8_t *out,
    int16_t *after,
    void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RECURRENT_H */
