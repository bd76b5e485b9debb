/* Compares one implementation of the primitives with a plain reference: all counts up to 70, all
 * alignments, two times four rows, and blocks that end exactly where the last value is; tiles of 1
 * to 40 quads and 1 to 3 pairs of rows; rows of depthwise outputs of all widths up to 9, lines
 * of outputs; and the ends of the range of what is scaled. */
#include "isa/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_COUNT 70u
#define MOST_QUADS 40u
#define MOST_PAIRS 3u

static uint32_t state = 12345u;

static int8_t next_value(void)
{
    state = state * 1664525u + 1013904223u;
    const unsigned kind = state >> 29;
    return (int8_t)(kind == 0 ? -128 : kind == 1 ? 127 : (int32_t)(state >> 16 & 0xffu) - 128);
}

/* A block of its own with `count` random values from `offset` on. */
static int8_t *new_block(size_t offset, size_t count)
{
    int8_t *block = malloc(offset + count + (offset + count == 0 ? 1u : 0u));
    for (size_t i = 0; i < offset + count; i++) {
        block[i] = next_value();
    }
    return block;
}

static int32_t reference(const int8_t *x, const int8_t *weights, size_t count, int32_t total)
{
    for (size_t i = 0; i < count; i++) {
        total += x[i] * weights[i];
    }
    return total;
}

#define ROWS 8u /* twice the four that are multiplied together */

static const int32_t start[ROWS] = {0, -1000000000, 1000000000, 77, -78, 5, 900000000, -1};

static int check(size_t count, size_t x_offset, size_t w_offset, size_t stride)
{
    int8_t *x = new_block(x_offset, count);
    int8_t *w = new_block(w_offset, (ROWS - 1u) * stride + count);
    int32_t totals[ROWS];
    memcpy(totals, start, sizeof(totals));
    if (count > 0) {
        mlut_isa_dot4(x + x_offset, w + w_offset, stride, count, totals, ROWS / 4u);
    }
    int good = 1;
    for (size_t r = 0; r < ROWS; r++) {
        const int8_t *row = w + w_offset + r * stride;
        const int32_t wanted = reference(x + x_offset, row, count, start[r]);
        good &= totals[r] == wanted;
        good &= mlut_isa_dot(x + x_offset, row, count, start[r]) == wanted;
    }
    free(w);
    free(x);
    return good;
}

/* Input number i of a pair. */
static int32_t half(uint32_t pair, size_t i)
{
    return mlut_isa_dot2(pair, i == 0 ? MLUT_PAIR(1, 0) : MLUT_PAIR(0, 1), 0);
}

/* A block of its own with `count` pairs of int8 values, -128 more often. */
static uint32_t *new_pairs(size_t count)
{
    uint32_t *block = malloc(count * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        const int8_t value = next_value();
        block[i] = mlut_isa_pair(value < -64 ? -128 : value, next_value());
    }
    return block;
}

/* A block of its own with `count` weights, -128 and 127 more often. */
static int8_t *new_weights(size_t count)
{
    int8_t *block = malloc(count);
    for (size_t i = 0; i < count; i++) {
        const int8_t value = next_value();
        block[i] = value > 100 ? 127 : value < -64 ? -128 : value;
    }
    return block;
}

static int check_widen(size_t count, size_t offset)
{
    int8_t *x = new_block(offset, count);
    uint32_t *pairs = malloc((count + 2u) / 2u * sizeof(uint32_t));
    int good = mlut_isa_entry(-3, 5) == MLUT_PAIR(-3, 5);
    mlut_isa_widen(x + offset, count, pairs);
    for (size_t i = 0; i < count + count % 2u; i++) {
        const uint32_t entry = i % 2u == 0 ? MLUT_PAIR(1, 0) : MLUT_PAIR(0, 1);
        good &= mlut_isa_dot2(pairs[i / 2u], entry, 7) == 7 + (i < count ? x[offset + i] : 0);
    }
    free(pairs);
    free(x);
    return good;
}

