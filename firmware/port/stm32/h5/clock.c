/* Clocks of the H562, H563 and H573: RM0481 sections "RCC registers", "PWR voltage scaling control
 * register (PWR_VOSCR)", "Read access latency" and "ICACHE registers", and the table "HCLK clock
 * frequency" of ST's stm32h5xx_hal_rcc.c.
 */
#include "board_config.h"
#include "stm32.h"

#define RCC_CR 0x44020C00u
#define RCC_CFGR1 0x44020C1Cu
#define RCC_PLL1CFGR 0x44020C28u
#define RCC_PLL1DIVR 0x44020C34u
#define PWR_VOSCR 0x44020810u
#define PWR_VOSSR 0x44020814u
#define FLASH_ACR 0x40022000u
#define ICACHE_CR 0x40030400u
#define ICACHE_SR 0x40030404u

#define HSI_HZ 64000000u
#define HSIDIV_BITS (0x3u << 3)
#define HSIDIVF (1u << 5)

/* HSI divided by 16 (input range 4 to 8 MHz); the wide oscillator at twice the core clock. */
#define PLL_INPUT_HZ 4000000u
#define PLL_CONFIG_BITS (0x3u | (0xFu << 2) | (0x3Fu << 8) | (1u << 16))
#define PLL_SOURCE_HSI_M_16_RANGE_2_P_ENABLED (0x1u | (0x2u << 2) | (16u << 8) | (1u << 16))
#define PLL_N_P_2 ((2u * MLUT_CLOCK_HZ / PLL_INPUT_HZ - 1u) | (1u << 9))

#define VOS_SCALE_0 (0x3u << 4)
#define VOSRDY (1u << 3)

/* One wait state for each begun 38 MHz at scale 0, and never more than 5. WRHIGHFREQ, the delay of
 * programming, is one for two wait states. PRFTEN.
 */
#define BEGUN ((MLUT_CLOCK_HZ - 1u) / 38000000u)
#define WAIT_STATES (BEGUN < 5u ? BEGUN : 5u)
#define WRITE_DELAY (WAIT_STATES / 2u << 4)
#define PREFETCH (1u << 8)
#define ACR_BITS (0xFu | (0x3u << 4))

#define SW_PLL1 0x3u
#define SWS_BITS (0x3u << 3)
#define SWS_PLL1 (0x3u << 3)

#if MLUT_CLOCK_HZ > 250000000u || MLUT_CLOCK_HZ < 96000000u
#error "clock_hz can be 96_000_000 to 250_000_000"
#endif
#if MLUT_CLOCK_HZ % 2000000u != 0u
#error "clock_hz must be a multiple of 2_000_000"
#endif

static bool switch_to_pll(void)
{
    stm32_modify(PWR_VOSCR, VOS_SCALE_0, VOS_SCALE_0);
    if (!stm32_wait(PWR_VOSSR, VOSRDY, VOSRDY)) {
        return false;
    }
    stm32_modify(RCC_PLL1CFGR, PLL_CONFIG_BITS, PLL_SOURCE_HSI_M_16_RANGE_2_P_ENABLED);
    stm32_modify(RCC_PLL1DIVR, 0xFFFFu, PLL_N_P_2);
    if (!stm32_start_pll(RCC_CR)) {
        return false;
    }
    stm32_modify(FLASH_ACR, ACR_BITS, WAIT_STATES | WRITE_DELAY | PREFETCH);
    if (!stm32_wait(FLASH_ACR, ACR_BITS, WAIT_STATES | WRITE_DELAY)) {
        return false;
    }
    stm32_modify(RCC_CFGR1, 0x3u, SW_PLL1);
    return stm32_wait(RCC_CFGR1, SWS_BITS, SWS_PLL1);
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
    enable_cache();
    bool fast = (STM32_REG(RCC_CFGR1) & SWS_BITS) == SWS_PLL1;
    if (!fast) {
        stm32_modify(RCC_CR, HSIDIV_BITS, 0u); /* flash is set up for all 64 MHz from reset on */
        (void)stm32_wait(RCC_CR, HSIDIVF, HSIDIVF);
        fast = switch_to_pll();
    }
    uint32_t hz = fast ? MLUT_CLOCK_HZ : HSI_HZ;
    return (stm32_clocks_t){hz, hz, hz};
}
