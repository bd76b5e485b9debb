/* Clocks of the F4, with prefetch and both caches of the flash interface: RM0090 "FLASH_ACR". */
#include "rcc_f4.h"

#define PREFETCH_AND_CACHES ((1u << 8) | (1u << 9) | (1u << 10)) /* PRFTEN, ICEN, DCEN */

stm32_clocks_t stm32_start_clocks(void)
{
    return start_clocks(PREFETCH_AND_CACHES);
}
