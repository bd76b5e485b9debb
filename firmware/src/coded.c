/* Entropy-coded indices to int8 weights. */
#include "coded.h"

mlut_coded_t mlut_coded_at(const mlut_weights_t *weights, size_t row)
{
    const mlut_code_t *const code = weights->code;
    const size_t rows = row & (((size_t)1 << code->group_shift) - 1u);
    mlut_coded_t place = mlut_coded_group(weights, row);
    for (size_t i = rows * code->columns; i > 0; i--) {
        (void)mlut_coded_next(&place, code->table, mlut_coded_mask(code));
    }
    return place;
}

void mlut_decode_coded(const mlut_weights_t *weights, size_t row, size_t count, int8_t *out)
{
    const mlut_code_t *const code = weights->code;
    const int8_t *const table = code->table;
    const uint32_t mask = mlut_coded_mask(code);
    mlut_coded_t place = mlut_coded_at(weights, row);
    while (count > 0) {
        const size_t some = code->columns < count ? code->columns : count;
        for (const int8_t *const end = out + some; out != end; out++) {
            *out = (int8_t)mlut_coded_next(&place, table, mask);
        }
        count -= some;
        if (count > 0 && mlut_coded_begins(code, ++row)) {
            place = mlut_coded_group(weights, row);
        }
    }
}
