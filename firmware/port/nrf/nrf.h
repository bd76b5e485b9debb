/* Nordic nRF52840, nRF52833 and nRF54L15: registers are read and written through NRF_REG.
 *
 * Addresses and bits: Product Specifications, tables "Instances" and "Registers" of the chapters
 * that the files name, compared with Nordic's MDK: nrf52840.h, nrf52833.h,
 * nrf54l15_application.svd. A chip's folder has them in chip.h.
 */
#ifndef MLUT_NRF_H
#define MLUT_NRF_H

#include <stdbool.h>
#include <stdint.h>

#ifndef NRF_REG /* tests put registers in memory */
#define NRF_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#endif

/* Starts the crystal, and what makes the core as fast as MLUT_CLOCK_HZ and the flash quick.
 *
 * False if there is no crystal, or it does not run: then the clock is some percent off. May be
 * called again.
 */
bool nrf_start_clocks(void);

#endif /* MLUT_NRF_H */
