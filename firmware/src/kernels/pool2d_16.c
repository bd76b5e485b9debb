/* Maximum and mean of int16 values over a window. Positions outside the picture do not count. */
#include "microlut/pool2d_16.h"
#include "linear_16.h"
#include "region.h"

static mlut_region_t mlut_pool2d_16_region(const mlut_pool2d_16_t *layer, size_t y, size_t x)
{
    const mlut_window_t *const window = &layer->window;
    mlut_region_t inside;
    mlut_clip(y * window->stride_y, window->pad_top, window->height, layer->in.height, &inside.top,
        &inside.bottom);
    mlut_clip(x * window->stride_x, window->pad_left, window->width, layer->in.width, &inside.left,
        &inside.right);
    return inside;
}

/* Return the mean of a channel, rounded to nearest, halves away from zero. */
static int32_t mlut_pool2d_16_mean(
    const mlut_pool2d_16_t *layer, const mlut_int16_t *in, const mlut_region_t *inside)
{
    const int32_t count =
        mlut_region_pixels(inside->bottom - inside->top, inside->right - inside->left);
    int32_t total = 0;
    for (size_t row = inside->top; row < inside->bottom; row++) {
        for (size_t column = inside->left; column < inside->right; column++) {
            total += in[(row * layer->in.width + column) * layer->in.channels];
        }
    }
    return (total + (total > 0 ? count / 2 : -(count / 2))) / count;
}

static int32_t mlut_pool2d_16_most(
    const mlut_pool2d_16_t *layer, const mlut_int16_t *in, const mlut_region_t *inside)
{
    int32_t largest = INT16_MIN;
    for (size_t row = inside->top; row < inside->bottom; row++) {
        for (size_t column = inside->left; column < inside->right; column++) {
            const int32_t value = in[(row * layer->in.width + column) * layer->in.channels];
            largest = value > largest ? value : largest;
        }
    }
    return largest;
}

void mlut_average_pool2d_16(const mlut_pool2d_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++) {
            const mlut_region_t inside = mlut_pool2d_16_region(layer, y, x);
            for (size_t c = 0; c < layer->out.channels; c++) {
                const int32_t mean = mlut_pool2d_16_mean(layer, from + c, &inside);
                *to++ = mlut_clamp_int16(mean, layer->minimum, layer->maximum);
            }
        }
    }
}

void mlut_max_pool2d_16(const mlut_pool2d_16_t *layer, const void *in, void *out)
{
    const mlut_int16_t *const from = (const mlut_int16_t *)in;
    mlut_int16_t *to = (mlut_int16_t *)out;
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++) {
            const mlut_region_t inside = mlut_pool2d_16_region(layer, y, x);
            for (size_t c = 0; c < layer->out.channels; c++) {
                const int32_t most = mlut_pool2d_16_most(layer, from + c, &inside);
                *to++ = mlut_clamp_int16(most, layer->minimum, layer->maximum);
            }
        }
    }
}
