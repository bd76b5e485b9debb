/* The crystal, the PLL and the cache: Product Specification, "CLOCK - Clock control", "OSCILLATORS
 * - Oscillator control", "CACHE - Instruction/data cache", "TAMPC - Tamper controller" and "FICR -
 * Factory information configuration registers"; what has to be done at the start of every program
 * as in Nordic's system_nrf54l.c, without what only chips of revision 1 need.
 */
#include "board_config.h"
#include "nrf.h"

#define CLOCK_TASKS_XOSTART 0x5010E000u
#define CLOCK_XO_STAT 0x5010E40Cu
#define XO_RUNNING (1u << 16)
#define CRYSTAL_TRIES 400000u /* over 10 ms; the crystal takes less than one */

#define PLL_FREQ 0x50120800u
#define PLL_CURRENTFREQ 0x50120804u
#define FREQ_BITS 0x3u
#if MLUT_CLOCK_HZ == 128000000u
#define FREQ 0x1u
#elif MLUT_CLOCK_HZ == 64000000u
#define FREQ 0x3u
#else
#error "the nRF54L runs at 128 or 64 MHz; write clock_hz = 128_000_000 or 64_000_000"
#endif
#if MLUT_OSCILLATOR_HZ != 0u && MLUT_OSCILLATOR_HZ != 32000000u
#error "the nRF54L needs a crystal of 32 MHz; write oscillator = { hz = 32_000_000 } or none"
#endif

#define CACHE_ENABLE 0xE0082404u

/* Pairs of an address and what belongs there; the list ends with an empty one. */
#define FICR_TRIMCNF 0x00FFC400u
#define TRIMS 64u

#define TAD_ERRATUM_37 0x5005340Cu
#define TRIM_OF_EARLY_CHIPS 0x50120440u
#define EARLY_TRIM 0xC8u

/* Signals of the debug port: of the domain (DBGEN, NIDEN, SPIDEN, SPNIDEN) and the access port. */
#define TAMPC_PROTECT 0x500DC500u
#define TAMPC_SIGNALS {0x000u, 0x008u, 0x010u, 0x018u, 0x200u}
#define SIGNAL_LOCKED (1u << 1)
#define SIGNAL_KEY (0x50FAu << 16)
#define SIGNAL_UNPROTECT (SIGNAL_KEY | 0xF0u)
#define SIGNAL_OPEN (SIGNAL_KEY | 1u)

static void trim(void)
{
    NRF_REG(TAD_ERRATUM_37) = 1u;
    for (uint32_t i = 0; i < TRIMS; i++) {
        uint32_t address = NRF_REG(FICR_TRIMCNF + 8u * i);
        if (address == 0u || address == 0xFFFFFFFFu) {
            break;
        }
        NRF_REG(address) = NRF_REG(FICR_TRIMCNF + 8u * i + 4u);
    }
    if (NRF_REG(TRIM_OF_EARLY_CHIPS) == 0u) {
        NRF_REG(TRIM_OF_EARLY_CHIPS) = EARLY_TRIM;
    }
}

/* A debugger is locked out by every reset until the firmware agrees. */
static void keep_debugger(void)
{
    static const uint16_t signals[] = TAMPC_SIGNALS;
    for (uint32_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        uint32_t control = TAMPC_PROTECT + signals[i];
        if ((NRF_REG(control) & SIGNAL_LOCKED) == 0u) {
            NRF_REG(control) = SIGNAL_UNPROTECT;
            NRF_REG(control) = SIGNAL_OPEN;
        }
    }
}

static bool wait(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t tries = CRYSTAL_TRIES; tries > 0u; tries--) {
        if ((NRF_REG(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

bool nrf_start_clocks(void)
{
    NRF_REG(PLL_FREQ) = FREQ;
    keep_debugger();
    trim();
    NRF_REG(CACHE_ENABLE) = 1u;
    bool fast = wait(PLL_CURRENTFREQ, FREQ_BITS, FREQ);
    if (MLUT_OSCILLATOR_HZ == 0u) {
        return false;
    }
    NRF_REG(CLOCK_TASKS_XOSTART) = 1u;
    return wait(CLOCK_XO_STAT, XO_RUNNING, XO_RUNNING) && fast;
}
