/* Clocks of the G0: RM0444 sections "RCC registers" and "FLASH access control register
 * (FLASH_ACR)".
 *
 * The PLL's input is HSI16 itself and its oscillator runs at twice the core clock, which is 64 MHz
 * or another multiple of 8 MHz above 32. Voltage range 1, which that needs, is the one after reset.
 */
#include "board_config.h"
#include "stm32.h"

#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021008u
#define RCC_PLLCFGR 0x4002100Cu
#define FLASH_ACR 0x40022000u

#define HSI_HZ 16000000u
#define PLL_SOURCE_HSI 0x2u /* and M = 1 */
#define PLL_N ((2u * MLUT_CLOCK_HZ / HSI_HZ) << 8)
#define PLL_R_2_ENABLED ((1u << 28) | (1u << 29))

/* 0, 1 or 2 up to 24, 48 or 64 MHz; PRFTEN, ICEN. Other bits of FLASH_ACR stay. */
#define WAIT_STATES ((MLUT_CLOCK_HZ - 1u) / 24000000u)
#define PREFETCH_AND_CACHE ((1u << 8) | (1u << 9))

#define SW_PLL 0x2u
#define SWS_BITS (0x7u << 3)
#define SWS_PLL (0x2u << 3)

static bool switch_to_pll(void)
{
    STM32_REG(RCC_PLLCFGR) = PLL_SOURCE_HSI | PLL_N | PLL_R_2_ENABLED;
    if (!stm32_start_pll(RCC_CR)) {
        return false;
    }
    stm32_modify(FLASH_ACR, 0x7u, WAIT_STATES | PREFETCH_AND_CACHE);
    if (!stm32_wait(FLASH_ACR, 0x7u, WAIT_STATES)) {
        return false;
    }
    stm32_modify(RCC_CFGR, 0x7u, SW_PLL);
    return stm32_wait(RCC_CFGR, SWS_BITS, SWS_PLL);
}

stm32_clocks_t stm32_start_clocks(void)
{
    bool fast = (STM32_REG(RCC_CFGR) & SWS_BITS) == SWS_PLL || switch_to_pll();
    uint32_t hz = fast ? MLUT_CLOCK_HZ : HSI_HZ;
    return (stm32_clocks_t){hz, hz, hz};
}
