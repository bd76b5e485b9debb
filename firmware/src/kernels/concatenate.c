/* Concatenation: copies the parts of each row of the output. */
#include "microlut/concatenate.h"
#include <string.h>

void mlut_concatenate(const mlut_concatenate_t *layer, const int8_t *const *in, int8_t *out)
{
    for (size_t i = 0; i < layer->count; i++) {
        const mlut_part_t *const part = &layer->parts[i];
        const int8_t *from = in[i];
        int8_t *to = out + part->offset;
        for (size_t row = 0; row < layer->rows; row++) {
            memcpy(to, from, part->bytes);
            from += part->bytes;
            to += layer->row_bytes;
        }
    }
}
