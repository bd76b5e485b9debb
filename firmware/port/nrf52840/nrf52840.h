/* Nordic nRF52840, and the nRF52833, which has all that is used here at the same addresses:
 * registers are read and written through NRF_REG.
 *
 * Addresses and bits: nRF52840 Product Specification, tables "Instances" and "Registers" of the
 * chapters that the files name, compared with Nordic's MDK headers nrf52840.h and nrf52833.h.
 */
#ifndef MLUT_NRF52840_H
#define MLUT_NRF52840_H

#include <stdbool.h>
#include <stdint.h>

#ifndef NRF_REG /* tests put registers in memory */
#define NRF_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#endif

/* Starts the crystal and the instruction cache; the core runs at 64 MHz with and without them.
 *
 * False if there is no crystal, or it does not run: then the clock is some percent off. May be
 * called again.
 */
bool nrf52840_start_clocks(void);

#endif /* MLUT_NRF52840_H */
