/* Nordic nRF51: UART0, and TIMER0 at 1 MHz; the core always runs at 16 MHz, without wait states.
 *
 * Registers: nRF51 Series Reference Manual v3.0, chapters 13 "Clock management (CLOCK)", 18 "Timer/
 * counter (TIMER)" and 29 "Universal Asynchronous Receiver/Transmitter (UART)".
 */
#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define GPIO_OUTSET REG(0x50000508u)
#define GPIO_DIRSET REG(0x50000518u)

#define CLOCK_HFCLKSTART REG(0x40000000u)
#define CLOCK_HFCLKSTARTED REG(0x40000100u)
#define CRYSTAL_TRIES 100000u /* some 50 ms; the crystal takes 1 ms */

#define UART_STARTRX REG(0x40002000u)
#define UART_STARTTX REG(0x40002008u)
#define UART_RXDRDY REG(0x40002108u)
#define UART_TXDRDY REG(0x4000211Cu)
#define UART_INTENSET REG(0x40002304u)
#define UART_INT_RXDRDY (1u << 2)
#define UART_ENABLE REG(0x40002500u)
#define UART_ENABLED 4u
#define UART_PSELTXD REG(0x4000250Cu)
#define UART_PSELRXD REG(0x40002514u)
#define UART_RXD REG(0x40002518u)
#define UART_TXD REG(0x4000251Cu)
#define UART_BAUDRATE REG(0x40002524u)
#define UART_IRQ 2u

/* 16 MHz is 2^32; the hardware takes multiples of 2^12 only. */
#define BAUDRATE_VALUE                                                                             \
    (((uint32_t)(((uint64_t)MLUT_CONSOLE_BAUD << 32) / 16000000u) + 0x800u) & ~0xFFFu)

#define TIMER0_START REG(0x40008000u)
#define TIMER0_STOP REG(0x40008004u)
#define TIMER0_CLEAR REG(0x4000800Cu)
#define TIMER0_CAPTURE0 REG(0x40008040u)
#define TIMER0_MODE REG(0x40008504u)
#define TIMER0_BITMODE REG(0x40008508u)
#define TIMER0_32_BITS 3u
#define TIMER0_PRESCALER REG(0x40008510u)
#define TIMER0_1_MHZ 4u
#define TIMER0_CC0 REG(0x40008540u)

#if MLUT_CLOCK_HZ != 16000000u
#error "the nRF51 runs at 16 MHz; write clock_hz = 16_000_000"
#endif

/* The crystal instead of the RC oscillator, if there is one. */
static void start_crystal(void)
{
    CLOCK_HFCLKSTARTED = 0u;
    CLOCK_HFCLKSTART = 1u;
    for (uint32_t tries = CRYSTAL_TRIES; tries > 0u && CLOCK_HFCLKSTARTED == 0u; tries--) {
    }
}

static void start_timer(void)
{
    TIMER0_STOP = 1u;
    TIMER0_MODE = 0u;
    TIMER0_BITMODE = TIMER0_32_BITS;
    TIMER0_PRESCALER = TIMER0_1_MHZ;
    TIMER0_CLEAR = 1u;
    TIMER0_START = 1u;
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    start_crystal();
    start_timer();
    GPIO_OUTSET = 1u << MLUT_CONSOLE_TX_PIN; /* the line's idle state */
    GPIO_DIRSET = 1u << MLUT_CONSOLE_TX_PIN;
    UART_PSELTXD = MLUT_CONSOLE_TX_PIN;
    UART_PSELRXD = MLUT_CONSOLE_RX_PIN;
    UART_BAUDRATE = BAUDRATE_VALUE;
    UART_ENABLE = UART_ENABLED;
    UART_RXDRDY = 0u;
    UART_INTENSET = UART_INT_RXDRDY;
    UART_STARTTX = 1u;
    UART_STARTRX = 1u;
}

int mlut_port_read(void)
{
    while (UART_RXDRDY == 0u) {
        mlut_sleep_until(UART_IRQ);
    }
    UART_RXDRDY = 0u;
    return (int)(UART_RXD & 0xFFu);
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        UART_TXDRDY = 0u;
        UART_TXD = (uint8_t)text[i];
        while (UART_TXDRDY == 0u) {
        }
    }
}

uint64_t mlut_port_microseconds(void)
{
    static uint64_t total;
    static uint32_t last;
    TIMER0_CAPTURE0 = 1u;
    uint32_t now = TIMER0_CC0;
    total += now - last; /* modulo 2^32, so right across one wrap */
    last = now;
    return total;
}
