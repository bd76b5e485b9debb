#include "columns.h"

#include "../isa/isa.h"
#include "../small.h"

#include <stdbool.h>
#include <string.h>

/* Where the next inputs go: widened to `column`, or as bytes to `patch` if that is not NULL. */
typedef struct {
    uint32_t *column;
    int8_t *patch;
} mlut_columns_sink_t;

/* Up to four bytes as a word; with `aligned`, from an address that is a multiple of 4. */
static MLUT_INLINE uint32_t mlut_columns_load(const int8_t *from, size_t count, bool aligned)
{
    uint32_t word = 0;
    memcpy(&word, aligned ? __builtin_assume_aligned(from, 4) : from, count);
    return word;
}

static MLUT_INLINE uint32_t *mlut_columns_widen_from(
    const int8_t *from, size_t count, bool aligned, uint32_t *column)
{
    for (; !MLUT_SMALL && count >= 16; count -= 16, from += 16) {
        const uint32_t words[4] = {mlut_columns_load(from, 4, aligned),
            mlut_columns_load(from + 4, 4, aligned), mlut_columns_load(from + 8, 4, aligned),
            mlut_columns_load(from + 12, 4, aligned)};
        column = mlut_isa_put_inputs(words[0], column);
        column = mlut_isa_put_inputs(words[1], column);
        column = mlut_isa_put_inputs(words[2], column);
        column = mlut_isa_put_inputs(words[3], column);
    }
    for (; count >= 4; count -= 4, from += 4) {
        column = mlut_isa_put_inputs(mlut_columns_load(from, 4, aligned), column);
    }
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        last |= (uint32_t)(uint8_t)from[i] << (8u * i);
    }
    return count == 0 ? column : mlut_isa_put_inputs(last, column);
}

/* Put `count` bytes; what is missing to a multiple of 4 is zero. */
static MLUT_INLINE uint32_t *mlut_columns_widen(const int8_t *from, size_t count, uint32_t *column)
{
    if (!mlut_isa_unaligned && (uintptr_t)from % 4u == 0) {
        return mlut_columns_widen_from(from, count, true, column);
    }
    return mlut_columns_widen_from(from, count, false, column);
}

static inline int8_t *mlut_columns_copy(const int8_t *from, size_t count, int8_t *to)
{
    for (; mlut_isa_unaligned && count >= 4; count -= 4, from += 4, to += 4) {
        memcpy(to, from, 4);
    }
    for (; count > 0; count--) {
        *to++ = *from++;
    }
    return to;
}

static __attribute__((noinline)) void mlut_columns_put(
    mlut_columns_sink_t *sink, const int8_t *from, size_t count)
{
    if (sink->patch == NULL) {
        sink->column = mlut_columns_widen(from, count, sink->column);
    } else {
        sink->patch = mlut_columns_copy(from, count, sink->patch);
    }
}

/* Put a patch, behind which there are zeros. */
static void mlut_columns_widen_patch(size_t count, const int8_t *patch, uint32_t *column)
{
    mlut_columns_sink_t sink = {column, NULL};
    mlut_columns_put(&sink, patch, (count + 3u) & ~(size_t)3);
}

static __attribute__((noinline)) void mlut_columns_put_padding(
    mlut_columns_sink_t *sink, int8_t value, size_t count)
{
    if (sink->patch != NULL) {
        for (; count > 0; count--) {
            *sink->patch++ = value;
        }
        return;
    }
    const uint32_t four = (uint8_t)value * UINT32_C(0x01010101);
    for (; count >= 4; count -= 4) {
        sink->column = mlut_isa_put_inputs(four, sink->column);
    }
    if (count != 0) {
        sink->column = mlut_isa_put_inputs(four >> (32u - 8u * count), sink->column);
    }
}

/* Copy at least 3 bytes and up to 3 more, with which the next ones may overlap. */
static MLUT_INLINE int8_t *mlut_columns_copy_more(const int8_t *from, size_t count, int8_t *to)
{
    int8_t *const end = to + count;
    do {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    } while (to < end);
    return end;
}

/* A field of three rows of nine bytes, such as those of 3x3 pixels of three colours. Where a word
 * is in two rows, it is put together. */
