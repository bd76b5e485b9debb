/* `bulk N`: infers inputs that an emulator or a debugger has placed in memory. */
#ifndef MLUT_BULK_H
#define MLUT_BULK_H

/* Prints one line of output bytes per input, and how deep the stack has been. The first inference
 * is one after a reset. */
void mlut_bulk_command(char *rest);

/* Prints the bytes of all outputs of the last inference, one after the other, as a line. */
void mlut_print_outputs(void);

#endif /* MLUT_BULK_H */
