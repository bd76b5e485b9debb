#include "stack.h"

/* Start-up code that paints the stack replaces this. */
__attribute__((weak)) uint32_t mlut_stack_used(void)
{
    return 0;
}

__attribute__((weak)) bool mlut_stack_spare(void)
{
    return true;
}
