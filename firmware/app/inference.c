#include "inference.h"

#include "app_config.h"
#include "probe.h"

#include <string.h>

#ifdef MLUT_PROFILE
#include "laps.h"
#endif

const int8_t *mlut_infer(const uint8_t *input)
{
    memcpy(MLUT_APP_MODEL.init(MLUT_APP_ARENA, MLUT_APP_ARENA_BYTES), input, MLUT_APP_INPUT_BYTES);
#ifdef MLUT_PROFILE
    mlut_laps_begin();
#endif
    mlut_probe_begin();
    const int8_t *output = MLUT_APP_MODEL.run(MLUT_APP_ARENA);
    mlut_probe_end();
    return output;
}
