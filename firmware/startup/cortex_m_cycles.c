/* The clock of Cortex-M ports that have no better one: time is a count of cycles. */
#include "cortex_m.h"

static struct {
    uint64_t microseconds;
    uint32_t last; /* count at which `microseconds` was right */
    uint32_t cycles_per_microsecond;
} now;

#if defined(__ARM_ARCH_6M__)

/* Counts down from RELOAD; the handler makes 32 bits of it. */
#define SYST_CSR ((volatile uint32_t *)0xE000E010u)
#define SYST_RVR ((volatile uint32_t *)0xE000E014u)
#define SYST_CVR ((volatile uint32_t *)0xE000E018u)
#define CSR_ENABLE_TICKINT_PROCESSOR_CLOCK 0x7u
#define RELOAD 0xFFFFFFu

static volatile uint32_t wraps;

void mlut_tick(void);

void mlut_tick(void)
{
    wraps++;
}

static void start_counter(void)
{
    *SYST_RVR = RELOAD;
    *SYST_CVR = 0u; /* any value clears it */
    *SYST_CSR = CSR_ENABLE_TICKINT_PROCESSOR_CLOCK;
}

static uint32_t read_counter(void)
{
    uint32_t before, count;
    do {
        before = wraps;
        count = RELOAD - *SYST_CVR;
    } while (before != wraps);
    return before * (RELOAD + 1u) + count;
}

#else

#define DEMCR ((volatile uint32_t *)0xE000EDFCu)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL ((volatile uint32_t *)0xE0001000u)
#define DWT_CTRL_CYCCNTENA 0x1u
#define DWT_CYCCNT ((volatile uint32_t *)0xE0001004u)
#define DWT_LAR ((volatile uint32_t *)0xE0001FB0u)
#define UNLOCK 0xC5ACCE55u

static void start_counter(void)
{
    *DEMCR |= DEMCR_TRCENA;
    *DWT_LAR = UNLOCK; /* a Cortex-M7 locks the DWT against software; others ignore the write */
    *DWT_CYCCNT = 0u;
    *DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

static uint32_t read_counter(void)
{
    return *DWT_CYCCNT;
}

#endif

void mlut_start_cycle_clock(uint32_t hz)
{
    start_counter();
    now.microseconds = 0u;
    now.cycles_per_microsecond = hz / 1000000u;
    now.last = read_counter();
}

uint64_t mlut_cycle_microseconds(void)
{
    /* modulo 2^32, so right across one wrap; whole microseconds only, the rest stays in the count
     */
    uint32_t elapsed = (read_counter() - now.last) / now.cycles_per_microsecond;
    now.last += elapsed * now.cycles_per_microsecond;
    now.microseconds += elapsed;
    return now.microseconds;
}
