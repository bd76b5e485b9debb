/* The loop over the bands of a segment.
 *
 * A step first goes from the last layer back, to find how many rows of each tensor are needed for
 * its rows of output, and then from the first layer on, which makes those that are missing. A
 * tensor's buffer holds rows `first` to `end`. Where new ones have no room behind these, those that
 * will still be read are moved to the front. The planner goes through the same steps to find how
 * many rows a buffer needs. Upwards, rows are counted from the bottom, and buffers are filled from
 * their end: only places in memory and the padding of bands differ. */
#include "microlut/segment.h"

#include <string.h>

/* Rows of a tensor that are in its buffer, and how many of its rows this step needs. */
typedef struct {
    uint16_t first;
    uint16_t end;
    uint16_t need;
} mlut_segment_progress_t;

static int32_t mlut_segment_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The first row of its inputs that output row `row` of a layer needs. */
static int32_t mlut_segment_top(const mlut_segment_layer_t *layer, int32_t row)
{
    const int32_t top = row * layer->stride - layer->before;
    return top > 0 ? top : 0;
}

/* How many rows of its inputs, of `height`, the first `rows` rows of a layer's output need. */
static int32_t mlut_segment_bottom(const mlut_segment_layer_t *layer, int32_t rows, int32_t height)
{
    return mlut_segment_least((rows - 1) * layer->stride + layer->reach - layer->before, height);
}

/* The offset in the arena of rows `from` to `to` of a tensor whose buffer begins with row `first`.
 */
static size_t mlut_segment_offset(
    const mlut_segment_t *segment, size_t tensor, int32_t first, int32_t from, int32_t to)
{
    const mlut_lines_t *lines = &segment->lines[tensor];
    const int32_t row = segment->upwards ? lines->room - (to - first) : from - first;
    return lines->offset + (size_t)row * lines->row_bytes;
}

static void mlut_segment_demand(const mlut_segment_t *segment, mlut_segment_progress_t *progress)
{
    const size_t last = segment->inputs + segment->layer_count - 1u;
    for (size_t i = 0; i < last; i++) {
        progress[i].need = 0;
    }
    progress[last].need = (uint16_t)mlut_segment_least(
        progress[last].end + segment->rows, segment->lines[last].height);
    for (size_t n = segment->layer_count; n-- > 0;) {
        const mlut_segment_layer_t *layer = &segment->layers[n];
        const int32_t rows = progress[segment->inputs + n].need;
        for (size_t i = 0; rows > 0 && i < layer->input_count; i++) {
            mlut_segment_progress_t *input = &progress[layer->inputs[i]];
            const int32_t height = segment->lines[layer->inputs[i]].height;
            const int32_t bottom = mlut_segment_bottom(layer, rows, height);
            input->need = bottom > input->need ? (uint16_t)bottom : input->need;
        }
    }
}

/* The first row of a tensor that a layer will still read. */
static int32_t mlut_segment_oldest(
    const mlut_segment_t *segment, const mlut_segment_progress_t *progress, size_t tensor)
{
    int32_t oldest = progress[tensor].end;
    for (size_t n = 0; n < segment->layer_count; n++) {
        const mlut_segment_layer_t *layer = &segment->layers[n];
        const size_t output = segment->inputs + n;
        for (size_t i = 0; i < layer->input_count; i++) {
            if (layer->inputs[i] == tensor) {
                oldest = mlut_segment_least(oldest, mlut_segment_top(layer, progress[output].end));
            }
        }
    }
    return oldest;
}

static void mlut_segment_make_room(
    const mlut_segment_t *segment, mlut_segment_progress_t *progress, size_t tensor, int8_t *arena)
{
    mlut_segment_progress_t *rows = &progress[tensor];
    if (rows->need - rows->first <= segment->lines[tensor].room) {
        return;
    }
    const int32_t oldest = mlut_segment_oldest(segment, progress, tensor);
    memmove(arena + mlut_segment_offset(segment, tensor, oldest, oldest, rows->end),
        arena + mlut_segment_offset(segment, tensor, rows->first, oldest, rows->end),
        (size_t)(rows->end - oldest) * segment->lines[tensor].row_bytes);
    rows->first = (uint16_t)oldest;
}

static void mlut_segment_run_layer(
    const mlut_segment_t *segment, mlut_segment_progress_t *progress, size_t n, int8_t *arena)
{
    const mlut_segment_layer_t *layer = &segment->layers[n];
    const size_t output = segment->inputs + n;
    mlut_segment_progress_t *rows = &progress[output];
    const int32_t top = mlut_segment_top(layer, rows->end);
    const int32_t bottom =
        mlut_segment_bottom(layer, rows->need, segment->lines[layer->inputs[0]].height);
    const int32_t highest =
        segment->upwards ? segment->lines[output].height - rows->need : rows->end;
    const int32_t start = highest * layer->stride;
    mlut_band_t band;
    mlut_segment_make_room(segment, progress, output, arena);
    for (size_t i = 0; i < 2u; i++) {
        const size_t input = layer->inputs[i];
        band.in[i] =
            arena + mlut_segment_offset(segment, input, progress[input].first, top, bottom);
    }
    band.out = arena + mlut_segment_offset(segment, output, rows->first, rows->end, rows->need);
    band.scratch = arena + segment->scratch;
    band.row_bytes = segment->lines[output].row_bytes;
    band.in_rows = (uint16_t)(bottom - top);
    band.out_rows = (uint16_t)(rows->need - rows->end);
    band.pad_top = (uint16_t)(start < layer->pad_top ? layer->pad_top - start : 0);
    layer->run(layer->layer, &band);
    rows->end = rows->need;
}

/* Make rows `from` to `to` of the last output. */
static inline __attribute__((always_inline)) void mlut_segment_run(
    const mlut_segment_t *segment, int8_t *arena, size_t from, size_t to)
{
    mlut_segment_progress_t *progress =
        (mlut_segment_progress_t *)(void *)(arena + segment->progress);
    const size_t last = segment->inputs + segment->layer_count - 1u;
    for (size_t i = 0; from == 0 && i <= last; i++) {
        progress[i].first = 0;
        progress[i].end = i < segment->inputs ? segment->lines[i].height : 0u;
    }
    while (progress[last].end < to) {
        mlut_segment_demand(segment, progress);
        for (size_t n = 0; n < segment->layer_count; n++) {
            const mlut_segment_progress_t *rows = &progress[segment->inputs + n];
            if (rows->need > rows->end) {
                mlut_segment_run_layer(segment, progress, n, arena);
            }
        }
    }
}

void mlut_segment(const mlut_segment_t *segment, int8_t *arena)
{
    const size_t last = segment->inputs + segment->layer_count - 1u;
    mlut_segment_run(segment, arena, 0, segment->lines[last].height);
}

void mlut_segment_part(const mlut_segment_t *segment, int8_t *arena, uint16_t from, uint16_t to)
{
    mlut_segment_run(segment, arena, from, to);
}
