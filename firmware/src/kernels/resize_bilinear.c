/* Linear interpolation between four pixels. */
#include "microlut/resize_bilinear.h"

#define MLUT_RESIZE_ONE 1024

/* Where a pixel of the output lies along an axis. */
typedef struct {
    size_t low;    /* the pixel of the input before it */
    size_t high;   /* the one behind it, or the same at the end */
    int32_t share; /* of the one behind it, in 1/1024 */
} mlut_resize_place_t;

static mlut_resize_place_t mlut_resize_place(
    const mlut_resize_axis_t *axis, uint32_t index, uint32_t size)
{
    const int32_t place = axis->start + (int32_t)(axis->step * index);
    const uint32_t at = place < 0 ? 0 : (uint32_t)place;
    mlut_resize_place_t found;
    found.low = at / MLUT_RESIZE_ONE;
    found.high = found.low;
    found.share = 0;
    if (found.low + 1 < size) {
        found.high = found.low + 1;
        found.share = (int32_t)(at % MLUT_RESIZE_ONE);
    }
    return found;
}

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
