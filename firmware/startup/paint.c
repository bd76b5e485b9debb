#include "paint.h"

#include "stack.h"

/* What the stack holds that was never used; its bytes differ, so that GCC does not call memset. */
#define UNUSED_STACK 0xB1A5ED00u

#if defined(__riscv)
#define READ_STACK_POINTER "mv %0, sp"
#else
#define READ_STACK_POINTER "mov %0, sp"
#endif

extern uint8_t mlut_stack_start[], mlut_stack_end[];

void mlut_paint_stack(void)
{
    uint32_t *top;
    __asm__ volatile(READ_STACK_POINTER : "=r"(top));
    for (uint32_t *word = (uint32_t *)(void *)mlut_stack_start; word < top; word++) {
        *word = UNUSED_STACK;
    }
}

uint32_t mlut_stack_used(void)
{
    const uint32_t *word = (const uint32_t *)(const void *)mlut_stack_start;
    while (word < (const uint32_t *)(const void *)mlut_stack_end && *word == UNUSED_STACK) {
        word++;
    }
    return (uint32_t)(mlut_stack_end - (const uint8_t *)word);
}

bool mlut_stack_spare(void)
{
    const uint32_t *last = (const uint32_t *)(const void *)mlut_stack_start;
    return last[0] == UNUSED_STACK && last[1] == UNUSED_STACK;
}
