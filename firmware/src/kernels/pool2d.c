/* Maximum and mean over a window. Positions outside the picture do not count. */
#include "region.h"

#include "../isa/isa.h"
#include "../small.h"
#include "lanes.h"

#if !MLUT_ISA_MVE

static int32_t mlut_pool2d_sum_region(
    const mlut_pool2d_t *layer, const int8_t *in, const mlut_region_t *inside, size_t channel)
{
    int32_t total = 0;
    for (size_t row = inside->top; row < inside->bottom; row++) {
        for (size_t column = inside->left; column < inside->right; column++) {
            total += in[(row * layer->in.width + column) * layer->in.channels + channel];
        }
    }
    return total;
}

static int32_t mlut_pool2d_max_region(
    const mlut_pool2d_t *layer, const int8_t *in, const mlut_region_t *inside, size_t channel)
{
    int32_t largest = INT8_MIN;
    for (size_t row = inside->top; row < inside->bottom; row++) {
        for (size_t column = inside->left; column < inside->right; column++) {
            const int8_t value =
                in[(row * layer->in.width + column) * layer->in.channels + channel];
            largest = value > largest ? value : largest;
        }
    }
    return largest;
}

static void mlut_pool2d_mean_of_four(const mlut_pool2d_t *layer,
    const int8_t *in,
    const mlut_region_t *inside,
    size_t channel,
    int8_t *out)
{
    const size_t channels = layer->in.channels;
    const size_t width = inside->right - inside->left;
    const size_t pixels = (inside->bottom - inside->top) * width;
    mlut_lanes_t sums = {0, 0};
    for (size_t row = inside->top; row < inside->bottom; row++) {
        const int8_t *from = in + (row * layer->in.width + inside->left) * channels + channel;
        sums = mlut_lanes_add(sums, from, width, channels);
    }
    int32_t totals[4] = {0, 0, 0, 0};
    mlut_lanes_total(sums, pixels, totals);
    for (size_t i = 0; i < 4u; i++) {
        out[i] = mlut_limited_mean(layer, totals[i], (int32_t)pixels);
    }
}

void mlut_average_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++) {
            const mlut_region_t inside = mlut_region(layer, y, x);
            const size_t pixels = (inside.bottom - inside.top) * (inside.right - inside.left);
            size_t c = 0;
            if (!MLUT_SMALL && layer->in.channels % 4u == 0 && pixels <= MLUT_LANE_PIXELS) {
                for (; c < layer->out.channels; c += 4, out += 4) {
                    mlut_pool2d_mean_of_four(layer, in, &inside, c, out);
                }
            }
            for (; c < layer->out.channels; c++) {
                const int32_t total = mlut_pool2d_sum_region(layer, in, &inside, c);
                *out++ = mlut_limited_mean(layer, total, (int32_t)pixels);
            }
        }
    }
}

void mlut_max_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++) {
            const mlut_region_t inside = mlut_region(layer, y, x);
            for (size_t c = 0; c < layer->out.channels; c++) {
                const int32_t value = mlut_pool2d_max_region(layer, in, &inside, c);
                *out++ = mlut_clamp_int8(value, layer->minimum, layer->maximum);
            }
        }
    }
}

#endif
