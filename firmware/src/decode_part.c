#include "decode.h"
#include "isa/isa.h"

#include <string.h>

#if !MLUT_ISA_MVE

void mlut_decode(const mlut_weights_t *weights, size_t row, size_t first, size_t count, int8_t *out)
{
    const unsigned bits = weights->bits;
    const uint8_t *from = weights->indices + row * weights->row_bytes + first * bits / 8u;
    if (weights->codebook == NULL) {
        memcpy(out, from, count);
        return;
    }
    const int8_t *codebook = weights->codebook;
    if (bits == 4) { /* a byte is two whole indices */
        const int8_t *const end = out + (count & ~(size_t)1);
        for (; out != end; out += 2) {
            const unsigned both = *from++;
            out[0] = codebook[both & 15u];
            out[1] = codebook[both >> 4];
        }
        if (count % 2u != 0) {
            *out = codebook[*from & 15u];
        }
        return;
    }
    const uint32_t mask = (UINT32_C(1) << bits) - 1u;
    uint32_t window = 0; /* at most bits - 1 + 8 = 14 bits are held */
    unsigned held = 0;
    for (size_t i = 0; i < count; i++) {
        if (held < bits) {
            window |= (uint32_t)*from++ << held;
            held += 8u;
        }
        out[i] = codebook[window & mask];
        window >>= bits;
        held -= bits;
    }
}

#endif
