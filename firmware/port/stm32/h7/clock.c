/* Clocks of the H742, H743 and H753: RM0433 sections "RCC registers", "System supply
 * configuration", "Voltage scaling" and "FLASH recommended number of wait states and programming
 * delay".
 */
#include "board_config.h"
#include "cortex_m.h"
#include "stm32.h"

#define RCC_CR 0x58024400u
#define RCC_CFGR 0x58024410u
#define RCC_D1CFGR 0x58024418u
#define RCC_D2CFGR 0x5802441Cu
#define RCC_D3CFGR 0x58024420u
#define RCC_PLLCKSELR 0x58024428u
#define RCC_PLLCFGR 0x5802442Cu
#define RCC_PLL1DIVR 0x58024430u
#define PWR_CSR1 0x58024804u
#define PWR_CR3 0x5802480Cu
#define PWR_D3CR 0x58024818u
#define FLASH_ACR 0x52002000u

#define HSI_HZ 64000000u /* the clock after reset */

/* PLL input 2 MHz (range 1), the wide oscillator at twice the core clock, P output halved. */
#define PLL_INPUT_HZ 2000000u
#define PLL_M(source_hz) (((source_hz) / PLL_INPUT_HZ) << 4)
#define PLL_SOURCE_HSE 0x2u
#define PLL_RANGE_1_P_ENABLED ((0x1u << 2) | (1u << 16))
#define PLL_N_P_2 ((2u * MLUT_CLOCK_HZ / PLL_INPUT_HZ - 1u) | (1u << 9))

#define SUPPLY_BITS 0x7u
#define SUPPLY_LDO 0x2u
#define ACTVOSRDY (1u << 13)
#define VOS_SCALE_1 (0x3u << 14)
#define VOSRDY (1u << 13)

/* 2 wait states and programming delay 2 for the AXI bus at 185 to 210 MHz and scale 1. */
#define FLASH_200_MHZ (2u | (2u << 4))

/* AXI and AHB run at half the core clock, the APBs at a fourth. */
#define D1_PRESCALERS (0x8u | (0x4u << 4))
#define D2_PRESCALERS ((0x4u << 4) | (0x4u << 8))
#define D3_PRESCALERS (0x4u << 4)
#define SW_PLL1 0x3u
#define SWS_BITS (0x7u << 3)
#define SWS_PLL1 (0x3u << 3)

#if MLUT_CLOCK_HZ > 400000000u
#error "above 400 MHz the H7 needs voltage scale 0, which this file does not set"
#endif

static bool raise_voltage(void)
{
    /* can be written once after power-on; written again, it stays as it is */
    stm32_modify(PWR_CR3, SUPPLY_BITS, SUPPLY_LDO);
    if (!stm32_wait(PWR_CSR1, ACTVOSRDY, ACTVOSRDY)) {
        return false;
    }
    stm32_modify(PWR_D3CR, VOS_SCALE_1, VOS_SCALE_1);
    return stm32_wait(PWR_D3CR, VOSRDY, VOSRDY);
}

static bool switch_to_pll(void)
{
    if (!raise_voltage()) {
        return false;
    }
    bool hse = stm32_start_hse(RCC_CR);
    stm32_modify(RCC_PLLCKSELR, 0x3u | (0x3Fu << 4),
        PLL_M(hse ? MLUT_OSCILLATOR_HZ : HSI_HZ) | (hse ? PLL_SOURCE_HSE : 0u));
    stm32_modify(RCC_PLLCFGR, 0xFu | (1u << 16), PLL_RANGE_1_P_ENABLED);
    stm32_modify(RCC_PLL1DIVR, 0xFFFFu, PLL_N_P_2);
    if (!stm32_start_pll(RCC_CR)) {
        return false;
    }
    STM32_REG(FLASH_ACR) = FLASH_200_MHZ;
    if (!stm32_wait(FLASH_ACR, 0x3Fu, FLASH_200_MHZ)) {
        return false;
    }
    STM32_REG(RCC_D1CFGR) = D1_PRESCALERS;
    STM32_REG(RCC_D2CFGR) = D2_PRESCALERS;
    STM32_REG(RCC_D3CFGR) = D3_PRESCALERS;
    stm32_modify(RCC_CFGR, 0x7u, SW_PLL1);
    return stm32_wait(RCC_CFGR, SWS_BITS, SWS_PLL1);
}

stm32_clocks_t stm32_start_clocks(void)
{
    mlut_enable_caches();
    if ((STM32_REG(RCC_CFGR) & SWS_BITS) == SWS_PLL1 || switch_to_pll()) {
        return (stm32_clocks_t){MLUT_CLOCK_HZ, MLUT_CLOCK_HZ / 4u, MLUT_CLOCK_HZ / 4u};
    }
    /* the prescalers may have been set already, so they are taken back */
    STM32_REG(RCC_D1CFGR) = 0u;
    STM32_REG(RCC_D2CFGR) = 0u;
    return (stm32_clocks_t){HSI_HZ, HSI_HZ, HSI_HZ};
}
