/* What batch_main.c and the engine need of a C library: Debian's Xtensa compiler comes without one.
 *
 * Files, arguments and exit go through SIMCALL, whose numbers are in QEMU's
 * target/xtensa/xtensa-semi.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SYS_EXIT = 1,
    SYS_READ = 3,
    SYS_WRITE = 4,
    SYS_OPEN = 5,
    SYS_CLOSE = 6,
    SYS_ARGC = 1000,
    SYS_ARGV = 1002
};
enum { WRITE_NEW = 0x241 }; /* O_WRONLY | O_CREAT | O_TRUNC of Linux, where QEMU runs */

extern uint8_t sim_heap[];
int main(int argc, char **argv);
_Noreturn void sim_start(void);

static int32_t simcall(int32_t number, uintptr_t a, uintptr_t b, size_t c)
{
    register int32_t a2 __asm__("a2") = number;
    register uintptr_t a3 __asm__("a3") = a;
    register uintptr_t a4 __asm__("a4") = b;
    register size_t a5 __asm__("a5") = c;
    __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
    return a2;
}

_Noreturn void sim_start(void)
{
    static char *arguments[1024]; /* and behind the pointers what they point to */
    const int argc = (int)simcall(SYS_ARGC, 0, 0, 0);
    (void)simcall(SYS_ARGV, (uintptr_t)arguments, 0, 0);
    const int status = main(argc, arguments);
    for (;;) {
        (void)simcall(SYS_EXIT, (uintptr_t)status, 0, 0);
    }
}

FILE *fopen(const char *path, const char *mode)
{
    const int32_t number = simcall(SYS_OPEN, (uintptr_t)path, mode[0] == 'w' ? WRITE_NEW : 0, 0600);
    return number < 0 ? NULL : (FILE *)number;
}

size_t fread(void *to, size_t size, size_t count, FILE *file)
{
    return (size_t)simcall(SYS_READ, (uintptr_t)file, (uintptr_t)to, size * count) / size;
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *file)
{
    return (size_t)simcall(SYS_WRITE, (uintptr_t)file, (uintptr_t)from, size * count) / size;
}

int fputs(const char *text, FILE *file)
{
    return fwrite(text, 1, strlen(text), file) == strlen(text) ? 0 : -1;
}

int fclose(FILE *file)
{
    return (int)simcall(SYS_CLOSE, (uintptr_t)file, 0, 0);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    (void)alignment; /* sim.ld aligns it */
    (void)bytes;
    return sim_heap;
}

void free(void *block)
{
    (void)block;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    while (bytes-- > 0u) {
        *target++ = *source++;
    }
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    uint8_t *target = to;
    while (bytes-- > 0u) {
        *target++ = (uint8_t)byte;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    if (target < source) {
        return memcpy(to, from, bytes);
    }
    while (bytes-- > 0u) {
        target[bytes] = source[bytes];
    }
    return to;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}
