/* Clocks of the F411, with prefetch and both caches of the flash interface: RM0383
 * "FLASH_ACR" and "PWR power control register (PWR_CR)".
 */
#include "board_config.h"

#define VOLTAGE_SCALE_1 (3u << 14)

#if MLUT_CLOCK_HZ > 100000000u
#error "voltage scale 1 allows clock_hz up to 100_000_000"
#endif

#include "rcc_f4.h"

#define PREFETCH_AND_CACHES ((1u << 8) | (1u << 9) | (1u << 10)) /* PRFTEN, ICEN, DCEN */

stm32_clocks_t stm32_start_clocks(void)
{
    return start_clocks(PREFETCH_AND_CACHES);
}
