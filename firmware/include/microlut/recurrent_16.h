/* Recurrent layers of int16 values: LSTM, GRU and simple RNN. */
#ifndef MICROLUT_RECURRENT_16_H
#define MICROLUT_RECURRENT_16_H

#include "recurrent.h"

#ifdef __cplusplus
extern "C" {
#endif

mlut_recurrent_cell_t mlut_recurrent_16_lstm, mlut_recurrent_16_simple_rnn, mlut_recurrent_16_gru,
    mlut_recurrent_16_gru_reset_before;

/* Recurrent layer between int16 tensors; `cell` is one of the above. The factors of the gates are
 * multiplier / 2^shift, with multipliers of 15 bits. Nothing is folded into `bias`, and
 * `hidden_bias` is that of a GRU's candidate, or NULL. Scratch: per unit 4 bytes, or 6 in an LSTM
 * or if a state is reset before the products; and if bits is not 8, a byte per column, or if
 * `decoded` per weight. */
typedef struct {
    mlut_recurrent_t layer;
} mlut_recurrent_16_t;

void mlut_recurrent_16(const mlut_recurrent_16_t *layer, const void *in, void *out, void *scratch);

/* The same from states on, and with the states after the last step: hidden states; of an LSTM the
 * cell states, then the hidden states. NULL stands for zeros, and for nowhere. */
void mlut_recurrent_16_from(const mlut_recurrent_t *layer,
    const void *in,
    const void *before,
    void *out,
    void *after,
    void *scratch);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_RECURRENT_16_H */
