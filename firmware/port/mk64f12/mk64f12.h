/* NXP MK64F12 (Kinetis K64): registers of 8, 16 and 32 bits.
 *
 * Addresses and bits: K64 Sub-Family Reference Manual, K64P144M120SF5RM, in the chapters that the
 * files name, compared with NXP's CMSIS-SVD file of the chip and its startup_MK64F12.S.
 */
#ifndef MLUT_MK64F12_H
#define MLUT_MK64F12_H

#include <stdint.h>

#ifndef K64_REG /* tests put registers in memory */
#define K64_REG(type, address) (*(volatile type *)(uintptr_t)(address))
#endif
#define K64_REG8(address) K64_REG(uint8_t, address)
#define K64_REG16(address) K64_REG(uint16_t, address)
#define K64_REG32(address) K64_REG(uint32_t, address)

typedef struct {
    uint32_t core_hz, bus_hz;
} k64_clocks_t;

/* Stops the watchdog, sets MLUT_CLOCK_HZ from the external clock, and returns the clocks.
 *
 * If the external clock or the PLL does not start, the clocks are those after reset. May be called
 * again.
 */
k64_clocks_t k64_start_clocks(void);

#endif /* MLUT_MK64F12_H */
