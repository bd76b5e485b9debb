/* Clocks of the F7, with prefetch and the ART accelerator of the flash interface (RM0385
 * "FLASH_ACR"), and the core's caches, through which the flash at 0x08000000 is read.
 */
#include "board_config.h"
#include "cortex_m.h"

#define VOLTAGE_SCALE_1 (3u << 14)

#if MLUT_CLOCK_HZ > 216000000u
#error "voltage scale 1 with over-drive allows clock_hz up to 216_000_000"
#endif

#include "rcc_f4.h"

#define PREFETCH_AND_ART ((1u << 8) | (1u << 9)) /* PRFTEN, ARTEN */

stm32_clocks_t stm32_start_clocks(void)
{
    mlut_enable_caches();
    return start_clocks(PREFETCH_AND_ART);
}
