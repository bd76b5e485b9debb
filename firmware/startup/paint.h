/* Paint on the stack, by which mlut_stack_used sees how much was used. */
#ifndef MLUT_PAINT_H
#define MLUT_PAINT_H

/* Paints what lies below the caller's frame. */
void mlut_paint_stack(void);

#endif /* MLUT_PAINT_H */
