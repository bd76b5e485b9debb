/* How much of the stack was ever used. */
#ifndef MLUT_STACK_H
#define MLUT_STACK_H

#include <stdint.h>

/* Returns the most bytes that the stack has held since the start; 0 where start-up code does not
 * paint it: on a computer. */
uint32_t mlut_stack_used(void);

#endif /* MLUT_STACK_H */