static MLUT_INLINE void mlut_columns_gather_nines(const int8_t *from, size_t step, uint32_t *column)
{
    const int8_t *const second = from + step;
    const int8_t *const third = second + step;
    column = mlut_isa_put_inputs(mlut_columns_load(from, 4, false), column);
    column = mlut_isa_put_inputs(mlut_columns_load(from + 4, 4, false), column);
    column =
        mlut_isa_put_inputs((uint8_t)from[8] | mlut_columns_load(second, 4, false) << 8, column);
    column = mlut_isa_put_inputs(mlut_columns_load(second + 3, 4, false), column);
    column = mlut_isa_put_inputs(
        mlut_columns_load(second + 7, 2, false) | mlut_columns_load(third, 4, false) << 16, column);
    column = mlut_isa_put_inputs(mlut_columns_load(third + 2, 4, false), column);
    mlut_isa_put_inputs(mlut_columns_load(third + 5, 4, false) >> 8, column);
}

/* `count` whole fields inside the picture, which is most of them, `apart` bytes from one to the
 * next: no call a row. */
static __attribute__((noinline)) void mlut_columns_gather_inside(const mlut_conv2d_t *layer,
    const int8_t *from,
    size_t apart,
    size_t count,
    int8_t *patch,
    uint32_t *columns)
{
    const size_t bytes = (size_t)layer->window.width * layer->in.channels;
    const size_t step = (size_t)layer->in.width * layer->in.channels * layer->window.dilation_y;
    const size_t height = layer->window.height;
    for (; count > 0; count--, from += apart, columns++) {
        const int8_t *row = from;
        if (!MLUT_SMALL && mlut_isa_unaligned && bytes == 9 && height == 3) {
            mlut_columns_gather_nines(row, step, columns);
            continue;
        }
        if (!layer->patch) {
            uint32_t *column = columns;
            for (size_t i = height; i > 0; i--, row += step) {
                column = mlut_columns_widen(row, bytes, column);
            }
            continue;
        }
        int8_t *to = patch;
        size_t left = height;
        if (!MLUT_SMALL && mlut_isa_unaligned && bytes >= 3 && step >= 3) {
            for (; left > 1; left--, row += step) { /* what else is read is in the next row */
                to = mlut_columns_copy_more(row, bytes, to);
            }
        }
        for (; left > 0; left--, row += step) {
            to = mlut_columns_copy(row, bytes, to);
        }
        mlut_columns_widen_patch(height * bytes, patch, columns);
    }
}

/* One kernel row, which reads the picture's row `from` from pixel `left` on. */
static void mlut_columns_gather_row(
    const mlut_conv2d_t *layer, const int8_t *from, size_t left, mlut_columns_sink_t *sink)
{
    const mlut_window_t *window = &layer->window;
    const size_t channels = layer->in.channels;
    const size_t right = left + (size_t)window->width - 1u;
    if (window->dilation_x == 1 && left < layer->in.width && right < layer->in.width) {
        mlut_columns_put(sink, from + left * channels, window->width * channels);
        return;
    }
    for (size_t j = 0; j < window->width; j++) {
        const size_t column = left + j * window->dilation_x;
        if (column >= layer->in.width) {
            mlut_columns_put_padding(sink, layer->input_zero_point, channels);
        } else {
            mlut_columns_put(sink, from + column * channels, channels);
        }
    }
}

/* A field whose first position is row `top` and column `left`, modulo 2^n. */
static __attribute__((noinline)) void mlut_columns_gather_border(const mlut_conv2d_t *layer,
    const int8_t *in,
    size_t top,
    size_t left,
    int8_t *patch,
    uint32_t *column)
{
    const mlut_window_t *window = &layer->window;
    const size_t row_bytes = (size_t)layer->in.width * layer->in.channels;
    mlut_columns_sink_t sink = {column, layer->patch ? patch : NULL};
    for (size_t i = 0; i < window->height; i++) {
        const size_t row = top + i * window->dilation_y;
        if (row < layer->in.height) {
            mlut_columns_gather_row(layer, in + row * row_bytes, left, &sink);
        } else {
            mlut_columns_put_padding(
                &sink, layer->input_zero_point, window->width * layer->in.channels);
        }
    }
    if (layer->patch != 0) {
        mlut_columns_widen_patch((size_t)(sink.patch - patch), patch, column);
    }
}

