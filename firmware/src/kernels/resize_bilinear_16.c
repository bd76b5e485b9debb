/* Linear interpolation between four pixels of int16 values. */
#include "microlut/resize_bilinear_16.h"
#include "resize_place.h"

#define MLUT_RESIZE_BILINEAR_16_BITS 20 /* after the point of a sum */

static inline int32_t mlut_resize_bilinear_16_between(int32_t low, int32_t high, int32_t share)
{
    return low * MLUT_RESIZE_ONE + (high - low) * share;
}

/* Halves are rounded away from zero. */
static inline int16_t mlut_resize_bilinear_16_rounded(int64_t sum)
{
    const int64_t half = (int64_t)1 << (MLUT_RESIZE_BILINEAR_16_BITS - 1);
    const int64_t size = ((sum < 0 ? -sum : sum) + half) >> MLUT_RESIZE_BILINEAR_16_BITS;
    return (int16_t)(sum < 0 ? -size : size);
}

void mlut_resize_bilinear_16(const mlut_resize_bilinear_16_t *layer, const void *in, void *out)
{
    const size_t channels = layer->in.channels;
    const size_t row = layer->in.width * channels;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (uint32_t y = 0; y < layer->out.height; y++) {
        const mlut_resize_place_t down = mlut_resize_place(&layer->y, y, layer->in.height);
        const mlut_int16_t *const top = (const mlut_int16_t *)in + down.low * row;
        const mlut_int16_t *const bottom = (const mlut_int16_t *)in + down.high * row;
        for (uint32_t x = 0; x < layer->out.width; x++) {
            const mlut_resize_place_t across = mlut_resize_place(&layer->x, x, layer->in.width);
            const size_t left = across.low * channels, right = across.high * channels;
            for (size_t c = 0; c < channels; c++) {
                const int32_t above =
                    mlut_resize_bilinear_16_between(top[left + c], top[right + c], across.share);
                const int32_t below = mlut_resize_bilinear_16_between(
                    bottom[left + c], bottom[right + c], across.share);
                const int64_t sum =
                    (int64_t)above * MLUT_RESIZE_ONE + (int64_t)(below - above) * down.share;
                *to++ = mlut_resize_bilinear_16_rounded(sum);
            }
        }
    }
}
