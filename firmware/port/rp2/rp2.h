/* Raspberry Pi RP2040: registers are read and written through RP_REG.
 *
 * Addresses and bits: RP2040 Datasheet, in the sections that the files name, compared with the
 * headers hardware/regs of Raspberry Pi's SDK.
 */
#ifndef MLUT_RP2040_H
#define MLUT_RP2040_H

#include <stdbool.h>
#include <stdint.h>

#ifndef RP_REG /* tests put registers in memory */
#define RP_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#endif

#define RP_RESET_IO_BANK0 (1u << 5)
#define RP_RESET_PADS_BANK0 (1u << 8)
#define RP_RESET_PLL_SYS (1u << 12)

/* Waits until the bits under `mask` are `value`; false if they never were. */
bool rp2040_wait(uint32_t address, uint32_t mask, uint32_t value);

/* Takes blocks out of reset (2.14 "Subsystem Resets"). */
void rp2040_unreset(uint32_t blocks);

/* Sets MLUT_CLOCK_HZ from the crystal, also for the UARTs, and returns the clock.
 *
 * If the PLL does not lock, that is the crystal's, and if that does not run, the ring oscillator's
 * after reset. May be called again.
 */
uint32_t rp2040_start_clocks(void);

#endif /* MLUT_RP2040_H */