static int check_lookup(size_t count, size_t offset, size_t stride)
{
    int8_t *inputs = new_block(0, 2u * count);
    int8_t *weights = new_weights(512);
    uint32_t *table = malloc(256 * sizeof(uint32_t));
    uint32_t *x = malloc(count * sizeof(uint32_t));
    for (size_t i = 0; i < 256; i++) {
        table[i] = MLUT_PAIR(weights[2u * i], weights[2u * i + 1u]);
    }
    inputs[0] = inputs[1] = -128;
    mlut_isa_widen(inputs, 2u * count, x);
    uint8_t *indices = (uint8_t *)new_block(offset, (ROWS - 1u) * stride + count);
    int32_t totals[ROWS];
    memcpy(totals, start, sizeof(totals));
    mlut_isa_lookup4(indices + offset, stride, count, table, x, totals, ROWS / 4u);
    int good = 1;
    for (size_t r = 0; r < ROWS; r++) {
        int32_t wanted = start[r];
        for (size_t i = 0; i < 2u * count; i++) {
            wanted += inputs[i] * weights[2u * indices[offset + r * stride + i / 2u] + i % 2u];
        }
        good &= totals[r] == wanted;
    }
    free(indices);
    free(x);
    free(table);
    free(weights);
    free(inputs);
    return good;
}

/* Put the weights of two rows, words and bytes in turn. */
static void put_rows(const int8_t *w, size_t values, uint32_t *weights)
{
    for (size_t r = 0; r < 2u; r++) {
        for (size_t k = 0; k < values; k += 4) {
            const int8_t *from = w + r * values + k;
            if (k % 8u == 0) {
                mlut_isa_put_weights(from[0], from[1], from[2], from[3], r, weights + k);
            } else {
                uint32_t four;
                memcpy(&four, from, sizeof(four));
                mlut_isa_put_bytes(four, r, weights + k);
            }
        }
    }
}

static int check_tile(size_t quads, size_t pairs)
{
    const size_t values = 4u * quads;
    const size_t rows = 2u * pairs;
    int8_t *w = new_block(0, rows * values);
    int8_t *x = new_block(0, MLUT_COLUMNS * values);
    uint32_t *weights = malloc(pairs * values * sizeof(uint32_t));
    uint32_t *columns = malloc(MLUT_COLUMNS * quads * MLUT_COLUMN_WORDS * sizeof(uint32_t));
    for (size_t r = 0; r < rows; r += 2) {
        put_rows(w + r * values, values, weights + r / 2u * values);
    }
    for (size_t c = 0; c < MLUT_COLUMNS; c++) {
        uint32_t *column = columns + c;
        for (size_t k = 0; k < values; k += 4) {
            uint32_t four;
            memcpy(&four, x + c * values + k, sizeof(four));
            column = mlut_isa_put_inputs(four, column);
        }
    }
    int32_t biases[MLUT_BIAS_STEP * 2u * MOST_PAIRS];
    int32_t totals[MLUT_COLUMNS * 2u * MOST_PAIRS + 1u];
    for (size_t r = 0; r < MLUT_BIAS_STEP * rows; r++) {
        biases[r] = (int32_t)r * 50000000 - 300000000;
    }
    const mlut_span_t span = mlut_isa_span(columns, quads);
    int32_t *const end = totals + MLUT_COLUMNS * rows;
    *end = 12345;
    int good = mlut_isa_tile(weights, &span, biases, totals, end) == weights + pairs * values;
    good &= *end == 12345;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < MLUT_COLUMNS; c++) {
            int32_t wanted = biases[r * MLUT_BIAS_STEP];
            for (size_t k = 0; k < values; k++) {
                wanted += w[r * values + k] * x[c * values + k];
            }
            good &= totals[MLUT_COLUMNS * r + c] == wanted;
        }
    }
    free(columns);
    free(weights);
    free(x);
    free(w);
    return good;
}

static int check_put_pairs(void)
{
    const uint32_t upper = (uint32_t)next_value() << 24 | state >> 8;
    const uint32_t lower = (uint32_t)next_value() << 24 | state >> 8;
    uint32_t pairs[5] = {0, 0, 0, 0, 12345};
    mlut_isa_put_pairs(upper, lower, pairs);
    int good = pairs[4] == 12345;
    for (size_t i = 0; i < 4u; i++) {
        good &= half(pairs[i], 0) == (int8_t)(upper >> (8u * i));
        good &= half(pairs[i], 1) == (int8_t)(lower >> (8u * i));
    }
    mlut_isa_put_entries(upper, lower, pairs);
    for (size_t i = 0; i < 4u; i++) {
        const int32_t first = (int8_t)(upper >> (8u * i));
        const int32_t second = (int8_t)(lower >> (8u * i));
        good &= mlut_isa_dot2(mlut_isa_pair(-128, -128), pairs[i], 0) == -128 * (first + second);
    }
    return good;
}

