#include "print.h"

#include "port.h"

#include <string.h>

#define DECIMALS 6u
#define ONE 1000000u /* 10^DECIMALS */

/* IEEE 754 binary32: value = mantissa * 2^(exponent - 127 - 23), with a hidden top bit. */
#define MANTISSA_BITS 23u
#define MANTISSA_MASK 0x7FFFFFu
#define HIDDEN_BIT 0x800000u
#define EXPONENT_MASK 0xFFu
#define EXPONENT_BIAS 150

/* No string, whose end would take a byte of flash. */
static const char hex_digits[16] = {
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};

void mlut_print(const char *text)
{
    /* strlen would cost more flash than these calls cost time */
    for (; *text != '\0'; text++) {
        mlut_port_write(text, 1);
    }
}

/* Prints at least `width` decimal digits. */
static void print_padded(uint32_t value, unsigned width)
{
    char text[10]; /* 2^32 - 1 has 10 digits */
    unsigned first = sizeof text;
    do {
        text[--first] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u || sizeof text - first < width);
    mlut_port_write(text + first, sizeof text - first);
}

void mlut_print_unsigned(uint32_t value)
{
    print_padded(value, 1);
}

void mlut_print_hex(uint32_t value, unsigned digits)
{
    char text[8];
    for (unsigned i = 0; i < digits; i++) {
        text[i] = hex_digits[(value >> (4u * (digits - 1u - i))) & 0xFu];
    }
    mlut_port_write(text, digits);
}

void mlut_print_bytes(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        mlut_print_hex(data[i], 2);
    }
}

/* Splits product * 2^-shift into a whole part and millionths, rounding the last one. */
static void print_fixed(uint64_t product, unsigned shift)
{
    uint64_t whole = product >> shift;
    uint64_t fraction = product & ((1ULL << shift) - 1u);
    /* product < 2^40, so the product below is under 2^60 and cannot overflow */
    uint32_t millionths = (uint32_t)((fraction * ONE + ((1ULL << shift) >> 1)) >> shift);
    if (millionths == ONE) {
        millionths = 0;
        whole++;
    }
    mlut_print_unsigned((uint32_t)whole);
    mlut_print(".");
    print_padded(millionths, DECIMALS);
}

void mlut_print_real(float scale, int32_t quantized)
{
    uint32_t bits;
    memcpy(&bits, &scale, sizeof bits);
    int32_t exponent = (int32_t)((bits >> MANTISSA_BITS) & EXPONENT_MASK) - EXPONENT_BIAS;
    uint32_t magnitude = (uint32_t)(quantized < 0 ? -quantized : quantized);
    uint64_t product = (uint64_t)((bits & MANTISSA_MASK) | HIDDEN_BIT) * magnitude;
    if (quantized < 0) {
        mlut_print("-");
    }
    if (exponent < -62) {
        product = 0; /* below 2^40 * 2^-62: no digit of it is printed */
        exponent = -62;
    }
    print_fixed(product, exponent < 0 ? (unsigned)-exponent : 0u);
}

void mlut_print_error(const char *text)
{
    mlut_print("e-[");
    mlut_print(text);
    mlut_print("]\r\n");
}

void mlut_print_text_line(const char *before, const char *text, const char *after)
{
    mlut_print(before);
    mlut_print(text);
    mlut_print(after);
    mlut_print("\r\n");
}

void mlut_print_number_line(const char *before, uint32_t number, const char *after)
{
    mlut_print(before);
    mlut_print_unsigned(number);
    mlut_print(after);
    mlut_print("\r\n");
}
