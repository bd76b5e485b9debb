/* Clocks: RP2040 Datasheet 2.16 "Crystal Oscillator (XOSC)", 2.18 "PLL", 2.15 "Clocks", 4.7
 * "Watchdog"; RP2350 Datasheet 8.2, 8.6, 8.1.
 */
#include "board_config.h"
#include "rp2.h"

#define RESETS_RESET (RP_RESETS + 0x00u)
#define RESETS_RESET_DONE (RP_RESETS + 0x08u)

#define XOSC_CTRL (RP_XOSC + 0x00u)
#define XOSC_CTRL_1_15_MHZ 0xAA0u
#define XOSC_CTRL_ENABLE (0xFABu << 12)
#define XOSC_STATUS (RP_XOSC + 0x04u)
#define XOSC_STATUS_STABLE (1u << 31)
#define XOSC_STARTUP (RP_XOSC + 0x0Cu)
#define XOSC_STARTUP_DELAY ((MLUT_OSCILLATOR_HZ / 1000u + 128u) / 256u) /* 1 ms, in 256 cycles */

#define PLL_CS (RP_PLL_SYS + 0x00u)
#define PLL_CS_LOCK (1u << 31)
#define PLL_CS_REFDIV 1u
#define PLL_PWR (RP_PLL_SYS + 0x04u)
#define PLL_PWR_PD_VCOPD ((1u << 5) | 1u)
#define PLL_PWR_POSTDIVPD (1u << 3)
#define PLL_FBDIV_INT (RP_PLL_SYS + 0x08u)
#define PLL_PRIM (RP_PLL_SYS + 0x0Cu)
#define POSTDIV (RP_POSTDIV_1 * 2u) /* of the VCO's 750 to 1600 MHz */
#define PLL_PRIM_POSTDIV ((RP_POSTDIV_1 << 16) | (2u << 12))
#define VCO_HZ (POSTDIV * MLUT_CLOCK_HZ)

#define CLK_REF_CTRL (RP_CLOCKS + 0x30u)
#define CLK_REF_XOSC 2u
#define CLK_REF_SELECTED (RP_CLOCKS + 0x38u)
#define CLK_SYS_CTRL (RP_CLOCKS + 0x3Cu)
#define CLK_SYS_REF 0u
#define CLK_SYS_AUX 1u /* with AUXSRC 0: PLL_SYS */
#define CLK_SYS_SELECTED (RP_CLOCKS + 0x44u)
#define CLK_PERI_CTRL (RP_CLOCKS + 0x48u)
#define CLK_PERI_ENABLE (1u << 11) /* with AUXSRC 0: the system's clock */

#define TICK_ENABLE (1u << 9) /* of the RP2040's watchdog, which everything else takes it from */

#if MLUT_OSCILLATOR_HZ < 5000000u || MLUT_OSCILLATOR_HZ > 15000000u
#error                                                                                             \
    "the RP2040 and the RP2350 need a crystal of 5 to 15 MHz; write oscillator = { hz = 12_000_000 }"
#endif
#if VCO_HZ % MLUT_OSCILLATOR_HZ != 0u
#error "12 times clock_hz (RP2350: 10 times) must be a multiple of the crystal's frequency"
#endif

#define TRIES 100000u /* over 30 ms at the clock after reset */

bool rp2_wait(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t tries = TRIES; tries > 0u; tries--) {
        if ((RP_REG(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

void rp2_unreset(uint32_t blocks)
{
    RP_REG(RESETS_RESET) &= ~blocks;
    (void)rp2_wait(RESETS_RESET_DONE, blocks, blocks);
}

/* The "selected" registers have one bit a source. */
static bool select_source(uint32_t control, uint32_t source, uint32_t selected)
{
    RP_REG(control) = source;
    return rp2_wait(selected, 1u << source, 1u << source);
}

static bool start_crystal(void)
{
    RP_REG(XOSC_CTRL) = XOSC_CTRL_1_15_MHZ;
    RP_REG(XOSC_STARTUP) = XOSC_STARTUP_DELAY;
    RP_REG(XOSC_CTRL) = XOSC_CTRL_1_15_MHZ | XOSC_CTRL_ENABLE;
    return rp2_wait(XOSC_STATUS, XOSC_STATUS_STABLE, XOSC_STATUS_STABLE) &&
           select_source(CLK_REF_CTRL, CLK_REF_XOSC, CLK_REF_SELECTED);
}

static bool start_pll(void)
{
    rp2_unreset(RP_RESET_PLL_SYS);
    RP_REG(PLL_CS) = PLL_CS_REFDIV;
    RP_REG(PLL_FBDIV_INT) = VCO_HZ / MLUT_OSCILLATOR_HZ;
    RP_REG(PLL_PWR) &= ~PLL_PWR_PD_VCOPD;
    if (!rp2_wait(PLL_CS, PLL_CS_LOCK, PLL_CS_LOCK)) {
        RP_REG(PLL_PWR) |= PLL_PWR_PD_VCOPD;
        return false;
    }
    RP_REG(PLL_PRIM) = PLL_PRIM_POSTDIV;
    RP_REG(PLL_PWR) &= ~PLL_PWR_POSTDIVPD;
    RP_REG(CLK_SYS_CTRL) = CLK_SYS_REF; /* what the PLL is must not change under the core */
    return select_source(CLK_SYS_CTRL, CLK_SYS_AUX, CLK_SYS_SELECTED);
}

uint32_t rp2_start_clocks(void)
{
    if (RP_REG(CLK_SYS_SELECTED) == 1u << CLK_SYS_AUX) {
        return MLUT_CLOCK_HZ;
    }
    RP_REG(CLK_PERI_CTRL) = CLK_PERI_ENABLE;
    if (!start_crystal()) {
        return RP_RING_OSCILLATOR_HZ;
    }
#if defined(RP_WATCHDOG_TICK)
    RP_REG(RP_WATCHDOG_TICK) = TICK_ENABLE | MLUT_OSCILLATOR_HZ / 1000000u;
#endif
    return start_pll() ? MLUT_CLOCK_HZ : MLUT_OSCILLATOR_HZ;
}
