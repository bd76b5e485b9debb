/* Watchdog and clocks: Reference Manual, "Watchdog Timer (WDOG)", "Multipurpose Clock Generator
 * (MCG)" and "System Integration Module (SIM)"; limits of "Internal clocking requirements" and of
 * the data sheet K64P144M120SF5. Cache and prefetch of the flash are on, and its wait states right
 * for every divider, after reset ("Flash Memory Controller (FMC)").
 */
#include "board_config.h"
#include "mk64f12.h"

#include <stdbool.h>

#define WDOG_STCTRLH 0x40052000u
#define STCTRLH_WDOGEN 0x0001u
#define WDOG_UNLOCK 0x4005200Eu
#define UNLOCK_FIRST 0xC520u
#define UNLOCK_SECOND 0xD928u

#define MCG_C1 0x40064000u
#define C1_CLKS_EXTERNAL (2u << 6)
#define C1_FRDIV_1536 (7u << 3)  /* even unused the FLL must see 31.25 to 39.06 kHz */
#define C1_AFTER_RESET (1u << 2) /* IREFS */
#define MCG_C2 0x40064001u
#define C2_RANGE_VERY_HIGH (2u << 4)
#define C2_LP_EREFS_RANGE ((1u << 1) | (1u << 2) | (3u << 4))
#define MCG_C5 0x40064004u
#define MCG_C6 0x40064005u
#define C6_PLLS (1u << 6)
#define MCG_S 0x40064006u
#define S_CLKST (3u << 2)
#define S_CLKST_EXTERNAL (2u << 2)
#define S_CLKST_PLL (3u << 2)
#define S_IREFST (1u << 4)
#define S_PLLST_LOCK (3u << 5)

#define SIM_CLKDIV1 0x40048044u
/* core 1, bus 2 (at most 60 MHz), FlexBus 3 (50 MHz), flash 5 (25 MHz) */
#define CLKDIV1 ((0u << 28) | (1u << 24) | (2u << 20) | (4u << 16))
#define CLKDIV1_AFTER_RESET 0x00110000u
#define AFTER_RESET_HZ 20971520u /* FLL: 640 times the internal 32,768 Hz */

/* The PLL's input is 2 to 4 MHz, its output 24 to 55 times that. */
#define PLL_INPUT_HZ 2500000u
#define PRDIV (MLUT_OSCILLATOR_HZ / PLL_INPUT_HZ - 1u)
#define VDIV (MLUT_CLOCK_HZ / PLL_INPUT_HZ - 24u)

#if MLUT_OSCILLATOR_HZ != 50000000u || !MLUT_OSCILLATOR_BYPASS
#error "this port needs oscillator = { hz = 50_000_000, bypass = true }"
#endif
#if MLUT_CLOCK_HZ < 60000000u || MLUT_CLOCK_HZ > 120000000u || MLUT_CLOCK_HZ % 5000000u != 0u
#error "clock_hz can be 60_000_000 to 120_000_000, in steps of 5 MHz"
#endif

#define TRIES 200000u /* over 40 ms at the clock after reset; the PLL takes below 1 ms */

static bool wait(uint32_t mask, uint32_t value)
{
    for (uint32_t tries = TRIES; tries > 0u; tries--) {
        if ((K64_REG8(MCG_S) & mask) == value) {
            return true;
        }
    }
    return false;
}

/* It would reset the chip after 0.24 s. The two keys must come within 20 bus cycles of each other
 * ("Unlocking and updating the watchdog"). */
static void stop_watchdog(void)
{
    uint16_t control = K64_REG16(WDOG_STCTRLH);
    if ((control & STCTRLH_WDOGEN) != 0u) {
        K64_REG16(WDOG_UNLOCK) = UNLOCK_FIRST;
        K64_REG16(WDOG_UNLOCK) = UNLOCK_SECOND;
        K64_REG16(WDOG_STCTRLH) = (uint16_t)(control & ~STCTRLH_WDOGEN);
    }
}

/* Modes FEI, FBE, PBE, PEE, as in "MCG mode switching", but with a ready clock for a crystal. */
static bool switch_to_pll(void)
{
    K64_REG32(SIM_CLKDIV1) = CLKDIV1;
    uint32_t c2 = K64_REG8(MCG_C2) & ~C2_LP_EREFS_RANGE;
    K64_REG8(MCG_C2) = (uint8_t)(c2 | C2_RANGE_VERY_HIGH);
    K64_REG8(MCG_C1) = C1_CLKS_EXTERNAL | C1_FRDIV_1536;
    if (!wait(S_IREFST | S_CLKST, S_CLKST_EXTERNAL)) {
        return false;
    }
    K64_REG8(MCG_C5) = PRDIV;
    K64_REG8(MCG_C6) = C6_PLLS | VDIV;
    if (!wait(S_PLLST_LOCK, S_PLLST_LOCK)) {
        return false;
    }
    K64_REG8(MCG_C1) = C1_FRDIV_1536;
    return wait(S_CLKST, S_CLKST_PLL);
}

k64_clocks_t k64_start_clocks(void)
{
    stop_watchdog();
    bool fast = (K64_REG8(MCG_S) & S_CLKST) == S_CLKST_PLL;
    if (fast || switch_to_pll()) {
        return (k64_clocks_t){MLUT_CLOCK_HZ, MLUT_CLOCK_HZ / 2u};
    }
    K64_REG8(MCG_C1) = C1_AFTER_RESET;
    K64_REG8(MCG_C6) = 0u;
    (void)wait(S_IREFST | S_CLKST, S_IREFST);
    K64_REG32(SIM_CLKDIV1) = CLKDIV1_AFTER_RESET;
    return (k64_clocks_t){AFTER_RESET_HZ, AFTER_RESET_HZ};
}
