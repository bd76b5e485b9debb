/* Runs one model on QEMU's Xtensa machine `sim`: inputs.h in, raw outputs to standard output.
 *
 * Output and exit go through SIMCALL, whose numbers are in QEMU's target/xtensa/xtensa-semi.c. */
#include "inputs.h"
#include "model.h"

#include <string.h>

enum { SYS_EXIT = 1, SYS_WRITE = 4, STANDARD_OUTPUT = 1 };

_Noreturn void sim_main(void);

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    while (bytes-- > 0u) {
        *target++ = *source++;
    }
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    uint8_t *target = to;
    while (bytes-- > 0u) {
        *target++ = (uint8_t)byte;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    if (target < source) {
        return memcpy(to, from, bytes);
    }
    while (bytes-- > 0u) {
        target[bytes] = source[bytes];
    }
    return to;
}

static int32_t simcall(int32_t number, int32_t a, const void *b, size_t c)
{
    register int32_t a2 __asm__("a2") = number;
    register int32_t a3 __asm__("a3") = a;
    register const void *a4 __asm__("a4") = b;
    register size_t a5 __asm__("a5") = c;
    __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
    return a2;
}

_Noreturn void sim_main(void)
{
    int32_t status = 0;
    for (size_t i = 0; i < INPUTS; i++) {
        memset(MODEL(arena), 0x5a, MODEL_BYTES(ARENA));
        memcpy(MODEL(init)(MODEL(arena), MODEL_BYTES(ARENA)), inputs[i], MODEL_BYTES(INPUT));
        const int8_t *output = MODEL(run)(MODEL(arena));
        if (simcall(SYS_WRITE, STANDARD_OUTPUT, output, MODEL_BYTES(OUTPUT)) !=
            (int32_t)MODEL_BYTES(OUTPUT)) {
            status = 1;
        }
    }
    for (;;) {
        (void)simcall(SYS_EXIT, status, NULL, 0);
    }
}
