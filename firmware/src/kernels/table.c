/* Functions of one value, such as sigmoid: every result is in a table. */
#include "microlut/table.h"
#include "../small.h"

void mlut_table(const mlut_table_t *layer, const int8_t *in, int8_t *out)
{
    const int8_t *const values = layer->values;
    size_t left = layer->count;
    for (; !MLUT_SMALL && left >= 4u; left -= 4u, in += 4, out += 4) {
        const int8_t first = values[(uint8_t)in[0]]; /* all before any is written: out may be in */
        const int8_t second = values[(uint8_t)in[1]];
        const int8_t third = values[(uint8_t)in[2]];
        const int8_t fourth = values[(uint8_t)in[3]];
        out[0] = first;
        out[1] = second;
        out[2] = third;
        out[3] = fourth;
    }
    for (; left > 0; left--) {
        *out++ = values[(uint8_t)*in++];
    }
}
