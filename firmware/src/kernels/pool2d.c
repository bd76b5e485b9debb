/* Maximum and mean over a window. Positions outside the picture do not count. */
#include "region.h"

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

static void mlut_pool2d_mean_of_four(const mlut_pool2d_t *layer,
    const int8_t *in,
    const mlut_region_t *inside,
    size_t channel,
    int8_t *out)
{
    const size_t channels = layer->in.channels;
    const size_t width = inside->right - inside->left;
    const int32_t pixels = mlut_region_pixels(inside->bottom - inside->top, width);
    mlut_lanes_t sums = {0, 0};
    for (size_t row = inside->top; row < inside->bottom; row++) {
        const int8_t *from = in + (row * layer->in.width + inside->left) * channels + channel;
        sums = mlut_lanes_add(sums, from, width, channels);
    }
    int32_t totals[4] = {0, 0, 0, 0};
    mlut_lanes_total(sums, (size_t)pixels, totals);
    for (size_t i = 0; i < 4u; i++) {
        out[i] = mlut_limited_mean(layer, totals[i], pixels);
    }
}

static uint32_t mlut_pool2d_max_of_four(const mlut_pool2d_inputs_t *inputs, size_t channel)
{
    const int8_t *row = inputs->first + channel;
    const size_t channels = inputs->channels, row_bytes = inputs->columns * channels;
    uint32_t largest = mlut_lanes_all(INT8_MIN);
    for (size_t left = inputs->rows; left > 0; left--, row += inputs->row_bytes) {
        for (const int8_t *from = row; from != row + row_bytes; from += channels) {
            largest = mlut_isa_max4(largest, mlut_lanes_load(from));
        }
    }
    return largest;
}

static int8_t mlut_pool2d_max(const mlut_pool2d_inputs_t *inputs, size_t channel)
{
    const int8_t *row = inputs->first + channel;
    int8_t largest = INT8_MIN;
    for (size_t i = 0; i < inputs->rows; i++, row += inputs->row_bytes) {
        const int8_t *from = row;
        for (size_t j = 0; j < inputs->columns; j++, from += inputs->channels) {
            largest = *from > largest ? *from : largest;
        }
    }
    return largest;
}

void mlut_average_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    const size_t channels = layer->out.channels;
    const bool fast = mlut_lanes_load_fast(in, channels);
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++, out += channels) {
            const mlut_region_t inside = mlut_region(layer, y, x);
            const int32_t pixels =
                mlut_region_pixels(inside.bottom - inside.top, inside.right - inside.left);
            size_t c = 0;
            for (; fast && (size_t)pixels <= MLUT_LANE_PIXELS && c < channels; c += 4u) {
                const size_t first = mlut_lanes_first(c, channels);
                mlut_pool2d_mean_of_four(layer, in, &inside, first, out + first);
            }
            for (; c < channels; c++) {
                const int32_t total = mlut_pool2d_sum_region(layer, in, &inside, c);
                out[c] = mlut_limited_mean(layer, total, pixels);
            }
        }
    }
}

void mlut_max_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    const size_t channels = layer->out.channels;
    const int8_t minimum = layer->minimum, maximum = layer->maximum;
    const uint32_t lows = mlut_lanes_all(minimum), highs = mlut_lanes_all(maximum);
    const bool fast = mlut_lanes_load_fast(in, channels) && mlut_lanes_load_fast(out, channels);
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++, out += channels) {
            const mlut_pool2d_inputs_t inputs = mlut_pool2d_inputs_of(layer, in, y, x);
            size_t c = 0;
            for (; fast && c < channels; c += 4u) {
                const size_t first = mlut_lanes_first(c, channels);
                const uint32_t largest = mlut_pool2d_max_of_four(&inputs, first);
                mlut_lanes_store(mlut_lanes_clamp(largest, lows, highs), out + first);
            }
            for (; c < channels; c++) {
                out[c] = mlut_clamp_int8(mlut_pool2d_max(&inputs, c), minimum, maximum);
            }
        }
    }
}

#endif
