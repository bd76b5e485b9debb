/* Clocks of the L4+: RM0432 sections "RCC registers", "Dynamic voltage scaling management", "Read
 * access latency" and "Independent I/O supply rail".
 */
#include "board_config.h"
#include "stm32.h"

#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021008u
#define RCC_PLLCFGR 0x4002100Cu
#define RCC_APB1ENR1 0x40021058u
#define PWR_CR2 0x40007004u
#define PWR_CR5 0x40007080u
#define FLASH_ACR 0x40022000u

#define MSI_HZ 4000000u /* the clock after reset */
#define HSI_ON (1u << 8)
#define HSI_READY (1u << 10)

/* HSI16 divided by 4; the PLL's oscillator at twice the core clock, a multiple of 2 MHz. */
#define PLL_INPUT_HZ 4000000u
#define PLL_SOURCE_HSI_M_4 (0x2u | (3u << 4))
#define PLL_N ((2u * MLUT_CLOCK_HZ / PLL_INPUT_HZ) << 8)
#define PLL_R_2_ENABLED (1u << 24)

#define PWREN (1u << 28)
#define VDDIO2_VALID (1u << 9)    /* IOSV: without it the pins PG2 to PG15 are dead */
#define R1MODE_NO_BOOST (1u << 8) /* range 1 is boosted where this bit is 0 */
#define NEEDS_BOOST (MLUT_CLOCK_HZ > 80000000u)

/* One wait state for each begun 20 MHz in range 1; PRFTEN, ICEN, DCEN. */
#define WAIT_STATES ((MLUT_CLOCK_HZ - 1u) / 20000000u)
#define PREFETCH_AND_CACHES ((1u << 8) | (1u << 9) | (1u << 10))

#define SW_PLL 0x3u
#define SWS_PLL (0x3u << 2)
#define HPRE_BITS (0xFu << 4)
#define HPRE_2 (0x8u << 4)
#define ONE_MICROSECOND 64u /* turns of a loop: more than that at 60 MHz */

static bool switch_to_pll(void)
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

stm32_clocks_t stm32_start_clocks(void)
{
    STM32_REG(RCC_APB1ENR1) |= PWREN;
    (void)STM32_REG(RCC_APB1ENR1);
    STM32_REG(PWR_CR2) |= VDDIO2_VALID;
    bool fast = (STM32_REG(RCC_CFGR) & (0x3u << 2)) == SWS_PLL || switch_to_pll();
    uint32_t hz = fast ? MLUT_CLOCK_HZ : MSI_HZ;
    return (stm32_clocks_t){hz, hz, hz};
}
