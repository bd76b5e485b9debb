#include "probe.h"

#if defined(__has_attribute)
#if __has_attribute(noipa)
#define PROBE __attribute__((noinline, used, noipa))
#endif
#endif
#ifndef PROBE
#define PROBE __attribute__((noinline, used))
#endif

PROBE void mlut_probe_begin(void)
{
    __asm__ volatile("" ::: "memory");
}

PROBE void mlut_probe_end(void)
{
    __asm__ volatile("" ::: "memory");
}
