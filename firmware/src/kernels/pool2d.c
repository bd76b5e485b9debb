/* Maximum and mean over a window. Positions outside the picture do not count. */
#include "region.h"

#include "../isa/isa.h"
#include "../small.h"

#include <string.h>

#if !MLUT_ISA_MVE

#define LANE_PIXELS 257u

static int32_t sum_region(
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

static int32_t max_region(
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

/* Four channels at once: bytes raised by 128 cannot overflow 16-bit lanes in LANE_PIXELS. */
static void mean_of_four(const mlut_pool2d_t *layer,
    const int8_t *in,
    const mlut_region_t *inside,
    size_t channel,
    int8_t *out)
{
    const size_t channels = layer->in.channels;
    const size_t width = inside->right - inside->left;
    const int32_t pixels = (int32_t)((inside->bottom - inside->top) * width);
    uint32_t even = 0;
    uint32_t odd = 0;
    for (size_t row = inside->top; row < inside->bottom; row++) {
        const int8_t *from = in + (row * layer->in.width + inside->left) * channels + channel;
        for (const int8_t *const end = from + width * channels; from != end; from += channels) {
            uint32_t word;
            memcpy(&word, __builtin_assume_aligned(from, 4), sizeof(word));
            word ^= UINT32_C(0x80808080);
            even += word & UINT32_C(0x00ff00ff);
            odd += word >> 8 & UINT32_C(0x00ff00ff);
        }
    }
    const int32_t raised = 128 * pixels;
    out[0] = mlut_limited_mean(layer, (int32_t)(even & 0xffffu) - raised, pixels);
    out[1] = mlut_limited_mean(layer, (int32_t)(odd & 0xffffu) - raised, pixels);
    out[2] = mlut_limited_mean(layer, (int32_t)(even >> 16) - raised, pixels);
    out[3] = mlut_limited_mean(layer, (int32_t)(odd >> 16) - raised, pixels);
}

void mlut_average_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++) {
            const mlut_region_t inside = mlut_region(layer, y, x);
            const size_t pixels = (inside.bottom - inside.top) * (inside.right - inside.left);
            size_t c = 0;
            if (!MLUT_SMALL && layer->in.channels % 4u == 0 && pixels <= LANE_PIXELS) {
                for (; c < layer->out.channels; c += 4, out += 4) {
                    mean_of_four(layer, in, &inside, c, out);
                }
            }
            for (; c < layer->out.channels; c++) {
                const int32_t total = sum_region(layer, in, &inside, c);
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
                const int32_t value = max_region(layer, in, &inside, c);
                *out++ = mlut_clamp_int8(value, layer->minimum, layer->maximum);
            }
        }
    }
}

#endif
