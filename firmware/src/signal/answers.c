/* Smooth scores, suppress boxes of the same object, measure reconstructions. */
#include "microlut/answers.h"

#include <string.h>

void mlut_smooth_clear(mlut_smooth_t *smooth)
{
    memset(smooth->sums, 0, smooth->classes * sizeof(*smooth->sums));
    smooth->next = 0;
    smooth->held = 0;
}

void mlut_smooth(mlut_smooth_t *smooth, const int8_t *answer, int8_t *means)
{
    int8_t *const place = smooth->answers + smooth->next * smooth->classes;
    const bool full = smooth->held == smooth->count;
    smooth->held += full ? 0u : 1u;
    smooth->next = smooth->next + 1u == smooth->count ? 0 : smooth->next + 1u;
    const int32_t held = (int32_t)smooth->held;
    for (size_t i = 0; i < smooth->classes; i++) {
        smooth->sums[i] += answer[i] - (full ? place[i] : 0);
        place[i] = answer[i];
        /* Of what is not negative, as the quotient of a negative number is rounded up. */
        means[i] = (int8_t)((smooth->sums[i] + 128 * held + held / 2) / held - 128);
    }
}

static uint64_t mlut_box_area(const mlut_box_t *box)
{
    return (uint64_t)(box->right - box->left) * (uint64_t)(box->bottom - box->top);
}

static bool mlut_box_overlaps(const mlut_box_t *a, const mlut_box_t *b, uint32_t overlap)
{
    mlut_box_t both = *a;
    both.left = a->left > b->left ? a->left : b->left;
    both.top = a->top > b->top ? a->top : b->top;
    both.right = a->right < b->right ? a->right : b->right;
    both.bottom = a->bottom < b->bottom ? a->bottom : b->bottom;
    if (both.right <= both.left || both.bottom <= both.top) {
        return false;
    }
    const uint64_t common = mlut_box_area(&both);
    return common * 256u > overlap * (mlut_box_area(a) + mlut_box_area(b) - common);
}

size_t mlut_suppress(mlut_box_t *boxes, size_t count, uint32_t overlap, bool all)
{
    size_t kept = 0;
    for (size_t first = 0; first < count; first++) {
        size_t best = first; /* bring the best of the others here, and keep their order */
        for (size_t i = first + 1u; i < count; i++) {
            if (boxes[i].score > boxes[best].score) {
                best = i;
            }
        }
        const mlut_box_t box = boxes[best];
        memmove(boxes + first + 1, boxes + first, (best - first) * sizeof(*boxes));
        boxes[first] = box;
        bool other = true;
        for (size_t i = 0; i < kept && other; i++) {
            other = (!all && boxes[i].class_number != box.class_number) ||
                    !mlut_box_overlaps(boxes + i, &box, overlap);
        }
        if (other) {
            boxes[kept++] = box;
        }
    }
    return kept;
}

uint64_t mlut_distance(
    const mlut_distance_t *distance, const int8_t *input, const int8_t *output, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const int32_t difference =
            (input[i] - distance->input_zero_point) * distance->input_multiplier -
            (output[i] - distance->output_zero_point) * distance->output_multiplier;
        sum += (uint64_t)((int64_t)difference * difference);
    }
    return sum;
}
