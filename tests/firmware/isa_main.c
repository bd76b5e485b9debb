/* Compares one implementation of the primitives with a plain reference: all counts up to 70, all
 * alignments, and blocks that end exactly where the last value is; tiles of 1 to 40 quads
 * and 1 to 3 pairs of rows; and the ends of the range of what is scaled. */
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

static int check(size_t count, size_t x_offset, size_t w_offset, size_t stride)
{
    int8_t *x = new_block(x_offset, count);
    int8_t *w = new_block(w_offset, 3u * stride + count);
    const int32_t start[4] = {0, -1000000000, 1000000000, 77};
    int32_t totals[4];
    memcpy(totals, start, sizeof(totals));
    mlut_isa_dot4(x + x_offset, w + w_offset, stride, count, totals);
    int good = 1;
    for (size_t r = 0; r < 4u; r++) {
        const int8_t *row = w + w_offset + r * stride;
        const int32_t wanted = reference(x + x_offset, row, count, start[r]);
        good &= totals[r] == wanted;
        good &= mlut_isa_dot(x + x_offset, row, count, start[r]) == wanted;
    }
    free(w);
    free(x);
    return good;
}

/* Value number i of two that are in a word. */
static int32_t half(uint32_t pair, size_t i)
{
    return (int16_t)(i == 0 ? pair : pair >> 16);
}

/* A block of its own with `count` pairs of int8 values. */
static uint32_t *new_pairs(size_t count)
{
    uint32_t *block = malloc(count * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        block[i] = (uint32_t)(uint16_t)next_value() | (uint32_t)next_value() << 16;
    }
    return block;
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
    uint32_t *columns = malloc(MLUT_COLUMNS * quads * mlut_isa_column_words * sizeof(uint32_t));
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
                wanted += w[r * values + k] * (x[c * values + k] + mlut_isa_input_offset);
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

static int check_two_3x3(void)
{
    uint32_t *p = new_pairs(3);
    uint32_t *q = new_pairs(3);
    uint32_t weights[6];
    int32_t totals[2] = {-5, 1000000000};
    int32_t wanted[2] = {-5, 1000000000};
    for (size_t j = 0; j < 3u; j++) {
        const int32_t w[3] = {next_value(), next_value(), next_value()};
        const int32_t x[4] = {half(p[j], 0), half(p[j], 1), half(q[j], 0), half(q[j], 1)};
        weights[j] = mlut_generic_pair(w[0], w[1]);
        weights[j + 3u] = mlut_generic_pair(w[1], w[2]);
        wanted[0] += w[0] * x[0] + w[1] * x[1] + w[2] * x[2];
        wanted[1] += w[0] * x[1] + w[1] * x[2] + w[2] * x[3];
    }
    mlut_isa_two_3x3(p, q, weights, totals);
    free(q);
    free(p);
    return memcmp(totals, wanted, sizeof(wanted)) == 0;
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
            good &= half(pair, j / 2u) == (int8_t)(word >> (8u * j));
        }
        for (size_t j = 0; j < 10u; j++) {
            const int64_t product = (int64_t)x * edges[j];
            good &= mlut_isa_high_mul(x, edges[j]) == (product + 2147483648) >> 32;
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
        failures += check_two_3x3() ? 0 : 1;
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
