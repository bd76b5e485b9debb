/* Splitting a command into words and reading numbers in them. */
#ifndef MLUT_WORDS_H
#define MLUT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Cuts the first word off *rest (in place, by a terminator); NULL when there is none left. */
char *mlut_next_word(char **rest);

bool mlut_same_word(const char *a, const char *b);

/* Reads a decimal number; false if the word is not one or does not fit. */
bool mlut_read_number(const char *word, uint32_t *value);

/* Reads two hexadecimal digits; -1 if they are not. */
int mlut_read_hex_byte(const char *digits);

#endif /* MLUT_WORDS_H */
