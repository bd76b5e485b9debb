/* Clocks of the L4+ and the G4: RM0432 and RM0440 sections "RCC registers", "Dynamic voltage
 * scaling management" and "Read access latency".
 *
 * A family's clock.c defines, before it includes this file, WAIT_STATES and NEEDS_BOOST.
 */
#ifndef MLUT_STM32_RCC_L4_H
#define MLUT_STM32_RCC_L4_H

#include "board_config.h"
#include "stm32.h"

#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021008u
#define RCC_PLLCFGR 0x4002100Cu
#define RCC_APB1ENR1 0x40021058u
#define PWR_CR5 0x40007080u
#define FLASH_ACR 0x40022000u

#define HSI_ON (1u << 8)
#define HSI_READY (1u << 10)

/* HSI16 divided by 4; the PLL's oscillator at twice the core clock, a multiple of 2 MHz. */
#define PLL_INPUT_HZ 4000000u
#define PLL_SOURCE_HSI_M_4 (0x2u | (3u << 4))
#define PLL_N ((2u * MLUT_CLOCK_HZ / PLL_INPUT_HZ) << 8)
#define PLL_R_2_ENABLED (1u << 24)

#define PWREN (1u << 28)
#define R1MODE_NO_BOOST (1u << 8) /* range 1 is boosted where this bit is 0 */

/* PRFTEN, ICEN, DCEN */
#define PREFETCH_AND_CACHES ((1u << 8) | (1u << 9) | (1u << 10))

#define SW_PLL 0x3u
#define SWS_PLL (0x3u << 2)
#define HPRE_BITS (0xFu << 4)
#define HPRE_2 (0x8u << 4)
#define ONE_MICROSECOND 85u /* turns of a loop: more than that at 85 MHz */

static inline bool switch_to_pll(void)
{
    STM32_REG(RCC_CR) |= HSI_ON;
    if (!stm32_wait(RCC_CR, HSI_READY, HSI_READY)) {
        return false;
    }
    if (NEEDS_BOOST) {
        STM32_REG(PWR_CR5) &= ~R1MODE_NO_BOOST;
    }
    STM32_REG(RCC_PLLCFGR) = PLL_SOURCE_HSI_M_4 | PLL_N | PLL_R_2_ENABLED;
    if (!stm32_start_pll(RCC_CR)) {
        return false;
    }
    STM32_REG(FLASH_ACR) = WAIT_STATES | PREFETCH_AND_CACHES;
    if (!stm32_wait(FLASH_ACR, 0xFu, WAIT_STATES)) {
        return false;
    }
    /* Above 80 MHz the AHB has to run at half the speed for a microsecond. */
    stm32_modify(RCC_CFGR, HPRE_BITS | 0x3u, HPRE_2 | SW_PLL);
    if (!stm32_wait(RCC_CFGR, 0x3u << 2, SWS_PLL)) {
        return false;
    }
    for (uint32_t turn = 0; turn < ONE_MICROSECOND; turn++) {
        __asm__ volatile("nop");
    }
    STM32_REG(RCC_CFGR) &= ~HPRE_BITS;
    return true;
}

/* Starts the PLL if the core does not run on it yet; `reset_hz` is the clock after reset. */
static inline stm32_clocks_t start_clocks(uint32_t reset_hz)
{
    STM32_REG(RCC_APB1ENR1) |= PWREN;
    (void)STM32_REG(RCC_APB1ENR1);
    bool fast = (STM32_REG(RCC_CFGR) & (0x3u << 2)) == SWS_PLL || switch_to_pll();
    uint32_t hz = fast ? MLUT_CLOCK_HZ : reset_hz;
    return (stm32_clocks_t){hz, hz, hz};
}

#endif /* MLUT_STM32_RCC_L4_H */
