/* What the ports of Cortex-M boards share: sleeping, counting cycles, caches.
 *
 * Registers: Armv6-M, Armv7-M and Armv8-M Architecture Reference Manuals (DDI 0419, DDI 0403, DDI
 * 0553), sections "System Control Space", "System timer, SysTick" and "Data Watchpoint and Trace".
 */
#ifndef MLUT_CORTEX_M_H
#define MLUT_CORTEX_M_H

#include <stdint.h>

/* Sleeps until an external interrupt is pending; no handler runs for it. May return earlier. */
void mlut_sleep_until(unsigned interrupt);

/* Starts the clock that counts cycles of the core at this frequency, a multiple of 1 MHz.
 *
 * The counter is DWT_CYCCNT, or SysTick where the core has no DWT (Armv6-M). Where neither moves,
 * as in an emulator without them, time stands still: two equal times tell nothing, and must not be
 * divided by.
 */
void mlut_start_cycle_clock(uint32_t hz);

/* Microseconds since then; to be called at least once every 2^32 cycles. */
uint64_t mlut_cycle_microseconds(void);

/* Turns on the instruction and the data cache of a Cortex-M7 or M55, once. */
void mlut_enable_caches(void);

#endif /* MLUT_CORTEX_M_H */