/* round(total * multiplier / 2^31) / 2^shift, halves away from zero; at most an int8. */
static int8_t output_of(int32_t total, const mlut_rows_t *rows, int32_t zero_point)
{
    const int64_t product = ((int64_t)total * rows->multiplier + (1 << 30)) >> 31;
    const int64_t half_unit = (int64_t)1 << (rows->shift - 1u);
    const int64_t size = ((product < 0 ? -product : product) + half_unit) >> rows->shift;
    const int64_t nearest = (product < 0 ? -size : size) + zero_point;
    return (int8_t)(nearest < -128 ? -128 : nearest > 127 ? 127 : nearest);
}

/* Outputs of a channel in a picture of some channels, by the slow formula; with `lower`, the kernel
 * begins at the second row. */
static int check_rows(size_t height, size_t width, size_t stride, size_t lower, int is_signed)
{
    const size_t channels = 3;
    const size_t pitch = (width - 1u) * stride + 3u;
    const size_t tall = ((height - 1u) * stride + lower + 4u) / 2u;
    const size_t words = pitch * MLUT_LANES;
    const size_t behind = stride * MLUT_LANES;
    const int32_t zero_point = is_signed ? next_value() : -128;
    uint32_t *plane = malloc((tall * words + behind) * sizeof(uint32_t));
    for (size_t i = 0; i < tall * words + behind; i++) {
        plane[i] = mlut_isa_pair(next_value(), i % 2u == 0 ? next_value() : -128);
    }
    int8_t *out = new_block(0, height * width * channels);
    int8_t *wanted = new_block(0, height * width * channels);
    memcpy(wanted, out, height * width * channels);
    mlut_rows_t rows = {{0}, plane + 1, words * sizeof(uint32_t), 1200000001 + next_value(),
        (int32_t)((2 * zero_point + 1) * 128), 8, 2 * 1234, out + 1,
        stride == 1 && height > 1 ? width * channels : 0, channels, width / 2u * 2u * channels,
        width % 2u, 0, stride == 1 && height > 1 ? height / 2u : height, lower};
    rows.gap = (rows.below == 0 ? 1u : 2u) * width * channels - rows.across;
    int32_t w[9];
    for (size_t i = 0; i < 9u; i++) {
        w[i] = i % 4u == 0 ? -128 : next_value();
    }
    for (size_t j = 0; j < 3u; j++) {
        const int32_t four[4] = {lower ? 0 : w[j], w[lower ? j : 3u + j],
            w[stride == 1 || lower ? 3u + j : 6u + j], stride == 1 || lower ? w[6u + j] : 0};
        rows.weights[j] =
            mlut_isa_entry(mlut_isa_row_scale * four[0], mlut_isa_row_scale * four[1]);
        rows.weights[3u + j] =
            mlut_isa_entry(mlut_isa_row_scale * four[2], mlut_isa_row_scale * four[3]);
    }
    for (size_t y = 0; y < rows.strips * (rows.below == 0 ? 1u : 2u); y++) {
        for (size_t x = 0; x < width; x++) {
            int32_t total = 1234;
            for (size_t i = 0; i < 9u; i++) {
                const size_t row = y * stride + lower + i / 3u;
                const size_t column = x * stride + i % 3u;
                total += w[i] * half(rows.from[row / 2u * words + column * MLUT_LANES], row % 2u);
            }
            wanted[(y * width + x) * channels + 1u] = output_of(total, &rows, zero_point);
        }
    }
    void (*const make[])(const mlut_rows_t *) = {mlut_isa_rows_positive, mlut_isa_rows_signed,
        mlut_isa_rows_2_positive, mlut_isa_rows_2_signed};
    make[2u * (stride - 1u) + (is_signed ? 1u : 0u)](&rows);
    const int good = memcmp(out, wanted, height * width * channels) == 0;
    free(wanted);
    free(out);
    free(plane);
    return good;
}

