#include "model.h"
#include "weights.h"

static const mlut_tensor_t fake_input = {"x", 0, FAKE_INPUT_BYTES, 1.0F, 0, MLUT_INT8};
static const mlut_tensor_t fake_output = {"y", 0, FAKE_OUTPUT_BYTES, 0.00390625F, -128, MLUT_INT8};

#ifndef FAKE_NO_ARENA
_Alignas(8) uint32_t fake_arena[(FAKE_ARENA_BYTES + MLUT_ARENA_GUARD) / 4] __attribute__((section(".bss.fake_arena")));
#endif

int8_t *fake_init(void *arena, size_t bytes)
{
    return bytes < FAKE_ARENA_BYTES ? NULL : arena;
}

/* out[i] = table[in[i] mod 16] xor in[i + 3]; the output overwrites the input, as a real arena may.
 */
const int8_t *fake_run(void *arena)
{
    int8_t *data = arena;
    for (int i = 0; i < FAKE_OUTPUT_BYTES; i++) {
        data[i] = (int8_t)(fake_table[data[i] & 15] ^ data[i + 3]);
    }
    return data;
}

const mlut_model_t fake_model = {
    .name = "fake01",
    .inputs = &fake_input,
    .outputs = &fake_output,
    .input_count = 1,
    .output_count = 1,
    .arena_bytes = FAKE_ARENA_BYTES,
    .input_bytes = FAKE_INPUT_BYTES,
    .output_bytes = FAKE_OUTPUT_BYTES,
    .init = fake_init,
    .run = fake_run,
};

uint32_t fake_check(void)
{
    return 0u;
}
