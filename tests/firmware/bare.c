/* Start of a test program on an emulated Cortex-M: vectors, and FPU or MVE on, if there is one. The
 * C library's own start follows, whose files, output and exit status go through semihosting. */
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>

extern uint8_t __stack[], end[], heap_end[];
void *_sbrk(ptrdiff_t bytes);
int posix_memalign(void **block, size_t alignment, size_t bytes);
_Noreturn void _start(void);
_Noreturn void bare_reset(void);
_Noreturn void bare_fault(void);

__attribute__((naked)) _Noreturn void bare_reset(void)
{
    __asm__ volatile(".syntax unified\n\t"
                     "ldr r0, =0xE000ED88\n\t"
                     "ldr r1, [r0]\n\t"
                     "ldr r2, =0xF00000\n\t"
                     "orrs r1, r2\n\t"
                     "str r1, [r0]\n\t"
                     "dsb\n\t"
                     "isb\n\t"
                     "ldr r0, =_start\n\t"
                     "bx r0\n\t"
                     ".ltorg");
}

/* SYS_EXIT with a reason that is an error. */
_Noreturn void bare_fault(void)
{
    __asm__ volatile(".syntax unified\n\t"
                     "movs r0, #0x18\n\t"
                     "ldr r1, =0x20023\n\t"
                     "bkpt #0xAB\n\t"
                     "b .\n\t"
                     ".ltorg");
    __builtin_unreachable();
}

/* The heap, from the program's end on: QEMU's answer to the library may be where no memory is. */
void *_sbrk(ptrdiff_t bytes)
{
    static uint8_t *next = end;
    uint8_t *mine = next;
    next += bytes;
    return next < heap_end ? mine : (void *)-1;
}

/* What newlib's aligned_alloc calls and its bare-metal build leaves out. */
__attribute__((used)) int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    *block = memalign(alignment, bytes);
    return *block == NULL ? ENOMEM : 0;
}

typedef void (*vector_t)(void);
__attribute__((section(".vectors"), used)) static const vector_t vectors[8] = {
    (vector_t)(uintptr_t)__stack, bare_reset, bare_fault, bare_fault, bare_fault, bare_fault,
    bare_fault, bare_fault};
