/* Clocks of the F405, F407, F415 and F417, with prefetch and both caches of the flash interface:
 * RM0090 "FLASH_ACR" and "PWR power control register (PWR_CR)" for these.
 */
#include "board_config.h"

#define VOLTAGE_SCALE_1 (1u << 14) /* VOS has one bit */

#if MLUT_CLOCK_HZ > 168000000u
#error                                                                                             \
    "voltage scale 1 allows clock_hz up to 168_000_000; an F42x, F43x or F446 has port = \"stm32/f446\""
#endif

#include "rcc_f4.h"

#define PREFETCH_AND_CACHES ((1u << 8) | (1u << 9) | (1u << 10)) /* PRFTEN, ICEN, DCEN */

stm32_clocks_t stm32_start_clocks(void)
{
    return start_clocks(PREFETCH_AND_CACHES);
}
