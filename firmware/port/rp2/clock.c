/* Clocks: RP2040 Datasheet 2.16 "Crystal Oscillator (XOSC)", 2.18 "PLL", 2.15 "Clocks", 4.7
 * "Watchdog".
 */
#include "board_config.h"
#include "rp2040.h"

#define RESETS_RESET 0x4000C000u
#define RESETS_RESET_DONE 0x4000C008u

#define XOSC_CTRL 0x40024000u
#define XOSC_CTRL_1_15_MHZ 0xAA0u
#define XOSC_CTRL_ENABLE (0xFABu << 12)
#define XOSC_STATUS 0x40024004u
#define XOSC_STATUS_STABLE (1u << 31)
#define XOSC_STARTUP 0x4002400Cu
#define XOSC_STARTUP_DELAY ((MLUT_OSCILLATOR_HZ / 1000u + 128u) / 256u) /* 1 ms, in 256 cycles */

#define PLL_CS 0x40028000u
#define PLL_CS_LOCK (1u << 31)
#define PLL_CS_REFDIV 1u
#define PLL_PWR 0x40028004u
#define PLL_PWR_PD_VCOPD ((1u << 5) | 1u)
#define PLL_PWR_POSTDIVPD (1u << 3)
#define PLL_FBDIV_INT 0x40028008u
#define PLL_PRIM 0x4002800Cu
#define POSTDIV 12u /* 6 times 2; the VCO's 750 to 1600 MHz give 63 to 133 MHz */
#define PLL_PRIM_POSTDIV ((6u << 16) | (2u << 12))
#define VCO_HZ (POSTDIV * MLUT_CLOCK_HZ)

#define CLK_REF_CTRL 0x40008030u
#define CLK_REF_XOSC 2u
#define CLK_REF_SELECTED 0x40008038u
#define CLK_SYS_CTRL 0x4000803Cu
#define CLK_SYS_REF 0u
#define CLK_SYS_AUX 1u /* with AUXSRC 0: PLL_SYS */
#define CLK_SYS_SELECTED 0x40008044u
#define CLK_PERI_CTRL 0x40008048u
#define CLK_PERI_ENABLE (1u << 11) /* with AUXSRC 0: the system's clock */

#define WATCHDOG_TICK 0x4005802Cu
#define TICK_ENABLE (1u << 9)

#define RING_OSCILLATOR_HZ 6500000u /* 2.17: about that after reset */

#if MLUT_OSCILLATOR_HZ < 5000000u || MLUT_OSCILLATOR_HZ > 15000000u
#error "the RP2040 needs a crystal of 5 to 15 MHz; write oscillator = { hz = 12_000_000 }"
#endif
#if MLUT_CLOCK_HZ < 63000000u || MLUT_CLOCK_HZ > 133000000u
#error "clock_hz can be 63_000_000 to 133_000_000"
#endif
#if (12u * MLUT_CLOCK_HZ) % MLUT_OSCILLATOR_HZ != 0u
#error "12 times clock_hz must be a multiple of the crystal's frequency"
#endif

#define TRIES 100000u /* over 30 ms at the clock after reset */

bool rp2040_wait(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t tries = TRIES; tries > 0u; tries--) {
        if ((RP_REG(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

void rp2040_unreset(uint32_t blocks)
{
    RP_REG(RESETS_RESET) &= ~blocks;
    (void)rp2040_wait(RESETS_RESET_DONE, blocks, blocks);
}

/* The "selected" registers have one bit a source. */
static bool select_source(uint32_t control, uint32_t source, uint32_t selected)
{
    RP_REG(control) = source;
    return rp2040_wait(selected, 1u << source, 1u << source);
}

static bool start_crystal(void)
{
    RP_REG(XOSC_CTRL) = XOSC_CTRL_1_15_MHZ;
    RP_REG(XOSC_STARTUP) = XOSC_STARTUP_DELAY;
    RP_REG(XOSC_CTRL) = XOSC_CTRL_1_15_MHZ | XOSC_CTRL_ENABLE;
    return rp2040_wait(XOSC_STATUS, XOSC_STATUS_STABLE, XOSC_STATUS_STABLE) &&
           select_source(CLK_REF_CTRL, CLK_REF_XOSC, CLK_REF_SELECTED);
}

static bool start_pll(void)
{
    rp2040_unreset(RP_RESET_PLL_SYS);
    RP_REG(PLL_CS) = PLL_CS_REFDIV;
    RP_REG(PLL_FBDIV_INT) = VCO_HZ / MLUT_OSCILLATOR_HZ;
    RP_REG(PLL_PWR) &= ~PLL_PWR_PD_VCOPD;
    if (!rp2040_wait(PLL_CS, PLL_CS_LOCK, PLL_CS_LOCK)) {
        RP_REG(PLL_PWR) |= PLL_PWR_PD_VCOPD;
        return false;
    }
    RP_REG(PLL_PRIM) = PLL_PRIM_POSTDIV;
    RP_REG(PLL_PWR) &= ~PLL_PWR_POSTDIVPD;
    RP_REG(CLK_SYS_CTRL) = CLK_SYS_REF; /* what the PLL is must not change under the core */
    return select_source(CLK_SYS_CTRL, CLK_SYS_AUX, CLK_SYS_SELECTED);
}

uint32_t rp2040_start_clocks(void)
{
    if (RP_REG(CLK_SYS_SELECTED) == 1u << CLK_SYS_AUX) {
        return MLUT_CLOCK_HZ;
    }
    RP_REG(CLK_PERI_CTRL) = CLK_PERI_ENABLE;
    if (!start_crystal()) {
        return RING_OSCILLATOR_HZ;
    }
    RP_REG(WATCHDOG_TICK) = TICK_ENABLE | MLUT_OSCILLATOR_HZ / 1000000u;
    return start_pll() ? MLUT_CLOCK_HZ : MLUT_OSCILLATOR_HZ;
}
