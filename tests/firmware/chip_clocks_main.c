/* Runs the clock code of one chip on registers in memory, and prints what it left there.
 *
 * argv[1]: what runs, any of "x" (what clocks the chip from outside) and "p" (its PLL). The rest:
 * pairs ADDRESS=VALUE, words that registers have after reset. FAKE_START starts the clocks and
 * gives the core's frequency; FAKE_FOLLOW is one of the chips below.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTERS 64u

static struct {
    uint32_t address;
    uint32_t value;
} words[REGISTERS];
static unsigned used;
static const char *running;

static uint32_t *word_at(uint32_t address)
{
    for (unsigned i = 0; i < used; i++) {
        if (words[i].address == address) {
            return &words[i].value;
        }
    }
    if (used == REGISTERS) {
        abort();
    }
    words[used].address = address;
    return &words[used++].value;
}

static void put(uint32_t address, uint32_t mask, uint32_t value)
{
    uint32_t *word = word_at(address);
    *word = (*word & ~mask) | (value & mask);
}

static bool runs(char what)
{
    return strchr(running, what) != NULL;
}

static inline void follow_nrf52840(void)
{
    bool started = runs('x') && *word_at(0x40000000u) == 1u;
    put(0x4000040Cu, 0x00010001u, started ? 0x00010001u : 0x00010000u);
}

static inline void follow_nrf54l(void)
{
    put(0x50120804u, 3u, *word_at(0x50120800u));
    bool started = runs('x') && *word_at(0x5010E000u) == 1u;
    put(0x5010E40Cu, 1u << 16, started ? 1u << 16 : 0u);
}

/* C1 is byte 0 of the first word; C5, C6 and S are bytes 0, 1 and 2 of the second. */
static inline void follow_k64(void)
{
    uint32_t c1 = *word_at(0x40064000u) & 0xFFu;
    bool pll = (*word_at(0x40064004u) & 0x4000u) != 0u;
    bool reference = (c1 & 4u) != 0u; /* the internal one */
    if (!reference && !runs('x')) {
        return; /* what switches waits for edges of a clock that has none */
    }
    uint32_t source = c1 >> 6 == 0u && pll && runs('p') ? 3u : c1 >> 6;
    uint32_t status = source << 2 | (reference ? 0x10u : 0u) | (pll && runs('p') ? 0x60u : 0u);
    put(0x40064004u, 0x007C0000u, status << 16);
}

static inline void follow_rp2(
    uint32_t resets, uint32_t pll_reset, uint32_t xosc, uint32_t pll, uint32_t clocks)
{
    uint32_t reset = *word_at(resets);
    put(resets + 0x08u, 0xFFFFFFFFu, ~reset);
    bool crystal = runs('x') && (*word_at(xosc) & 0xFFFFFFu) == 0xFABAA0u;
    put(xosc + 0x04u, 1u << 31, crystal ? 1u << 31 : 0u);
    bool locks = runs('p') && (reset & pll_reset) == 0u && (*word_at(pll + 0x04u) & 0x21u) == 0u;
    put(pll, 1u << 31, locks ? 1u << 31 : 0u);
    put(clocks + 0x38u, 7u, 1u << (*word_at(clocks + 0x30u) & 3u));
    put(clocks + 0x44u, 3u, 1u << (*word_at(clocks + 0x3Cu) & 1u));
}

static inline void follow_rp2040(void)
{
    follow_rp2(0x4000C000u, 1u << 12, 0x40024000u, 0x40028000u, 0x40008000u);
}

static inline void follow_rp2350(void)
{
    follow_rp2(0x40020000u, 1u << 14, 0x40048000u, 0x40050000u, 0x40010000u);
}

/* Every access first lets the hardware follow what was written before. */
volatile void *fake_register(uint32_t address)
{
    FAKE_FOLLOW();
    return (uint8_t *)word_at(address & ~3u) + (address & 3u);
}

int main(int argc, char **argv)
{
    running = argv[1];
    for (int i = 2; i < argc; i++) {
        char *end = NULL;
        uint32_t address = (uint32_t)strtoul(argv[i], &end, 16);
        *word_at(address) = (uint32_t)strtoul(end + 1, NULL, 16);
    }
    unsigned long first = FAKE_START;
    unsigned long again = FAKE_START;
    FAKE_FOLLOW();
    printf("%lu %lu\n", first, again);
    for (unsigned i = 0; i < used; i++) {
        printf("%08x %08x\n", (unsigned)words[i].address, (unsigned)words[i].value);
    }
    return 0;
}
