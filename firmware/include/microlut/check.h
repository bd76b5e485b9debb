/* Integrity: whether a model's constants are as they were converted. */
#ifndef MICROLUT_CHECK_H
#define MICROLUT_CHECK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An array of numbers. */
typedef struct {
    const void *at;
    uint32_t bytes;
} mlut_checked_array_t;

/* `count` structures of `bytes` each. `fields` are pairs in the order of the memory: an offset, and
 * how many bytes of numbers begin there, or 0 for a pointer. The last one is `bytes`, 0. */
typedef struct {
    const void *at;
    const uint8_t *fields;
    uint16_t count;
    uint16_t bytes;
} mlut_checked_structures_t;

/* All constants of a model. The CRC-32 is that of the arrays' bytes, and then of the numbers in the
 * structures, little-endian. It neither depends on a compiler nor on the size of pointers, which
 * are compared with `pointers` instead. */
typedef struct {
    const mlut_checked_array_t *arrays;
    const mlut_checked_structures_t *structures;
    const uintptr_t *pointers;
    uint32_t array_count;
    uint32_t structure_count;
    uint32_t crc;
} mlut_contents_t;

/* Return 0 if all constants are as they were converted, else the exclusive or of the CRC-32 found
 * and the one expected. Bytes between the fields of a structure count, too: they are zero. */
uint32_t mlut_check(const mlut_contents_t *contents);

#ifdef __cplusplus
}
#endif

#endif /* MICROLUT_CHECK_H */
