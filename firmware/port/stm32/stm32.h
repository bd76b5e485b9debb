/* What every STM32 family tells the port, and what the port gives to all: see family.h, clock.c.
 *
 * Addresses and bits are those of the reference manuals that the families' files name, compared
 * with ST's CMSIS device headers.
 */
#ifndef MLUT_STM32_H
#define MLUT_STM32_H

#include <stdbool.h>
#include <stdint.h>

#ifndef STM32_REG /* tests put registers in memory */
#define STM32_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))
#endif

typedef struct {
    uint32_t core_hz, apb1_hz, apb2_hz;
} stm32_clocks_t;

typedef struct {
    uint32_t base;
    uint32_t enable; /* address of the RCC register that gives it its clock */
    uint8_t enable_bit;
    uint8_t interrupt;
    uint8_t apb;    /* 1 or 2: the bus whose clock it divides */
    bool low_power; /* an LPUART, which divides 256 times that clock */
} stm32_uart_t;

/* Sets the clocks, flash wait states and caches for MLUT_CLOCK_HZ, and returns the clocks.
 *
 * If an oscillator or the PLL does not start, as on an emulator without them, the clocks are those
 * after reset. May be called again.
 */
stm32_clocks_t stm32_start_clocks(void);

/* About 0.1 s at the reset clock: ten times what any oscillator or PLL takes. */
#define STM32_TRIES 200000u

/* Waits until the bits under `mask` are `value`; false if they never were. */
static inline bool stm32_wait(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t tries = STM32_TRIES; tries > 0u; tries--) {
        if ((STM32_REG(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

static inline void stm32_modify(uint32_t address, uint32_t mask, uint32_t value)
{
    STM32_REG(address) = (STM32_REG(address) & ~mask) | value;
}

/* RCC_CR of all families: the external oscillator and the (first) PLL. */
#define STM32_HSEON (1u << 16)
#define STM32_HSERDY (1u << 17)
#define STM32_HSEBYP (1u << 18)
#define STM32_PLLON (1u << 24)
#define STM32_PLLRDY (1u << 25)

/* Starts the board's external oscillator; false if it has none, or it does not run. */
static inline bool stm32_start_hse(uint32_t rcc_cr)
{
#if MLUT_OSCILLATOR_HZ > 0
    STM32_REG(rcc_cr) |= MLUT_OSCILLATOR_BYPASS ? STM32_HSEON | STM32_HSEBYP : STM32_HSEON;
    if (stm32_wait(rcc_cr, STM32_HSERDY, STM32_HSERDY)) {
        return true;
    }
    STM32_REG(rcc_cr) &= ~(STM32_HSEON | STM32_HSEBYP);
#else
    (void)rcc_cr;
#endif
    return false;
}

/* Starts the PLL; if it does not lock, it is off again and false is returned. */
static inline bool stm32_start_pll(uint32_t rcc_cr)
{
    STM32_REG(rcc_cr) |= STM32_PLLON;
    if (stm32_wait(rcc_cr, STM32_PLLRDY, STM32_PLLRDY)) {
        return true;
    }
    STM32_REG(rcc_cr) &= ~STM32_PLLON;
    return false;
}

#endif /* MLUT_STM32_H */
