#include "inference.h"

#include "app_config.h"
#include "probe.h"

#include <stdbool.h>
#include <string.h>

#ifdef MLUT_PROFILE
#include "laps.h"
#endif

/* Where the model says that they are; other tensors are at their offsets. */
static struct {
    int8_t *input;
    const int8_t *output;
} first;

static int8_t *tensor_at(const mlut_tensor_t *tensor)
{
    return (int8_t *)(void *)MLUT_APP_ARENA + tensor->offset;
}

void mlut_infer(const uint8_t *input)
{
    const mlut_tensor_t *tensor = MLUT_APP_MODEL.inputs;
    if (first.input == NULL) {
        first.input = MLUT_APP_MODEL.init(MLUT_APP_ARENA, MLUT_APP_ARENA_BYTES);
    }
    for (uint32_t i = 0; i < MLUT_APP_INPUTS; i++, tensor++) {
        memcpy(i == 0u ? first.input : tensor_at(tensor), input, tensor->bytes);
        input += tensor->bytes;
    }
#ifdef MLUT_PROFILE
    mlut_laps_begin();
#endif
    mlut_probe_begin();
    const int8_t *output = MLUT_APP_MODEL.run(MLUT_APP_ARENA);
    mlut_probe_end();
    first.output = output;
}

void mlut_infer_anew(void)
{
#ifdef MLUT_APP_HAS_STATE
    if (first.input != NULL) {
        MLUT_APP_MODEL.reset(MLUT_APP_ARENA);
    }
#endif
}

const int8_t *mlut_inferred(size_t output)
{
    const bool others = MLUT_APP_OUTPUTS > 1u && first.output != NULL && output > 0u;
    return others ? tensor_at(MLUT_APP_MODEL.outputs + output) : first.output;
}
