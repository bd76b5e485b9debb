/* Clocks of the F7, with prefetch and the ART accelerator of the flash interface (RM0385
 * "FLASH_ACR"), and the core's caches, through which the flash at 0x08000000 is read.
 */
#include "cortex_m.h"
#include "rcc_f4.h"

#define PREFETCH_AND_ART ((1u << 8) | (1u << 9)) /* PRFTEN, ARTEN */

stm32_clocks_t stm32_start_clocks(void)
{
    mlut_enable_caches();
    return start_clocks(PREFETCH_AND_ART);
}
