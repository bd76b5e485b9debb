/* Clocks of the F0 and the F1: RM0008, RM0041 (F1), RM0091 (F0), sections "Clock control register
 * (RCC_CR)", "Clock configuration register (RCC_CFGR)" and "Flash access control register
 * (FLASH_ACR)". Bit 16 of RCC_CFGR is PLLSRC of the F1 and its upper bit on the F0.
 */
#ifndef MLUT_STM32_RCC_F1_H
#define MLUT_STM32_RCC_F1_H

#include "board_config.h"
#include "stm32.h"

#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021004u
#define FLASH_ACR 0x40022000u

#define HSI_HZ 8000000u
#define PLL_HSI_HZ (HSI_HZ / 2u)
#define MULTIPLIER_MAX 16u
#define MULTIPLIER_SHIFT 18u /* PLLMUL: 0 is 2 */
#define PLL_BITS ((0x3u << 15) | (1u << 17) | (0xFu << MULTIPLIER_SHIFT))
#define PLL_SOURCE_HSE (1u << 16)
#define SW_PLL 0x2u
#define SWS_PLL (0x2u << 2)

/* One wait state for each begun 24 MHz. Below, the F100 has no such bits and none are needed. */
#define WAIT_STATES ((MLUT_CLOCK_HZ - 1u) / 24000000u)
#define PREFETCH (1u << 4) /* PRFTBE */

/* Returns the core clock; `prescalers` are the bits of RCC_CFGR for the buses. */
static inline uint32_t start_core_clock(uint32_t prescalers)
{
    bool hse = stm32_start_hse(RCC_CR);
    uint32_t source_hz = hse ? MLUT_OSCILLATOR_HZ : PLL_HSI_HZ;
    uint32_t multiplier = MLUT_CLOCK_HZ / source_hz;
    if (multiplier > MULTIPLIER_MAX) {
        multiplier = MULTIPLIER_MAX; /* the F103 without its crystal: 64 instead of 72 MHz */
    }
    stm32_modify(
        RCC_CFGR, PLL_BITS, (hse ? PLL_SOURCE_HSE : 0u) | ((multiplier - 2u) << MULTIPLIER_SHIFT));
    if (!stm32_start_pll(RCC_CR)) {
        return HSI_HZ;
    }
    if (WAIT_STATES > 0u) {
        stm32_modify(FLASH_ACR, 0x7u, WAIT_STATES | PREFETCH);
    }
    stm32_modify(RCC_CFGR, 0x3u, prescalers | SW_PLL);
    return stm32_wait(RCC_CFGR, 0x3u << 2, SWS_PLL) ? multiplier * source_hz : HSI_HZ;
}

#endif /* MLUT_STM32_RCC_F1_H */
