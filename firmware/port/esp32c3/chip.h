/* ESP32-C3: the peripherals that the port uses, and what starts the chip.
 *
 * ESP32-C3 Technical Reference Manual, chapter "System and Memory" for the base addresses; the same
 * values are in ESP-IDF's components/soc/esp32c3/register/soc.
 */
#ifndef MLUT_ESP32C3_CHIP_H
#define MLUT_ESP32C3_CHIP_H

#include <stdint.h>

#define MLUT_REGISTER(address) ((volatile uint32_t *)(address))
#define MLUT_BIT(number) (UINT32_C(1) << (number))

/* The ROM leaves watchdogs running that reset a program which does not feed them. */
void mlut_stop_watchdogs(void);

/* Runs the core at 160 MHz from the 480 MHz PLL. */
void mlut_start_pll(void);

#endif /* MLUT_ESP32C3_CHIP_H */