void mlut_gather_columns(const mlut_conv2d_t *layer,
    const int8_t *in,
    size_t y,
    size_t x,
    size_t count,
    int8_t *patch,
    uint32_t *columns)
{
    const mlut_window_t *window = &layer->window;
    const size_t width = layer->in.width;
    const size_t channels = layer->in.channels;
    const size_t stride = window->stride_x;
    const size_t reach = (size_t)window->width - 1u;
    /* Positions before the picture wrap to huge unsigned values, which the tests below reject. */
    const size_t top = y * window->stride_y - window->pad_top;
    const size_t bottom = top + (window->height - 1u) * (size_t)window->dilation_y;
    const bool rows_inside =
        window->dilation_x == 1 && top < layer->in.height && bottom < layer->in.height;
    size_t left = x * stride - window->pad_left;
    while (count > 0) {
        size_t inside = 0;
        for (size_t next = left;
            rows_inside && inside < count && next < width && next + reach < width; next += stride) {
            inside++;
        }
        if (inside > 0) {
            mlut_columns_gather_inside(layer, in + (top * width + left) * channels,
                stride * channels, inside, patch, columns);
        } else {
            mlut_columns_gather_border(layer, in, top, left, patch, columns);
            inside = 1;
        }
        left += inside * stride;
        columns += inside;
        count -= inside;
    }
}

static MLUT_INLINE void mlut_columns_gather_pixels(
    const int8_t *const pixels[MLUT_COLUMNS], size_t channels, bool aligned, uint32_t *columns)
{
    const int8_t *a = pixels[0];
    const int8_t *b = pixels[1];
    const int8_t *c = pixels[2];
    const int8_t *d = pixels[3];
    for (size_t left = channels / 4u; left > 0; left--, a += 4, b += 4, c += 4, d += 4) {
        const uint32_t words[MLUT_COLUMNS] = {mlut_columns_load(a, 4, aligned),
            mlut_columns_load(b, 4, aligned), mlut_columns_load(c, 4, aligned),
            mlut_columns_load(d, 4, aligned)};
        mlut_isa_put_inputs(words[0], columns);
        mlut_isa_put_inputs(words[1], columns + 1);
        mlut_isa_put_inputs(words[2], columns + 2);
        columns = mlut_isa_put_inputs(words[3], columns + 3) - 3;
    }
}

void mlut_gather_pixels(
    const int8_t *const pixels[MLUT_COLUMNS], size_t channels, uint32_t *columns)
{
    uintptr_t any = channels;
    for (size_t i = 0; i < MLUT_COLUMNS; i++) {
        any |= (uintptr_t)pixels[i];
    }
    if (!mlut_isa_unaligned && any % 4u == 0) {
        mlut_columns_gather_pixels(pixels, channels, true, columns);
    } else {
        mlut_columns_gather_pixels(pixels, channels, false, columns);
    }
    const size_t rest = channels % 4u;
    if (rest == 0) {
        return;
    }
    columns += channels / 4u * MLUT_COLUMNS * MLUT_COLUMN_WORDS;
    for (size_t i = 0; i < MLUT_COLUMNS; i++) {
        const int8_t *const end = pixels[i] + channels;
        uint32_t last = 0;
        if (channels > 4) {
            memcpy(&last, end - 4, 4);
            last >>= 8u * (4u - (unsigned)rest);
        } else {
            for (size_t k = rest; k > 0; k--) {
                last = last << 8 | (uint8_t)pixels[i][k - 1u];
            }
        }
        mlut_isa_put_inputs(last, columns + i);
    }
}

void mlut_clear_columns(size_t first, size_t quads, uint32_t *columns)
{
    const uint32_t *const end = columns + MLUT_COLUMNS * MLUT_COLUMN_WORDS * quads;
    for (; columns < end; columns += MLUT_COLUMNS) {
        for (size_t i = first; i < MLUT_COLUMNS; i++) {
            columns[i] = 0;
        }
    }
}
