/* The crystal and the instruction cache: Product Specification, "CLOCK - Clock control", "NVMC -
 * Non-volatile memory controller" and "Access port protection".
 */
#include "board_config.h"
#include "nrf.h"

#define CLOCK_TASKS_HFCLKSTART 0x40000000u
#define CLOCK_HFCLKSTAT 0x4000040Cu
#define HFCLK_IS_RUNNING_CRYSTAL ((1u << 16) | 1u) /* STATE and SRC */
#define CRYSTAL_TRIES 200000u                      /* over 10 ms; the crystal takes 0.4 ms */

#define NVMC_ICACHECNF 0x4001E540u
#define ICACHECNF_CACHEEN 1u

#define UICR_APPROTECT 0x10001208u
#define APPROTECT_DISABLE 0x40000558u
#define APPROTECT_IS_OFF 0x5Au /* HwDisabled in the first, SwDisable in the second */

#if MLUT_CLOCK_HZ != 64000000u
#error "the nRF52840 and the nRF52833 run at 64 MHz; write clock_hz = 64_000_000"
#endif
#if MLUT_OSCILLATOR_HZ != 0u && MLUT_OSCILLATOR_HZ != 32000000u
#error                                                                                             \
    "the nRF52840 and the nRF52833 need a crystal of 32 MHz; write oscillator = { hz = 32_000_000 } or none"
#endif

/* From revision 3 on, a debugger that unlocked the chip is locked out by every reset until the
 * firmware agrees ("Access port protection"). */
static void keep_debugger(void)
{
    if (NRF_REG(UICR_APPROTECT) == APPROTECT_IS_OFF) {
        NRF_REG(APPROTECT_DISABLE) = APPROTECT_IS_OFF;
    }
}

bool nrf_start_clocks(void)
{
    keep_debugger();
    NRF_REG(NVMC_ICACHECNF) |= ICACHECNF_CACHEEN;
    if (MLUT_OSCILLATOR_HZ == 0u) {
        return false;
    }
    NRF_REG(CLOCK_TASKS_HFCLKSTART) = 1u;
    for (uint32_t tries = CRYSTAL_TRIES; tries > 0u; tries--) {
        uint32_t running = NRF_REG(CLOCK_HFCLKSTAT) & HFCLK_IS_RUNNING_CRYSTAL;
        if (running == HFCLK_IS_RUNNING_CRYSTAL) {
            return true;
        }
    }
    return false;
}
