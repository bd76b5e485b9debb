/* The input buffer that the `db` commands fill: one model input, all zeros at the start. */
#ifndef MLUT_BUFFER_H
#define MLUT_BUFFER_H

#include <stdint.h>

void mlut_buffer_init(void);

/* Runs `db` with the rest of the command line. */
void mlut_buffer_command(char *rest);

/* Returns the input, or NULL after printing an error if it is not complete. */
const uint8_t *mlut_buffer_input(void);

#endif /* MLUT_BUFFER_H */
