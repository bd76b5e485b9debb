/* `bulk N`: infers inputs that an emulator or a debugger has placed in memory. */
#ifndef MLUT_BULK_H
#define MLUT_BULK_H

#include <stdint.h>

/* Prints one line of output bytes per input, and how deep the stack has been. Returns the last
 * output, NULL after an error. */
const int8_t *mlut_bulk_command(char *rest);

#endif /* MLUT_BULK_H */
