/* Raspberry Pi RP2040 and RP2350: registers are read and written through RP_REG.
 *
 * Addresses and bits: RP2040 and RP2350 Datasheets, in the sections that the files name, compared
 * with the headers hardware/regs of Raspberry Pi's SDK. Both have the same blocks at other
 * addresses, which chip.h has.
 */
#ifndef MLUT_RP2_H
#define MLUT_RP2_H

#include "chip.h"

#include <stdbool.h>
#include <stdint.h>

#ifndef RP_REG /* tests put registers in memory */
#define RP_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#endif

/* Waits until the bits under `mask` are `value`; false if they never were. */
bool rp2_wait(uint32_t address, uint32_t mask, uint32_t value);

/* Takes blocks out of reset ("Subsystem Resets"). */
void rp2_unreset(uint32_t blocks);

/* Sets MLUT_CLOCK_HZ from the crystal, also for the UARTs, and returns the clock.
 *
 * If the PLL does not lock, that is the crystal's, and if that does not run, the ring oscillator's
 * after reset. May be called again.
 */
uint32_t rp2_start_clocks(void);

#endif /* MLUT_RP2_H */
