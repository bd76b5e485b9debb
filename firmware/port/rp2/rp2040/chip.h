/* RP2040: addresses of its blocks, resets and UARTs (Datasheet 2.2, 2.14, 2.3.2), and the clocks
 * that it allows.
 */
#ifndef MLUT_RP2_CHIP_H
#define MLUT_RP2_CHIP_H

#include "board_config.h"

#define RP_CLOCKS 0x40008000u
#define RP_RESETS 0x4000C000u
#define RP_XOSC 0x40024000u
#define RP_PLL_SYS 0x40028000u
#define RP_IO_BANK0_GPIO0_CTRL 0x40014004u
#define RP_PADS_BANK0_GPIO0 0x4001C004u
#define RP_WATCHDOG_TICK 0x4005802Cu

#define RP_RESET_IO_BANK0 (1u << 5)
#define RP_RESET_PADS_BANK0 (1u << 8)
#define RP_RESET_PLL_SYS (1u << 12)

/* address, reset, interrupt */
#define RP_UART0 {0x40034000u, 1u << 22, 20u}
#define RP_UART1 {0x40038000u, 1u << 23, 21u}

#define RP_RING_OSCILLATOR_HZ 6500000u /* about that after reset */

#define RP_POSTDIV_1 6u /* halved once more, the PLL gives 63 to 133 MHz */
#if MLUT_CLOCK_HZ < 63000000u || MLUT_CLOCK_HZ > 133000000u
#error "clock_hz can be 63_000_000 to 133_000_000"
#endif

#endif /* MLUT_RP2_CHIP_H */
