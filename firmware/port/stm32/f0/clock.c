/* Clocks of the F0: one APB, as fast as the core. */
#include "rcc_f1.h"

stm32_clocks_t stm32_start_clocks(void)
{
    static uint32_t core_hz;
    if ((STM32_REG(RCC_CFGR) & (0x3u << 2)) != SWS_PLL) {
        core_hz = start_core_clock(0u);
    }
    return (stm32_clocks_t){core_hz, core_hz, core_hz};
}
