/* Text output for the console and for start-up code that reports faults, without printf. */
#ifndef MLUT_PRINT_H
#define MLUT_PRINT_H

#include <stddef.h>
#include <stdint.h>

void mlut_print(const char *text);
void mlut_print_unsigned(uint32_t value);

/* Prints the lowest `digits` (at most 8) hexadecimal digits. */
void mlut_print_hex(uint32_t value, unsigned digits);

void mlut_print_bytes(const uint8_t *data, size_t bytes);

/* Prints scale * quantized with six decimals, rounded half up in magnitude: the same text on every
 * target. scale is positive, |quantized| < 2^16, and the whole part is below 2^32. */
void mlut_print_real(float scale, int32_t quantized);

/* Whole lines: `e-[text]`, and something between two texts. */
void mlut_print_error(const char *text);
void mlut_print_text_line(const char *before, const char *text, const char *after);
void mlut_print_number_line(const char *before, uint32_t number, const char *after);

#endif /* MLUT_PRINT_H */
