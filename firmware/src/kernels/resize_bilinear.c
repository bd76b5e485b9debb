/* Linear interpolation between four pixels. */
#include "microlut/resize_bilinear.h"
#include "resize_place.h"

void mlut_resize_bilinear(const mlut_resize_bilinear_t *layer, const int8_t *in, int8_t *out)
{
    const size_t channels = layer->in.channels;
    const size_t row = layer->in.width * channels;
    for (uint32_t y = 0; y < layer->out.height; y++) {
        const mlut_resize_place_t down = mlut_resize_place(&layer->y, y, layer->in.height);
        const int8_t *const top = in + down.low * row;
        const int8_t *const bottom = in + down.high * row;
        for (uint32_t x = 0; x < layer->out.width; x++) {
            const mlut_resize_place_t across = mlut_resize_place(&layer->x, x, layer->in.width);
            const int8_t *const top_left = top + across.low * channels;
            const int8_t *const top_right = top + across.high * channels;
            const int8_t *const bottom_left = bottom + across.low * channels;
            const int8_t *const bottom_right = bottom + across.high * channels;
            for (size_t c = 0; c < channels; c++) {
                const int32_t above =
                    top_left[c] * MLUT_RESIZE_ONE + (top_right[c] - top_left[c]) * across.share;
                const int32_t below = bottom_left[c] * MLUT_RESIZE_ONE +
                                      (bottom_right[c] - bottom_left[c]) * across.share;
                const int32_t sum = above * MLUT_RESIZE_ONE + (below - above) * down.share;
                /* Halves are rounded away from zero: C division truncates. */
                const int32_t half = MLUT_RESIZE_ONE * MLUT_RESIZE_ONE / 2;
                *out++ = (int8_t)((sum + (sum > 0 ? half : -half)) /
                                  (MLUT_RESIZE_ONE * MLUT_RESIZE_ONE));
            }
        }
    }
}
