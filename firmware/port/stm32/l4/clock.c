/* Clocks of the L4+, and the supply of its port G: RM0432 "Independent I/O supply rail". */
#include "board_config.h"

#define NEEDS_BOOST (MLUT_CLOCK_HZ > 80000000u)
/* one for each begun 20 MHz in range 1 */
#define WAIT_STATES ((MLUT_CLOCK_HZ - 1u) / 20000000u)

#if MLUT_CLOCK_HZ > 120000000u
#error "the boosted range 1 allows clock_hz up to 120_000_000"
#endif

#include "rcc_l4.h"

#define PWR_CR2 0x40007004u
#define VDDIO2_VALID (1u << 9) /* IOSV: without it the pins PG2 to PG15 are dead */
#define MSI_HZ 4000000u        /* the clock after reset */

stm32_clocks_t stm32_start_clocks(void)
{
    stm32_clocks_t clocks = start_clocks(MSI_HZ);
    STM32_REG(PWR_CR2) |= VDDIO2_VALID;
    return clocks;
}
