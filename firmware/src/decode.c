#include "decode.h"

#include <string.h>

void mlut_decode_row(const mlut_weights_t *weights, size_t row, size_t columns, int8_t *out)
{
    const uint8_t *from = weights->indices + row * weights->row_bytes;
    const int8_t *const codebook = weights->codebook;
    const unsigned bits = weights->bits;
    const unsigned overlap = weights->index_bits - bits;
    const uint32_t mask = (UINT32_C(1) << bits) - 1u;
    uint32_t window = 0;
    uint32_t index = 0;
    unsigned held = 0;
    for (size_t i = 0; i < columns; i++) {
        if (held < bits) {
            window |= (uint32_t)*from++ << held;
            held += 8u;
        }
        index = index >> bits | (window & mask) << overlap;
        out[i] = codebook[index];
        window >>= bits;
        held -= bits;
    }
}
