/* The parts of a port that are the same on every Cortex-M: preloaded inputs, sleep, exit, caches.
 */
#include "cortex_m.h"
#include "port.h"

#include <stddef.h>

#define SYST_CSR ((volatile uint32_t *)0xE000E010u)
#define SCB_ICSR ((volatile uint32_t *)0xE000ED04u)
#define ICSR_PENDSTCLR (1u << 25)
#define NVIC_ISER ((volatile uint32_t *)0xE000E100u)
#define NVIC_ICER ((volatile uint32_t *)0xE000E180u)
#define NVIC_ICPR ((volatile uint32_t *)0xE000E280u)

const uint8_t *mlut_port_preload(size_t *bytes)
{
    extern const uint8_t mlut_preload_start[];
    extern const uint8_t mlut_preload_bytes[]; /* its address is the value */
    *bytes = (size_t)(uintptr_t)mlut_preload_bytes;
    return *bytes > 0u ? mlut_preload_start : NULL;
}

void mlut_sleep_until(unsigned interrupt)
{
    unsigned word = interrupt / 32u;
    uint32_t bit = 1u << (interrupt % 32u);
    /* With interrupts masked a pending one ends WFI, and no handler has to exist. */
    __asm__ volatile("cpsid i" ::: "memory");
    NVIC_ISER[word] = bit;
    __asm__ volatile("dsb\n\twfi" ::: "memory");
    NVIC_ICER[word] = bit;
    NVIC_ICPR[word] = bit;
    __asm__ volatile("dsb\n\tisb\n\tcpsie i" ::: "memory");
}

_Noreturn void mlut_port_exit(int status)
{
    (void)status;
    __asm__ volatile("cpsid i" ::: "memory");
    *SYST_CSR = 0u;
    *SCB_ICSR = ICSR_PENDSTCLR;
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
    }
}

#if !defined(__ARM_ARCH_6M__)

/* Cortex-M7 Generic User Guide (DUI 0646), "Cache maintenance operations". */
#define SCB_CCR ((volatile uint32_t *)0xE000ED14u)
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define SCB_CCSIDR ((volatile uint32_t *)0xE000ED80u)
#define SCB_CSSELR ((volatile uint32_t *)0xE000ED84u)
#define SCB_ICIALLU ((volatile uint32_t *)0xE000EF50u)
#define SCB_DCISW ((volatile uint32_t *)0xE000EF60u)

/* Makes the data cache empty. Its sets start at bit 5 (lines of 32 bytes), its ways at the top. */
static void invalidate_data_cache(void)
{
    *SCB_CSSELR = 0u; /* level 1, data */
    __asm__ volatile("dsb" ::: "memory");
    uint32_t size = *SCB_CCSIDR;
    uint32_t last_set = (size >> 13) & 0x7FFFu;
    uint32_t last_way = (size >> 3) & 0x3FFu;
    unsigned way_shift = last_way == 0u ? 0u : (unsigned)__builtin_clz(last_way);
    for (uint32_t set = 0; set <= last_set; set++) {
        for (uint32_t way = 0; way <= last_way; way++) {
            *SCB_DCISW = (set << 5) | (way << way_shift);
        }
    }
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

void mlut_enable_caches(void)
{
    if ((*SCB_CCR & CCR_DC) != 0u) {
        return; /* what is dirty in it must not be lost */
    }
    *SCB_ICIALLU = 0u;
    invalidate_data_cache();
    *SCB_CCR |= CCR_IC | CCR_DC;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

#endif
