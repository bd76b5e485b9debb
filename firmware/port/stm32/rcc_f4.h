/* Clocks of the F4 and the F7: RM0090 and RM0390 (F4), RM0385 (F7), sections "RCC clock control
 * register (RCC_CR)" to "RCC clock configuration register (RCC_CFGR)", "Relation between CPU clock
 * frequency and flash memory read time" and, for the voltage scales and the over-drive mode,
 * "Voltage regulator"; RM0383 (F411) likewise.
 *
 * A family's clock.c defines VOLTAGE_SCALE_1 before it includes this file, the bits of PWR_CR that
 * select the scale of the highest clocks, and refuses a clock_hz above those.
 */
#ifndef MLUT_STM32_RCC_F4_H
#define MLUT_STM32_RCC_F4_H

#include "board_config.h"
#include "stm32.h"

#define RCC 0x40023800u
#define RCC_CR (RCC + 0x00u)
#define RCC_PLLCFGR (RCC + 0x04u)
#define RCC_CFGR (RCC + 0x08u)
#define RCC_APB1ENR (RCC + 0x40u)
#define PWR_CR 0x40007000u  /* PWR_CR1 on the F7 */
#define PWR_CSR 0x40007004u /* PWR_CSR1 */
#define FLASH_ACR 0x40023C00u

#define HSI_HZ 16000000u
#define MEGAHERTZ 1000000u

/* PLL input 1 MHz, output of its oscillator twice the core clock, main divider 2. */
#define PLL_M(source_hz) ((source_hz) / MEGAHERTZ)
#define PLL_N (2u * (MLUT_CLOCK_HZ / MEGAHERTZ) << 6)
#define PLL_SOURCE_HSE (1u << 22)
#define PLL_Q_8 (8u << 24) /* not used, but 0 and 1 are not allowed */
#define PLL_R_2 (2u << 28) /* likewise; reserved where there is none, with this reset value */

#define PWREN (1u << 28)
#define VOSRDY (1u << 14)     /* only with the PLL on */
#define OVER_DRIVE (1u << 16) /* in PWR_CR the request, in PWR_CSR the answer */
#define OVER_DRIVE_SWITCH (1u << 17)
#define NEEDS_OVER_DRIVE (MLUT_CLOCK_HZ > 168000000u)

/* One wait state for each begun 30 MHz at 2.7 to 3.6 V. */
#define WAIT_STATES ((MLUT_CLOCK_HZ - 1u) / 30000000u)

#define SW_PLL 0x2u
#define SWS_PLL (0x2u << 2)
#define PRESCALERS ((0x5u << 10) | (0x4u << 13)) /* APB1 a fourth, APB2 half of the core clock */
#define PRESCALER_BITS ((0x7u << 10) | (0x7u << 13) | (0xFu << 4))

static inline bool switch_to_pll(uint32_t flash_accelerators)
{
    STM32_REG(RCC_APB1ENR) |= PWREN;
    (void)STM32_REG(RCC_APB1ENR);
    stm32_modify(PWR_CR, VOLTAGE_SCALE_1, VOLTAGE_SCALE_1); /* with the PLL off, as after reset */
    bool hse = stm32_start_hse(RCC_CR);
    STM32_REG(RCC_PLLCFGR) = PLL_M(hse ? MLUT_OSCILLATOR_HZ : HSI_HZ) | PLL_N | PLL_Q_8 | PLL_R_2 |
                             (hse ? PLL_SOURCE_HSE : 0u);
    if (!stm32_start_pll(RCC_CR) || !stm32_wait(PWR_CSR, VOSRDY, VOSRDY)) {
        return false;
    }
    if (NEEDS_OVER_DRIVE) {
        STM32_REG(PWR_CR) |= OVER_DRIVE;
        bool ready = stm32_wait(PWR_CSR, OVER_DRIVE, OVER_DRIVE);
        STM32_REG(PWR_CR) |= OVER_DRIVE_SWITCH;
        if (!ready || !stm32_wait(PWR_CSR, OVER_DRIVE_SWITCH, OVER_DRIVE_SWITCH)) {
            return false;
        }
    }
    STM32_REG(FLASH_ACR) = WAIT_STATES | flash_accelerators;
    if (!stm32_wait(FLASH_ACR, 0xFu, WAIT_STATES)) {
        return false;
    }
    stm32_modify(RCC_CFGR, PRESCALER_BITS | 0x3u, PRESCALERS | SW_PLL);
    return stm32_wait(RCC_CFGR, 0x3u << 2, SWS_PLL);
}

static inline stm32_clocks_t start_clocks(uint32_t flash_accelerators)
{
    bool fast = (STM32_REG(RCC_CFGR) & (0x3u << 2)) == SWS_PLL;
    if (fast || switch_to_pll(flash_accelerators)) {
        return (stm32_clocks_t){MLUT_CLOCK_HZ, MLUT_CLOCK_HZ / 4u, MLUT_CLOCK_HZ / 2u};
    }
    return (stm32_clocks_t){HSI_HZ, HSI_HZ, HSI_HZ};
}

#endif /* MLUT_STM32_RCC_F4_H */
