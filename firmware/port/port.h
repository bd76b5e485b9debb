/* What the console application needs from a board: six functions, one folder per port.
 *
 * Bytes are 8 bits; the console is a byte stream in both directions. No function fails.
 */
#ifndef MLUT_PORT_H
#define MLUT_PORT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define MLUT_NORETURN [[noreturn]]
#else
#define MLUT_NORETURN _Noreturn
#endif

/* Starts the console and the clock. A host port gets the program's arguments; others ignore them.
 */
void mlut_port_init(int argc, char **argv);

/* Waits for one byte of console input: 0..255, or -1 after the end of input. */
int mlut_port_read(void);

void mlut_port_write(const char *text, size_t bytes);

/* Monotonic microseconds since mlut_port_init; call at least once every 8 seconds. A board without
 * a clock that runs always answers the same. */
uint64_t mlut_port_microseconds(void);

/* Start and size of a region that something outside has filled with test inputs, or NULL and 0. */
const uint8_t *mlut_port_preload(size_t *bytes);

/* Ends the program. A microcontroller stops and sleeps. */
MLUT_NORETURN void mlut_port_exit(int status);

#ifdef __cplusplus
}
#endif

#endif /* MLUT_PORT_H */
