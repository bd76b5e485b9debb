/* Clocks of the F1: APB1 is halved, for it must stay below 36 MHz. */
#include "rcc_f1.h"

#define APB1_HALVED (0x4u << 8)

stm32_clocks_t stm32_start_clocks(void)
{
    static uint32_t core_hz;
    if ((STM32_REG(RCC_CFGR) & (0x3u << 2)) != SWS_PLL) {
        core_hz = start_core_clock(APB1_HALVED);
    }
    bool fast = core_hz != HSI_HZ;
    return (stm32_clocks_t){core_hz, fast ? core_hz / 2u : core_hz, core_hz};
}
