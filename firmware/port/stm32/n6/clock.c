/* Clocks of the N6: RM0486 section "RCC registers"; addresses and bits of ST's stm32n657xx.h.
 *
 * The core runs on HSI, as a debugger that loads the image finds it. Its 600 MHz need the PLL, and
 * what that asks of the supply: an application of STM32 HAL has them.
 */
#include "board_config.h"
#include "cortex_m.h"
#include "stm32.h"

#define RCC 0x56028000u
#define RCC_CR (RCC + 0x00u)
#define HSION (1u << 3)
#define RCC_SR (RCC + 0x04u)
#define HSIRDY (1u << 3)
#define RCC_CFGR1 (RCC + 0x20u)
#define SWITCHES ((0x3u << 16) | (0x3u << 24)) /* CPUSW and SYSSW; 0 is HSI */
#define SWITCHED (SWITCHES << 4)
#define RCC_CFGR2 (RCC + 0x24u)
#define PRESCALERS ((0x7u << 20) | (0x7u << 0) | (0x7u << 4) | (0x7u << 12) | (0x7u << 16))
#define RCC_HSICFGR (RCC + 0x48u)
#define HSIDIV (0x3u << 7)

/* What has to keep its clock while the core sleeps; bits that are 0 change nothing. */
#define RCC_MEMLPENSR (RCC + 0xA8Cu)
#define AXISRAM_1_2 ((1u << 7) | (1u << 8))
#define RCC_APB2LPENSR (RCC + 0xAACu)
#define USART1LPEN (1u << 4)

#define HSI_HZ 64000000u

#if MLUT_CLOCK_HZ != 64000000u
#error "this port runs the N6 on its HSI; write clock_hz = 64_000_000"
#endif

stm32_clocks_t stm32_start_clocks(void)
{
    mlut_enable_caches();
    STM32_REG(RCC_CR) |= HSION;
    (void)stm32_wait(RCC_SR, HSIRDY, HSIRDY);
    stm32_modify(RCC_HSICFGR, HSIDIV, 0u);
    stm32_modify(RCC_CFGR1, SWITCHES, 0u);
    (void)stm32_wait(RCC_CFGR1, SWITCHED, 0u);
    stm32_modify(RCC_CFGR2, PRESCALERS, 0u);
    STM32_REG(RCC_MEMLPENSR) = AXISRAM_1_2;
    STM32_REG(RCC_APB2LPENSR) = USART1LPEN;
    return (stm32_clocks_t){HSI_HZ, HSI_HZ, HSI_HZ};
}
