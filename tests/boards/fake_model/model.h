/* A hand-written model with the interface of a converted one: 6 input bytes, 3 output bytes. */
#ifndef FAKE_MODEL_H
#define FAKE_MODEL_H

#include "microlut/microlut.h"

#define FAKE_ARENA_BYTES 16
#define FAKE_INPUTS 1u
#define FAKE_OUTPUTS 1u
#define FAKE_INPUT_BYTES 6
#define FAKE_OUTPUT_BYTES 3
#define FAKE_CRC32 0x12345678u

#ifndef FAKE_NO_ARENA
extern uint32_t fake_arena[(FAKE_ARENA_BYTES + MLUT_ARENA_GUARD) / 4];
#endif

extern const mlut_model_t fake_model;

int8_t *fake_init(void *arena, size_t bytes);
const int8_t *fake_run(void *arena);
uint32_t fake_check(void);

#endif /* FAKE_MODEL_H */
