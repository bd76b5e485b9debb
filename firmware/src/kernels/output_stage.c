/* Output stages from flash: two or three 16-bit words per channel, expanded to TensorFlow Lite's.
 */
#include "output_stage.h"

void mlut_expand_channels(
    const mlut_output_t *stage, size_t first, size_t count, mlut_channel_t *expanded)
{
    const uint16_t *words = stage->channels + first * stage->words;
    for (size_t i = 0; i < count; i++, words += stage->words) {
        expanded[i] = mlut_expand_channel(stage, words);
    }
}
