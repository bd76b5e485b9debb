/* Packed indices to int8 weights for cores with MVE, 16 at a time; see decode.h. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "../decode.h"

void mlut_decode(const mlut_weights_t *weights, size_t row, size_t first, size_t count, int8_t *out)
{
    const unsigned bits = weights->bits;
    const int8_t *const codebook = weights->codebook;
    const uint8_t *from = weights->indices + row * weights->row_bytes + first * bits / 8u;
    if (codebook == NULL) {
        mlut_mve_copy(out, (const int8_t *)from, count);
        return;
    }
    const mlut_mve_fields_t fields = mlut_mve_fields(bits, bits);
    for (; count >= 16u; count -= 16u, from += 2u * bits, out += 16) {
        vst1q_s8(out, mlut_mve_decode(codebook, from, &fields, bits, bits, MLUT_MVE_ALL, 0));
    }
    if (count > 0) {
        const mve_pred16_t lanes = vctp8q(count);
        vstrbq_p_s8(out, mlut_mve_decode(codebook, from, &fields, bits, bits, lanes, 0), lanes);
    }
}

#endif
