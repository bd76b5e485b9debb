/* Flips bits of a model's constants, one at a time, and prints those that its check does not see.
 *
 * FLIPS are as many bits, evenly over all bytes of all arrays and structures and the list of them;
 * each is in another bit of its byte than the last one. */
#include "flipped.h"

#include <stdio.h>

static size_t constant_bytes(void)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < CONTENTS.array_count; i++) {
        bytes += CONTENTS.arrays[i].bytes;
    }
    for (uint32_t i = 0; i < CONTENTS.structure_count; i++) {
        bytes += (size_t)CONTENTS.structures[i].count * CONTENTS.structures[i].bytes;
    }
    return bytes;
}

/* Where a byte of the constants is, these counted one after the other. */
static volatile uint8_t *place(size_t byte)
{
    for (uint32_t i = 0; i < CONTENTS.array_count; byte -= CONTENTS.arrays[i++].bytes) {
        if (byte < CONTENTS.arrays[i].bytes) {
            return (volatile uint8_t *)(uintptr_t)CONTENTS.arrays[i].at + byte;
        }
    }
    for (uint32_t i = 0;; i++) {
        const mlut_checked_structures_t *all = &CONTENTS.structures[i];
        const size_t bytes = (size_t)all->count * all->bytes;
        if (byte < bytes) {
            return (volatile uint8_t *)(uintptr_t)all->at + byte;
        }
        byte -= bytes;
    }
}

int main(void)
{
    const size_t bytes = constant_bytes();
    unsigned unseen = CHECK() != 0u;
    for (unsigned i = 0; i < FLIPS; i++) {
        volatile uint8_t *at = place((size_t)((uint64_t)i * bytes / FLIPS));
        const uint8_t bit = (uint8_t)(1u << i * 5u % 8u);
        *at ^= bit;
        if (CHECK() == 0u) {
            printf("byte %p, bit %x\n", (void *)(uintptr_t)at, bit);
            unseen++;
        }
        *at ^= bit;
    }
    printf("%u bytes, %u flips, %u unseen\n", (unsigned)bytes, FLIPS, unseen + (CHECK() != 0u));
    return 0;
}
