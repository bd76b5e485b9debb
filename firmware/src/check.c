#include "microlut/check.h"

/* CRC-32 of ISO-HDLC (Ethernet, zlib), four bits at a time. */
static const uint32_t mlut_check_nibbles[16] = {
    0x00000000u,
    0x1DB71064u,
    0x3B6E20C8u,
    0x26D930ACu,
    0x76DC4190u,
    0x6B6B51F4u,
    0x4DB26158u,
    0x5005713Cu,
    0xEDB88320u,
    0xF00F9344u,
    0xD6D6A3E8u,
    0xCB61B38Cu,
    0x9B64C2B0u,
    0x86D3D2D4u,
    0xA00AE278u,
    0xBDBDF21Cu,
};

static uint32_t mlut_check_byte(uint32_t crc, uint32_t byte)
{
    crc ^= byte;
    crc = (crc >> 4) ^ mlut_check_nibbles[crc & 15u];
    return (crc >> 4) ^ mlut_check_nibbles[crc & 15u];
}

/* What is in flash may differ from what the compiler knows of it: each byte is read. */
static uint32_t mlut_check_bytes(uint32_t crc, const volatile uint8_t *at, size_t bytes)
{
    for (; bytes > 0u; bytes--) {
        crc = mlut_check_byte(crc, *at++);
    }
    return crc;
}

/* Add the difference between bytes and a pointer, or zeros, if there is one: the CRC is another. */
static uint32_t mlut_check_difference(
    uint32_t crc, const volatile uint8_t *at, uintptr_t expected, size_t bytes)
{
    uint32_t difference = 0;
    for (size_t i = 0; i < bytes; i++) {
        difference |= at[i] ^ (uint32_t)((const uint8_t *)(const void *)&expected)[i];
    }
    return difference == 0u ? crc : mlut_check_byte(crc, difference);
}

uint32_t mlut_check(const mlut_contents_t *contents)
{
    const uintptr_t *pointer = contents->pointers;
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = 0; i < contents->array_count; i++) {
        const mlut_checked_array_t *array = &contents->arrays[i];
        crc = mlut_check_bytes(crc, (const volatile uint8_t *)array->at, array->bytes);
    }
    for (uint32_t i = 0; i < contents->structure_count; i++) {
        const mlut_checked_structures_t *all = &contents->structures[i];
        const volatile uint8_t *at = (const volatile uint8_t *)all->at;
        for (uint32_t left = all->count; left > 0u; left--, at += all->bytes) {
            const uint8_t *field = all->fields;
            for (size_t j = 0; j < all->bytes;) {
                if (j < field[0]) {
                    crc = mlut_check_difference(crc, at + j++, 0, 1);
                } else if (field[1] > 0u) {
                    crc = mlut_check_bytes(crc, at + j, field[1]);
                    j += field[1];
                    field += 2;
                } else {
                    crc = mlut_check_difference(crc, at + j, *pointer++, sizeof *pointer);
                    j += sizeof *pointer;
                    field += 2;
                }
            }
        }
    }
    return ~crc ^ contents->crc;
}
