/* Functions of one value, such as sigmoid: every result is in a table. */
#include "microlut/table.h"

void mlut_table(const mlut_table_t *layer, const int8_t *in, int8_t *out)
{
    const int8_t *const values = layer->values;
    for (size_t i = 0; i < layer->count; i++) {
        out[i] = values[(uint8_t)in[i]];
    }
}
