/* Tiles of convolutions for cores with MVE: products, and their sums' output stage. */
#include "../isa/isa.h"

#if MLUT_ISA_MVE

#include "block.h"
#include "output.h"

#define MLUT_MVE_TILE_GROUP 8u /* rows whose sums are kept */

/* 16 values of two rows and four fields: 128 products. The last product of each chunk is made
 * between the next one's loads, which takes 16 instead of 18 cycles (benchmarks/pipelines.py). */
#define MLUT_MVE_TILE_LAST "vmladava.s8 lr, q2, q3\n\t"
#define MLUT_MVE_TILE_CHUNK(multiply, before)                                                      \
    "vldrw.u32 q0, [r1], #32\n\t" before "vldrw.u32 q1, [r3], #16\n\t" multiply " r0, q0, q1\n\t"  \
    "vldrw.u32 q2, [r1, #-16]\n\t" multiply " r2, q2, q1\n\t"                                      \
    "vldrw.u32 q3, [r5], #16\n\t" multiply " r4, q0, q3\n\t" multiply " r6, q2, q3\n\t"            \
    "vldrw.u32 q1, [r7], #16\n\t" multiply " r8, q0, q1\n\t" multiply " r10, q2, q1\n\t"           \
    "vldrw.u32 q3, [r9], #16\n\t" multiply " r12, q0, q3\n\t"
#define MLUT_MVE_TILE_FIRST MLUT_MVE_TILE_CHUNK("vmladav.s8", "")
#define MLUT_MVE_TILE_NEXT MLUT_MVE_TILE_CHUNK("vmladava.s8", MLUT_MVE_TILE_LAST)

/* Write the sums of products of an even number of rows and four fields to totals[field][row], and
 * return the end of the weights.
 *
 * Such sums go to even registers: all eight of them are taken, LR among them, and pointers and the
 * count take the odd ones. GCC finds no such allocation. The loop is over four chunks and entered
 * where those begin that the first one leaves over of four. */
static MLUT_NAKED const int8_t *mlut_mve_tile(MLUT_UNUSED const int8_t *weights,
    MLUT_UNUSED const int8_t *fields,
    MLUT_UNUSED size_t width,
    MLUT_UNUSED int32_t (*totals)[MLUT_MVE_TILE_GROUP],
    MLUT_UNUSED const int32_t *end)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r12, [sp, #36]\n\t"
        "sub sp, #36\n\t"
        "add r5, r1, r2\n\t"
        "add r7, r5, r2\n\t"
        "add r9, r7, r2\n\t"
        "strd r1, r5, [sp]\n\t"
        "strd r7, r9, [sp, #8]\n\t"
        "strd r3, r12, [sp, #16]\n\t"
        "mov r1, r0\n\t"
        "lsrs r2, r2, #4\n\t"
        "subs r2, #1\n\t" /* chunks after the first */
        "adds r0, r2, #3\n\t"
        "lsrs r0, r0, #2\n\t" /* rounds */
        "rsb r2, r2, r0, lsl #2\n\t"
        "mov r3, %[bytes]\n\t"
        "adr.w r11, 2f + 1\n\t" /* a Thumb address */
        "mla r2, r2, r3, r11\n\t"
        "cbnz r0, 0f\n\t"
        "adr.w r2, 3f + 1\n"
        "0:\tmovs r3, #0\n\t"
        "strd r0, r3, [sp, #24]\n\t"
        "str r2, [sp, #32]\n"
        "1:\tldrd r3, r5, [sp]\n\t"
        "ldrd r7, r9, [sp, #8]\n\t"
        "ldrd r11, lr, [sp, #24]\n\t" MLUT_MVE_TILE_FIRST "ldr pc, [sp, #32]\n"
        "2:\t" MLUT_MVE_TILE_NEXT MLUT_MVE_TILE_NEXT MLUT_MVE_TILE_NEXT MLUT_MVE_TILE_NEXT
        "subs r11, #1\n\t"
        "bne 2b\n"
        "3:\t" MLUT_MVE_TILE_LAST "ldrd r3, r5, [sp, #16]\n\t"
        "strd r4, r6, [r3, #32]\n\t"
        "strd r8, r10, [r3, #64]\n\t"
        "strd r12, lr, [r3, #96]\n\t"
        "strd r0, r2, [r3], #8\n\t"
        "str r3, [sp, #16]\n\t"
        "cmp r3, r5\n\t"
        "bne 1b\n\t"
        "mov r0, r1\n\t"
        "add sp, #36\n\t"
        "pop {r4-r11, pc}" ::[bytes] "i"(56)
        : "memory");
}

/* Write four channels of one pixel, or as many as `lanes` has. */
static inline __attribute__((always_inline)) void mlut_mve_tile_finish_pixel(
    const mlut_block_t *block,
    const mlut_mve_channels_t *channels,
    const int32_t *totals,
    unsigned rounding,
    mve_pred16_t lanes,
    int8_t *out)
{
    const int32x4_t done = mlut_mve_output(block->stage, channels, vldrwq_s32(totals), rounding);
    if (lanes == MLUT_MVE_ALL) {
        vstrbq_s32(out, done);
    } else {
        vstrbq_p_s32(out, done, lanes);
    }
}

static inline __attribute__((always_inline)) void mlut_mve_multiply_block(
    const mlut_block_t *whole, unsigned rounding, int8_t *out)
{
    const mlut_block_t block = *whole; /* a copy, which outputs cannot alias */
    const mlut_channel_t *channel = block.channels;
    const int8_t *weights = block.weights;
    int32_t totals[MLUT_COLUMNS][MLUT_MVE_TILE_GROUP];
    for (size_t left = block.rows; left > 0;) {
        const size_t rows = left < MLUT_MVE_TILE_GROUP ? left : MLUT_MVE_TILE_GROUP;
        const int32_t *const end = totals[0] + ((rows + 1u) & ~(size_t)1);
        weights = mlut_mve_tile(weights, block.fields, block.width, totals, end);
        for (size_t r = 0; r < rows; r += 4, channel += 4, out += 4) {
            const mlut_mve_channels_t channels = mlut_mve_channels(channel, rounding);
            int8_t *to = out;
            if (block.count == MLUT_COLUMNS && rows - r >= 4) {
                mlut_mve_tile_finish_pixel(
                    &block, &channels, totals[0] + r, rounding, MLUT_MVE_ALL, to);
                to += block.stride;
                mlut_mve_tile_finish_pixel(
                    &block, &channels, totals[1] + r, rounding, MLUT_MVE_ALL, to);
                to += block.stride;
                mlut_mve_tile_finish_pixel(
                    &block, &channels, totals[2] + r, rounding, MLUT_MVE_ALL, to);
                to += block.stride;
                mlut_mve_tile_finish_pixel(
                    &block, &channels, totals[3] + r, rounding, MLUT_MVE_ALL, to);
                continue;
            }
            for (size_t i = 0; i < block.count; i++, to += block.stride) {
                mlut_mve_tile_finish_pixel(
                    &block, &channels, totals[i] + r, rounding, vctp32q(rows - r), to);
            }
        }
        left -= rows;
    }
}

void mlut_multiply_any(const mlut_block_t *block, int8_t *out)
{
    mlut_mve_multiply_block(block, MLUT_ROUND_ANY, out);
}

void mlut_multiply_signed(const mlut_block_t *block, int8_t *out)
{
    mlut_mve_multiply_block(block, MLUT_ROUND_SIGNED, out);
}

void mlut_multiply_positive(const mlut_block_t *block, int8_t *out)
{
    mlut_mve_multiply_block(block, MLUT_ROUND_POSITIVE, out);
}

#endif
