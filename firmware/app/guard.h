/* Watch over memory that no hardware watches over: the end of the stack, and what lies behind the
 * arenas. */
#ifndef MLUT_GUARD_H
#define MLUT_GUARD_H

/* Fills MLUT_ARENA_GUARD bytes behind each arena. */
void mlut_guard_begin(void);

/* Reports a fault and ends the program if anything has written there, or if the stack is full. */
void mlut_guard_check(void);

#endif /* MLUT_GUARD_H */
