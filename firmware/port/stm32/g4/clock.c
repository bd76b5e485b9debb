/* Clocks of the G4: RM0440, and the table "HCLK clock frequency" of ST's stm32g4xx_hal_rcc.c. */
#include "board_config.h"

#define NEEDS_BOOST (MLUT_CLOCK_HZ > 150000000u)
/* one for each begun 34 MHz in the boosted range 1, 30 MHz in the other */
#define WAIT_STATES ((MLUT_CLOCK_HZ - 1u) / (NEEDS_BOOST ? 34000000u : 30000000u))

#if MLUT_CLOCK_HZ > 170000000u
#error "the boosted range 1 allows clock_hz up to 170_000_000"
#endif

#include "rcc_l4.h"

#define HSI_HZ 16000000u /* the clock after reset */

stm32_clocks_t stm32_start_clocks(void)
{
    return start_clocks(HSI_HZ);
}
