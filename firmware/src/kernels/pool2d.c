/* Maximum and mean over a window. Positions outside the picture do not count. */
#include "fixed_point.h"
#include "microlut/microlut.h"

#include <string.h>

#define LANE_PIXELS 257u

/* The part of a window that lies inside the picture, in input pixels; ends are exclusive. */
typedef struct {
    size_t top;
    size_t bottom;
    size_t left;
    size_t right;
} region_t;

static void clip(size_t start, size_t pad, size_t length, size_t limit, size_t *from, size_t *to)
{
    const size_t end = start + length > pad ? start + length - pad : 0;
    *from = start > pad ? start - pad : 0;
    *to = end < limit ? end : limit;
}

static region_t region(const mlut_pool2d_t *layer, size_t y, size_t x)
{
    const mlut_window_t *window = &layer->window;
    region_t inside;
    clip(y * window->stride_y, window->pad_top, window->height, layer->in.height, &inside.top,
        &inside.bottom);
    clip(x * window->stride_x, window->pad_left, window->width, layer->in.width, &inside.left,
        &inside.right);
    return inside;
}

/* total / count rounded to nearest, halves away from zero. */
static int32_t mean(int32_t total, int32_t count)
{
    return total > 0 ? (total + count / 2) / count : (total - count / 2) / count;
}

static int32_t sum_region(
    const mlut_pool2d_t *layer, const int8_t *in, const region_t *inside, size_t channel)
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
    const mlut_pool2d_t *layer, const int8_t *in, const region_t *inside, size_t channel)
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

static int8_t limited_mean(const mlut_pool2d_t *layer, int32_t total, int32_t pixels)
{
    return mlut_clamp_int8(mean(total, pixels), layer->minimum, layer->maximum);
}

/* Four channels at once: bytes raised by 128 cannot overflow 16-bit lanes in LANE_PIXELS. */
static void mean_of_four(const mlut_pool2d_t *layer,
    const int8_t *in,
    const region_t *inside,
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
    out[0] = limited_mean(layer, (int32_t)(even & 0xffffu) - raised, pixels);
    out[1] = limited_mean(layer, (int32_t)(odd & 0xffffu) - raised, pixels);
    out[2] = limited_mean(layer, (int32_t)(even >> 16) - raised, pixels);
    out[3] = limited_mean(layer, (int32_t)(odd >> 16) - raised, pixels);
}

void mlut_average_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++) {
            const region_t inside = region(layer, y, x);
            const size_t pixels = (inside.bottom - inside.top) * (inside.right - inside.left);
            size_t c = 0;
            if (layer->in.channels % 4u == 0 && pixels <= LANE_PIXELS) {
                for (; c < layer->out.channels; c += 4, out += 4) {
                    mean_of_four(layer, in, &inside, c, out);
                }
            }
            for (; c < layer->out.channels; c++) {
                const int32_t total = sum_region(layer, in, &inside, c);
                *out++ = limited_mean(layer, total, (int32_t)pixels);
            }
        }
    }
}

void mlut_max_pool2d(const mlut_pool2d_t *layer, const int8_t *in, int8_t *out)
{
    for (size_t y = 0; y < layer->out.height; y++) {
        for (size_t x = 0; x < layer->out.width; x++) {
            const region_t inside = region(layer, y, x);
            for (size_t c = 0; c < layer->out.channels; c++) {
                const int32_t value = max_region(layer, in, &inside, c);
                *out++ = mlut_clamp_int8(value, layer->minimum, layer->maximum);
            }
        }
    }
}
