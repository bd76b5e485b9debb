/* ESP32-C3 and ESP32-C6: access to registers, and what starts the chips.
 *
 * Technical Reference Manuals, chapter "System and Memory", for the base addresses; the same values
 * are in ESP-IDF's components/soc/CHIP/register/soc. A chip's folder has its own in chip.h.
 */
#ifndef MLUT_ESP_H
#define MLUT_ESP_H

#include <stdint.h>

#define MLUT_REGISTER(address) ((volatile uint32_t *)(address))
#define MLUT_BIT(number) (UINT32_C(1) << (number))

/* The ROM leaves watchdogs running that reset a program which does not feed them. */
void mlut_stop_watchdogs(void);

/* Runs the core at MLUT_CLOCK_HZ. */
void mlut_start_core_clock(void);

/* Clocks UART0 by the crystal of 40 MHz. */
void mlut_start_uart_clock(void);

#endif /* MLUT_ESP_H */
