/* MLPerf Tiny's device protocol (EEMBC "th_api"), and two commands of our own, `bulk` and `output`.
 *
 * A command is a line of words that ends in '%'; carriage returns and line feeds are skipped. Every
 * answer ends in a line `m-ready`; errors are lines `e-[...]`.
 */
#ifndef MLUT_CONSOLE_H
#define MLUT_CONSOLE_H

/* Prints what a device prints when it starts. */
void mlut_console_greet(void);

/* Takes one byte of input; runs the command when it is complete. */
void mlut_console_receive(char byte);

#endif /* MLUT_CONSOLE_H */
