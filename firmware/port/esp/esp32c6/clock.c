/* Watchdogs and clocks of the ESP32-C6.
 *
 * ESP32-C6 Technical Reference Manual, chapters "Watchdog Timers", "Reset and Clock" and "UART
 * Controller"; bits as in ESP-IDF's lp_wdt_reg.h, timer_group_reg.h, pcr_reg.h and uart_reg.h.
 *
 * The core runs on the crystal. Its 160 MHz need the PLL, and so the calibrated voltages and the
 * analog bus behind the modem's clocks, which the manual does not describe: an application of
 * ESP-IDF has them.
 */
#include "board_config.h"
#include "esp.h"

_Static_assert(MLUT_OSCILLATOR_HZ == 40000000u, "the ESP32-C6 has a crystal of 40 MHz");
_Static_assert(MLUT_CLOCK_HZ == 40000000u, "this port runs the ESP32-C6 on its crystal of 40 MHz");

#define WATCHDOG_KEY 0x50D83AA1u
#define WATCHDOG_ENABLE MLUT_BIT(31)

#define LP_WDT 0x600B1C00u
#define LP_WDT_CONFIG0 MLUT_REGISTER(LP_WDT + 0x00u)
#define LP_WDT_FLASH_BOOT MLUT_BIT(12)
#define LP_WDT_PROTECT MLUT_REGISTER(LP_WDT + 0x18u)
#define LP_SWD_CONFIG MLUT_REGISTER(LP_WDT + 0x1Cu)
#define LP_SWD_AUTO_FEED MLUT_BIT(18)
#define LP_SWD_PROTECT MLUT_REGISTER(LP_WDT + 0x20u)

#define TIMER_GROUP(number) (0x60008000u + (number) * 0x1000u)
#define TIMER_WDT_CONFIG0(number) MLUT_REGISTER(TIMER_GROUP(number) + 0x48u)
#define TIMER_WDT_FLASH_BOOT MLUT_BIT(14)
#define TIMER_WDT_UPDATE MLUT_BIT(22)
#define TIMER_WDT_PROTECT(number) MLUT_REGISTER(TIMER_GROUP(number) + 0x64u)

#define PCR 0x60096000u
#define PCR_UART0 MLUT_REGISTER(PCR + 0x00u)
#define PCR_UART0_CLOCK MLUT_REGISTER(PCR + 0x04u)
#define PCR_SYSTEM_CLOCK MLUT_REGISTER(PCR + 0x110u)
#define SYSTEM_CLOCK_SOURCE (0x3u << 16) /* 0: the crystal */
#define PCR_CPU_DIVIDERS MLUT_REGISTER(PCR + 0x118u)
#define CPU_LOW_SPEED_DIVIDER 0xFFu /* of the crystal, less 1 */

void mlut_stop_watchdogs(void)
{
    *LP_WDT_PROTECT = WATCHDOG_KEY;
    *LP_WDT_CONFIG0 &= ~(WATCHDOG_ENABLE | LP_WDT_FLASH_BOOT);
    *LP_WDT_PROTECT = 0;
    *LP_SWD_PROTECT = WATCHDOG_KEY;
    *LP_SWD_CONFIG |= LP_SWD_AUTO_FEED;
    *LP_SWD_PROTECT = 0;
    for (uint32_t group = 0; group < 2u; group++) {
        *TIMER_WDT_PROTECT(group) = WATCHDOG_KEY;
        *TIMER_WDT_CONFIG0(group) &= ~(WATCHDOG_ENABLE | TIMER_WDT_FLASH_BOOT);
        *TIMER_WDT_CONFIG0(group) |= TIMER_WDT_UPDATE;
        *TIMER_WDT_PROTECT(group) = 0;
    }
}

void mlut_start_core_clock(void)
{
    *PCR_CPU_DIVIDERS &= ~CPU_LOW_SPEED_DIVIDER;
    *PCR_SYSTEM_CLOCK &= ~SYSTEM_CLOCK_SOURCE;
}

#define UART_ON MLUT_BIT(0)
#define UART_RESET MLUT_BIT(1)
#define UART_CLOCK_CRYSTAL (MLUT_BIT(22) | 3u << 20) /* enabled, divided by 1 */
#define UART_CLOCK MLUT_REGISTER(0x60000088u)
#define UART_CLOCK_ENABLED (MLUT_BIT(25) | MLUT_BIT(24)) /* receiver and transmitter */

void mlut_start_uart_clock(void)
{
    *PCR_UART0 = (*PCR_UART0 | UART_ON) & ~UART_RESET;
    *PCR_UART0_CLOCK = UART_CLOCK_CRYSTAL;
    *UART_CLOCK = UART_CLOCK_ENABLED;
}