/* Outputs of a kernel of `size` on a line. */
static int check_slide(size_t size)
{
    const size_t count = size / 2u + 1u;
    uint32_t *x = new_pairs(MLUT_LANES * (count + 1u));
    uint32_t *taps = malloc(2u * MLUT_LANES * count * sizeof(uint32_t));
    int8_t *w = new_block(0, size + 3u);
    w[0] = w[size + 1u] = w[size + 2u] = 0; /* what is before and behind the kernel */
    for (size_t i = 0; i < count; i++) {
        for (size_t odd = 0; odd < 2u; odd++) {
            const int8_t *from = w + 1u + 2u * i - odd;
            taps[MLUT_LANES * (2u * i + odd)] = mlut_isa_entry(from[0], from[1]);
        }
    }
    int32_t totals[4];
    memcpy(totals, start, sizeof(totals));
    mlut_isa_slide(x, taps, count, totals);
    int good = 1;
    for (size_t y = 0; y < 4u; y++) {
        int32_t wanted = start[y];
        for (size_t i = 0; i < size; i++) {
            wanted += w[1u + i] * half(x[(y + i) / 2u * MLUT_LANES], (y + i) % 2u);
        }
        good &= totals[y] == wanted;
    }
    free(w);
    free(taps);
    free(x);
    return good;
}

static int check_scalars(void)
{
    const int32_t edges[] = {INT32_MIN + 1, -1073741825, -129, -128, -1, 0, 1, 127, 128, INT32_MAX};
    int good = 1;
    for (size_t i = 0; i < 10u; i++) {
        const int32_t x = edges[i];
        const uint32_t word = (uint32_t)x;
        good &= mlut_isa_saturate(x) == (x < -128 ? -128 : x > 127 ? 127 : x);
        for (size_t j = 0; j < 4u; j++) {
            const uint32_t pair = j % 2u == 0 ? mlut_isa_even(word) : mlut_isa_odd(word);
            good &= (int16_t)(pair >> (j / 2u * 16u)) == (int8_t)(word >> (8u * j));
        }
        for (size_t j = 0; j < 10u; j++) {
            const int64_t product = (int64_t)x * edges[j];
            const int32_t high = (int32_t)((product + 2147483648) >> 32);
            good &= mlut_isa_high_add(x, edges[j], 0) == high;
            good &= mlut_isa_high_add(x, edges[j], -high / 2) == high - high / 2;
        }
    }
    return good;
}

int main(void)
{
    unsigned failures = check_scalars() ? 0 : 1;
    for (size_t quads = 1; quads <= MOST_QUADS; quads++) {
        for (size_t pairs = 1; pairs <= MOST_PAIRS; pairs++) {
            failures += check_tile(quads, pairs) ? 0 : 1;
        }
        failures += check_put_pairs() ? 0 : 1;
    }
    for (size_t i = 0; i < 8u * 9u * 4u; i++) {
        const size_t height = 1u + i % 8u;
        const size_t width = 1u + i / 8u % 9u;
        if (!check_rows(height, width, 1u + i / 72u % 2u, 0, i / 144u == 1u) ||
            !check_rows(height, width, 2, 1, i / 144u == 1u)) {
            failures++;
            printf("%zu rows of %zu outputs differ (%zu)\n", height, width, i);
        }
    }
    for (size_t size = 1; size <= LARGEST_COUNT; size++) {
        failures += check_slide(size) ? 0 : 1;
    }
    for (size_t count = 1; count <= LARGEST_COUNT; count++) {
        for (size_t offset = 0; offset < 4u; offset++) {
            failures += check_widen(count, offset) ? 0 : 1;
            failures += check_lookup(count, offset, count + offset) ? 0 : 1;
        }
    }
    for (size_t count = 0; count <= LARGEST_COUNT; count++) {
        for (size_t offsets = 0; offsets < 16u; offsets++) {
            for (size_t gap = 0; gap < 4u; gap++) {
                if (!check(count, offsets & 3u, offsets >> 2, count + gap)) {
                    failures++;
                    printf("count %zu, offsets %zu, gap %zu differ\n", count, offsets, gap);
                }
            }
        }
    }
    printf("%s: %u failures\n", MLUT_ISA_NAME, failures);
    return failures != 0;
}
