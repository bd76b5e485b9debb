/* Watchdogs and clocks of the ESP32-C3.
 *
 * ESP32-C3 Technical Reference Manual, chapters "Watchdog Timers", "Reset and Clock" (CPU clock)
 * and "System Registers"; bits as in ESP-IDF's rtc_cntl_reg.h, timer_group_reg.h and system_reg.h.
 * The manual does not describe the PLL's analog registers: those follow ESP-IDF's rtc_clk_init.c
 * and clk_tree_ll.h (clk_ll_bbpll_set_config) for a crystal of 40 MHz, in the same order.
 */
#include "board_config.h"
#include "esp.h"

_Static_assert(MLUT_OSCILLATOR_HZ == 40000000u, "the PLL is set up for a crystal of 40 MHz");
_Static_assert(MLUT_CLOCK_HZ == 160000000u, "the ESP32-C3 runs at 160 MHz");

#define WATCHDOG_KEY 0x50D83AA1u
#define WATCHDOG_ENABLE MLUT_BIT(31)

#define RTC_CONTROL 0x60008000u
#define RTC_OPTIONS0 MLUT_REGISTER(RTC_CONTROL + 0x00u)
#define RTC_WDT_CONFIG0 MLUT_REGISTER(RTC_CONTROL + 0x90u)
#define RTC_WDT_FLASH_BOOT MLUT_BIT(12)
#define RTC_WDT_PROTECT MLUT_REGISTER(RTC_CONTROL + 0xA8u)
#define RTC_SWD_CONFIG MLUT_REGISTER(RTC_CONTROL + 0xACu)
#define RTC_SWD_AUTO_FEED MLUT_BIT(31)
#define RTC_SWD_PROTECT MLUT_REGISTER(RTC_CONTROL + 0xB0u)
#define RTC_SWD_KEY 0x8F1D312Au

#define TIMER_GROUP(number) (0x6001F000u + (number) * 0x1000u)
#define TIMER_WDT_CONFIG0(number) MLUT_REGISTER(TIMER_GROUP(number) + 0x48u)
#define TIMER_WDT_FLASH_BOOT MLUT_BIT(14)
#define TIMER_WDT_UPDATE MLUT_BIT(22)
#define TIMER_WDT_PROTECT(number) MLUT_REGISTER(TIMER_GROUP(number) + 0x64u)

/* In RTC_OPTIONS0: the PLL and its configuration bus are held without power. */
#define PLL_POWER_DOWN (MLUT_BIT(6) | MLUT_BIT(8) | MLUT_BIT(10))

#define SYSTEM 0x600C0000u
#define SYSTEM_CPU_PERIOD MLUT_REGISTER(SYSTEM + 0x08u)
#define CPU_PERIOD_MASK 0x3u
#define CPU_PERIOD_160_MHZ 0x1u
#define PLL_480_MHZ MLUT_BIT(2)
#define SYSTEM_CLOCK MLUT_REGISTER(SYSTEM + 0x58u)
#define CLOCK_DIVIDER_MASK 0x3FFu
#define CLOCK_SOURCE_MASK (0x3u << 10)
#define CLOCK_SOURCE_PLL (0x1u << 10)

#define ANALOG_CONFIG0 MLUT_REGISTER(0x6000E040u)
#define PLL_STOP_HIGH MLUT_BIT(2)
#define PLL_STOP_LOW MLUT_BIT(3)
#define ANALOG_CONFIG MLUT_REGISTER(0x6000E044u)
#define ANALOG_BUSES_OFF (0x3FFu << 8)
#define ANALOG_PLL_BUS_OFF MLUT_BIT(17)

/* Functions of the ROM that write registers behind the analog bus (ESP-IDF's rom.regi2c.ld). */
typedef void (*analog_write_t)(uint8_t block, uint8_t host, uint8_t number, uint8_t value);
typedef void (*analog_write_mask_t)(
    uint8_t block, uint8_t host, uint8_t number, uint8_t top, uint8_t bottom, uint8_t value);
