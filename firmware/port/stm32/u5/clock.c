/* Clocks of the U5: RM0456 sections "RCC registers", "PWR voltage scaling register (PWR_VOSR)",
 * "Read access latency" and "ICACHE registers".
 */
#include "board_config.h"
#include "stm32.h"

#define RCC_CR 0x46020C00u
#define RCC_CFGR1 0x46020C1Cu
#define RCC_CFGR2 0x46020C20u
#define RCC_PLL1CFGR 0x46020C28u
#define RCC_PLL1DIVR 0x46020C34u
#define RCC_AHB3ENR 0x46020C94u
#define PWR_VOSR 0x4602080Cu
#define FLASH_ACR 0x40022000u
#define ICACHE_CR 0x40030400u
#define ICACHE_SR 0x40030404u

#define MSI_HZ 4000000u /* the clock after reset */
#define HSI_ON (1u << 8)
#define HSI_READY (1u << 10)

/* HSI16 divided by 4 (input range 0, 4 to 8 MHz); the oscillator at twice the core clock. The
 * booster of the voltage regulator is clocked by HSI16 itself, undivided.
 */
#define PLL_INPUT_HZ 4000000u
#define PLL_SOURCE_HSI_M_4 (0x2u | (3u << 8))
#define PLL_R_ENABLED (1u << 18)
#define PLL_N_R_2 ((2u * MLUT_CLOCK_HZ / PLL_INPUT_HZ - 1u) | (1u << 24))

#define PWREN (1u << 2)
#define VOS_RANGE_1 (0x3u << 16)
#define VOS_READY (1u << 15)
#define BOOST_ON (1u << 18)
#define BOOST_READY (1u << 14)

/* One wait state for each begun 32 MHz in range 1; PRFTEN. */
#define WAIT_STATES ((MLUT_CLOCK_HZ - 1u) / 32000000u)
#define PREFETCH (1u << 8)

#define SW_PLL 0x3u
#define SWS_PLL (0x3u << 2)
#define HPRE_BITS 0xFu
#define HPRE_2 0x8u
#define ONE_MICROSECOND 80u /* turns of a loop: more than that at 80 MHz */

static bool raise_voltage(void)
{
    stm32_modify(PWR_VOSR, VOS_RANGE_1, VOS_RANGE_1);
    if (!stm32_wait(PWR_VOSR, VOS_READY, VOS_READY)) {
        return false;
    }
    STM32_REG(PWR_VOSR) |= BOOST_ON;
    return stm32_wait(PWR_VOSR, BOOST_READY, BOOST_READY);
}

static bool switch_to_pll(void)
{
    STM32_REG(RCC_CR) |= HSI_ON;
    if (!stm32_wait(RCC_CR, HSI_READY, HSI_READY)) {
        return false;
    }
    STM32_REG(RCC_PLL1CFGR) = PLL_SOURCE_HSI_M_4 | PLL_R_ENABLED;
    stm32_modify(RCC_PLL1DIVR, 0x1FFu | (0x7Fu << 24), PLL_N_R_2);
    if (!raise_voltage() || !stm32_start_pll(RCC_CR)) {
        return false;
    }
    STM32_REG(FLASH_ACR) = WAIT_STATES | PREFETCH;
    if (!stm32_wait(FLASH_ACR, 0xFu, WAIT_STATES)) {
        return false;
    }
    /* Above 80 MHz the AHB has to run at half the speed for a microsecond. */
    stm32_modify(RCC_CFGR2, HPRE_BITS, HPRE_2);
    stm32_modify(RCC_CFGR1, 0x3u, SW_PLL);
    if (!stm32_wait(RCC_CFGR1, 0x3u << 2, SWS_PLL)) {
        return false;
    }
    for (uint32_t turn = 0; turn < ONE_MICROSECOND; turn++) {
        __asm__ volatile("nop");
    }
    STM32_REG(RCC_CFGR2) &= ~HPRE_BITS;
    return true;
}

static void enable_cache(void)
{
    /* busy after reset, while it makes itself empty; with it on already, this changes nothing */
    if (stm32_wait(ICACHE_SR, 0x1u, 0u)) {
        STM32_REG(ICACHE_CR) |= 0x1u;
    }
}

stm32_clocks_t stm32_start_clocks(void)
{
    STM32_REG(RCC_AHB3ENR) |= PWREN;
    (void)STM32_REG(RCC_AHB3ENR);
    enable_cache();
    bool fast = (STM32_REG(RCC_CFGR1) & (0x3u << 2)) == SWS_PLL || switch_to_pll();
    uint32_t hz = fast ? MLUT_CLOCK_HZ : MSI_HZ;
    return (stm32_clocks_t){hz, hz, hz};
}
