#include "bulk.h"

#include "app_config.h"
#include "guard.h"
#include "inference.h"
#include "port.h"
#include "print.h"
#include "stack.h"
#include "words.h"

/* Header of the preloaded inputs, little-endian: magic, version, bytes per input, inputs. */
#define HEADER_BYTES 16u
#define MAGIC 0x54554C4Du /* "MLUT" */
#define VERSION 1u

static uint32_t little_endian_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) |
           ((uint32_t)bytes[3] << 24);
}

/* Returns the first preloaded input, or NULL after printing an error. */
static const uint8_t *find_inputs(uint32_t count)
{
    size_t bytes = 0;
    const uint8_t *header = mlut_port_preload(&bytes);
    if (header == NULL || bytes < HEADER_BYTES || little_endian_32(header) != MAGIC) {
        mlut_print_error("No preloaded inputs");
        return NULL;
    }
    if (little_endian_32(header + 4) != VERSION) {
        mlut_print_error("Preloaded inputs have another version");
        return NULL;
    }
    if (little_endian_32(header + 8) != MLUT_APP_INPUT_BYTES) {
        mlut_print_number_line("e-[Preloaded inputs are not of ", MLUT_APP_INPUT_BYTES, " bytes]");
        return NULL;
    }
    uint32_t present = little_endian_32(header + 12);
    if (count > present || count > (bytes - HEADER_BYTES) / MLUT_APP_INPUT_BYTES) {
        mlut_print_number_line("e-[Only ", present, " inputs are preloaded]");
        return NULL;
    }
    return header + HEADER_BYTES;
}

void mlut_print_outputs(void)
{
    mlut_print("m-output-");
    for (uint32_t i = 0; i < MLUT_APP_OUTPUTS; i++) {
        const uint8_t *bytes = (const uint8_t *)mlut_inferred(i);
        mlut_print_bytes(bytes, MLUT_APP_MODEL.outputs[i].bytes);
    }
    mlut_print("\r\n");
}

void mlut_bulk_command(char *rest)
{
    const char *word = mlut_next_word(&rest);
    uint32_t count = 0;
    if (word == NULL || !mlut_read_number(word, &count) || count == 0u) {
        mlut_print_error("Command 'bulk' requires the # of inputs");
        return;
    }
    const uint8_t *input = find_inputs(count);
    mlut_infer_anew();
    for (uint32_t i = 0; input != NULL && i < count; i++) {
#ifdef MLUT_APP_RUNS /* per window */
        if (i % MLUT_APP_RUNS == 0u) {
            mlut_infer_anew();
        }
#endif
        mlut_infer(input + (size_t)i * MLUT_APP_INPUT_BYTES);
        mlut_guard_check();
        mlut_print_outputs();
    }
    const uint32_t stack = mlut_stack_used();
    if (stack != 0u) {
        mlut_print_number_line("m-stack-bytes-", stack, "");
    }
}
