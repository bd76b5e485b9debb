/* RP2350: addresses of its blocks, resets and UARTs (Datasheet 2.2, 7.5, 3.2), and the clocks
 * that it allows.
 */
#ifndef MLUT_RP2_CHIP_H
#define MLUT_RP2_CHIP_H

#include "board_config.h"

#define RP_CLOCKS 0x40010000u
#define RP_RESETS 0x40020000u
#define RP_XOSC 0x40048000u
#define RP_PLL_SYS 0x40050000u
#define RP_IO_BANK0_GPIO0_CTRL 0x40028004u
#define RP_PADS_BANK0_GPIO0 0x40038004u

#define RP_RESET_IO_BANK0 (1u << 6)
#define RP_RESET_PADS_BANK0 (1u << 9)
#define RP_RESET_PLL_SYS (1u << 14)

/* address, reset, interrupt */
#define RP_UART0 {0x40070000u, 1u << 26, 33u}
#define RP_UART1 {0x40078000u, 1u << 27, 34u}

#define RP_RING_OSCILLATOR_HZ 11000000u /* about that after reset */

#define RP_POSTDIV_1 5u /* halved once more, the PLL gives 75 to 150 MHz */
#if MLUT_CLOCK_HZ < 75000000u || MLUT_CLOCK_HZ > 150000000u
#error "clock_hz can be 75_000_000 to 150_000_000"
#endif

#endif /* MLUT_RP2_CHIP_H */
