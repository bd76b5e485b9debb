/* libFuzzer's entry to an exported package: its interface is called in any order, and its example
 * program, which has to be right whatever was called before it.
 *
 * Macros name the model: MODEL, STEP, CHECK, EXAMPLE (the file of the program).
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void shown(const char *text, ...)
{
    (void)text;
}

#define main example_main
#define printf shown
#define puts shown
#include EXAMPLE
#undef main
#undef printf
#undef puts

static struct {
    const uint8_t *at;
    size_t left;
    uint8_t *arena; /* NULL before it is prepared */
} session;

static void check(bool is_right, const char *wrong)
{
    if (!is_right) {
        (void)fprintf(stderr, "package: %s\n", wrong);
        abort();
    }
}

static uint8_t next(void)
{
    if (session.left == 0u) {
        return 0u;
    }
    session.left--;
    return *session.at++;
}

static void *new_arena(void)
{
    return aligned_alloc(MLUT_ALIGNMENT,
        (MODEL.arena_bytes + MLUT_ALIGNMENT - 1u) / MLUT_ALIGNMENT * MLUT_ALIGNMENT);
}

static void prepare(void)
{
    const size_t off = next() % 4u == 0u ? next() % MLUT_ALIGNMENT : 0u;
    const size_t less = next() % 4u == 0u ? next() : 0u;
    const size_t bytes = less < MODEL.arena_bytes ? MODEL.arena_bytes - less : 0u;
    uint8_t *arena = session.arena == NULL ? new_arena() : session.arena;
    const bool is_enough = off == 0u && less == 0u;
    check((MODEL.init(arena + off, bytes) != NULL) == is_enough, "it takes another arena");
    if (session.arena == NULL && !is_enough) {
        free(arena);
    } else {
        session.arena = arena;
    }
}

static void write_inputs(void)
{
    for (uint32_t i = 0; i < MODEL.input_count; i++) {
        for (uint32_t j = 0; j < MODEL.inputs[i].bytes; j++) {
            session.arena[MODEL.inputs[i].offset + j] = next();
        }
    }
}

static void compare_steps(void)
{
    uint8_t *copy = new_arena();
    memcpy(copy, session.arena, MODEL.arena_bytes);
    MODEL.run(copy);
    for (uint32_t step = 0; step < STEPS; step++) {
        const bool is_last = step + 1u == STEPS;
        check((STEP(session.arena, step) != NULL) == is_last, "a step returns something else");
    }
    for (uint32_t i = 0; i < MODEL.output_count; i++) {
        const mlut_tensor_t *tensor = MODEL.outputs + i;
        const uint8_t *stepped = session.arena + tensor->offset;
        check(
            memcmp(stepped, copy + tensor->offset, tensor->bytes) == 0, "steps differ from a run");
    }
    free(copy);
}

static void convert_a_number(void)
{
    uint8_t bytes[4];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = next();
    }
    float real;
    memcpy(&real, bytes, sizeof real);
    const mlut_tensor_t *tensor = MODEL.inputs + next() % MODEL.input_count;
    const int32_t most = tensor->type == MLUT_INT8 ? INT8_MAX : INT16_MAX;
    const int32_t value = mlut_quantize(real, tensor->scale, tensor->zero_point, -most - 1, most);
    check(value >= -most - 1 && value <= most, "a number leaves its type");
    const int32_t least = mlut_threshold(real, tensor->scale, tensor->zero_point, -most - 1, most);
    check(least >= -most - 1 && least <= most + 1, "a threshold leaves its type");
}

static void call(void)
{
    switch (next() % 8u) {
    case 0:
        prepare();
        break;
    case 1:
        convert_a_number();
        break;
    case 2:
        check(CHECK() == 0u, "the constants are others");
        break;
    case 3:
        check(example_main() == 0, "the example is wrong");
        break;
    case 4:
        if (session.arena != NULL && MODEL.reset != NULL) {
            MODEL.reset(session.arena);
        }
        break;
    case 5:
        if (session.arena != NULL) {
            write_inputs();
        }
        break;
    case 6:
        if (session.arena != NULL) {
            check(MODEL.run(session.arena) != NULL, "a run returns nothing");
        }
        break;
    default:
        if (session.arena != NULL) {
            compare_steps();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    session.at = data;
    session.left = size;
    session.arena = NULL;
    for (unsigned calls = 0; session.left > 0u && calls < 32u; calls++) {
        call();
    }
    free(session.arena);
    return 0;
}
