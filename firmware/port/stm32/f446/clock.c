/* Clocks of the F42x, F43x and F446, with prefetch and both caches of the flash interface: RM0090,
 * RM0390 "FLASH_ACR" and "PWR power control register (PWR_CR)".
 */
#include "board_config.h"

#define VOLTAGE_SCALE_1 (3u << 14)

#if MLUT_CLOCK_HZ > 180000000u
#error "voltage scale 1 with over-drive allows clock_hz up to 180_000_000"
#endif

#include "rcc_f4.h"

#define PREFETCH_AND_CACHES ((1u << 8) | (1u << 9) | (1u << 10)) /* PRFTEN, ICEN, DCEN */

stm32_clocks_t stm32_start_clocks(void)
{
    return start_clocks(PREFETCH_AND_CACHES);
}
