/* How much of the stack was ever used. */
#ifndef MLUT_STACK_H
#define MLUT_STACK_H

#include <stdbool.h>
#include <stdint.h>

/* Returns the most bytes that the stack has held since the start; 0 where start-up code does not
 * paint it: on a computer. */
uint32_t mlut_stack_used(void);

/* Returns whether the last bytes of the stack were never used; true where nothing paints it. */
bool mlut_stack_spare(void);

#endif /* MLUT_STACK_H */