#define ANALOG_WRITE ((analog_write_t)0x4000195Cu)
#define ANALOG_WRITE_MASK ((analog_write_mask_t)0x40001960u)
#define PLL_BLOCK 0x66u

void mlut_stop_watchdogs(void)
{
    *RTC_WDT_PROTECT = WATCHDOG_KEY;
    *RTC_WDT_CONFIG0 &= ~(WATCHDOG_ENABLE | RTC_WDT_FLASH_BOOT);
    *RTC_WDT_PROTECT = 0;
    *RTC_SWD_PROTECT = RTC_SWD_KEY;
    *RTC_SWD_CONFIG |= RTC_SWD_AUTO_FEED;
    *RTC_SWD_PROTECT = 0;
    for (uint32_t group = 0; group < 2u; group++) {
        *TIMER_WDT_PROTECT(group) = WATCHDOG_KEY;
        *TIMER_WDT_CONFIG0(group) &= ~(WATCHDOG_ENABLE | TIMER_WDT_FLASH_BOOT);
        *TIMER_WDT_CONFIG0(group) |= TIMER_WDT_UPDATE;
        *TIMER_WDT_PROTECT(group) = 0;
    }
}

static void configure_pll(void)
{
    ANALOG_WRITE(PLL_BLOCK, 0, 4, 0x6B);         /* mode for 480 MHz */
    ANALOG_WRITE(PLL_BLOCK, 0, 2, 5u << 4);      /* charge pump 5, reference divider 0 */
    ANALOG_WRITE(PLL_BLOCK, 0, 3, 8);            /* divider, low byte */
    ANALOG_WRITE_MASK(PLL_BLOCK, 0, 5, 2, 0, 0); /* DR1 */
    ANALOG_WRITE_MASK(PLL_BLOCK, 0, 5, 6, 4, 0); /* DR3 */
    ANALOG_WRITE(PLL_BLOCK, 0, 6, 0x93);         /* DLREF_SEL 2, DHREF_SEL 1, current 3 */
    ANALOG_WRITE_MASK(PLL_BLOCK, 0, 9, 1, 0, 2); /* bias of the oscillator */
    ANALOG_WRITE_MASK(PLL_BLOCK, 0, 6, 5, 4, 2); /* DHREF_SEL */
    ANALOG_WRITE_MASK(PLL_BLOCK, 0, 6, 7, 6, 1); /* DLREF_SEL */
}

void mlut_start_core_clock(void)
{
    if ((*SYSTEM_CLOCK & CLOCK_SOURCE_MASK) != CLOCK_SOURCE_PLL) {
        *ANALOG_CONFIG |= ANALOG_BUSES_OFF;
        *ANALOG_CONFIG &= ~ANALOG_PLL_BUS_OFF;
        *RTC_OPTIONS0 &= ~PLL_POWER_DOWN;
        *SYSTEM_CPU_PERIOD |= PLL_480_MHZ;
        *ANALOG_CONFIG0 &= ~PLL_STOP_HIGH; /* calibration starts */
        *ANALOG_CONFIG0 |= PLL_STOP_LOW;
        configure_pll();
    }
    *SYSTEM_CPU_PERIOD = (*SYSTEM_CPU_PERIOD & ~CPU_PERIOD_MASK) | CPU_PERIOD_160_MHZ;
    *SYSTEM_CLOCK &= ~CLOCK_DIVIDER_MASK; /* divides by 1 */
    *SYSTEM_CLOCK = (*SYSTEM_CLOCK & ~CLOCK_SOURCE_MASK) | CLOCK_SOURCE_PLL;
}

/* crystal, divided by 1, for the core, the receiver and the transmitter */
#define UART_CLOCK MLUT_REGISTER(0x60000078u)
#define UART_CLOCK_CRYSTAL (MLUT_BIT(25) | MLUT_BIT(24) | MLUT_BIT(22) | 3u << 20)

void mlut_start_uart_clock(void)
{
    *UART_CLOCK = UART_CLOCK_CRYSTAL;
}
