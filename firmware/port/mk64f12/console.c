/* The port of the MK64F12: UART and its pins, and DWT's cycle counter.
 *
 * Registers: Reference Manual, "Universal Asynchronous Receiver/Transmitter (UART)", "Port Control
 * and Interrupts (PORT)", "System Clock Gating Control Register 4" and 5, "Interrupt channel
 * assignments".
 */
#include "board_config.h"
#include "cortex_m.h"
#include "mk64f12.h"
#include "port.h"

#include <stdbool.h>

#define PASTE(a, b) a##b
#define UART_NAMED(name) PASTE(K64_, name)
#define K64_UART0 {0x4006A000u, 10u, 31u, false}
#define K64_UART1 {0x4006B000u, 11u, 33u, false}
#define K64_UART2 {0x4006C000u, 12u, 35u, true}
#define K64_UART3 {0x4006D000u, 13u, 37u, true}

/* A board file that names another UART fails here. */
static const struct {
    uint32_t base;
    unsigned gate; /* bit in SIM_SCGC4 */
    unsigned interrupt;
    bool on_bus_clock; /* else on the core's */
} uart = UART_NAMED(MLUT_CONSOLE_UART);

#define UART_BDH K64_REG8(uart.base + 0x0u)
#define UART_BDL K64_REG8(uart.base + 0x1u)
#define UART_C2 K64_REG8(uart.base + 0x3u)
#define C2_RIE_TE_RE ((1u << 5) | (1u << 3) | (1u << 2))
#define UART_S1 K64_REG8(uart.base + 0x4u)
#define S1_TDRE (1u << 7)
#define S1_RDRF (1u << 5)
#define UART_D K64_REG8(uart.base + 0x7u)
#define UART_C4 K64_REG8(uart.base + 0xAu)
#define UART_RWFIFO K64_REG8(uart.base + 0x15u)

#define SIM_SCGC4 0x40048034u
#define SIM_SCGC5 0x40048038u
#define SCGC5_PORTA_BIT 9u
#define PORTA_PCR0 0x40049000u
#define PORT_STEP 0x1000u
#define PCR_MUX_SHIFT 8u
#define PCR_PULLED_UP 3u /* PE and PS */

static void use_pin(unsigned bank, unsigned pin, uint32_t pull)
{
    K64_REG32(SIM_SCGC5) |= 1u << (SCGC5_PORTA_BIT + bank);
    K64_REG32(PORTA_PCR0 + PORT_STEP * bank + 4u * pin) =
        (MLUT_CONSOLE_FUNCTION << PCR_MUX_SHIFT) | pull;
}

/* The divider counts 32nds: "Baud rate generation". */
static void open_uart(uint32_t hz)
{
    uint32_t divider = (2u * hz + MLUT_CONSOLE_BAUD / 2u) / MLUT_CONSOLE_BAUD;
    K64_REG32(SIM_SCGC4) |= 1u << uart.gate;
    UART_C2 = 0u;
    UART_BDH = (uint8_t)(divider / 32u >> 8);
    UART_BDL = (uint8_t)(divider / 32u);
    UART_C4 = (uint8_t)(divider % 32u);
    UART_RWFIFO = 1u; /* RDRF from the first byte on, as after reset */
    UART_C2 = C2_RIE_TE_RE;
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    k64_clocks_t clocks = k64_start_clocks();
    use_pin(MLUT_CONSOLE_TX_BANK, MLUT_CONSOLE_TX_PIN, 0u);
    use_pin(MLUT_CONSOLE_RX_BANK, MLUT_CONSOLE_RX_PIN, PCR_PULLED_UP);
    open_uart(uart.on_bus_clock ? clocks.bus_hz : clocks.core_hz);
    mlut_start_cycle_clock(clocks.core_hz);
}

int mlut_port_read(void)
{
    while ((UART_S1 & S1_RDRF) == 0u) {
        mlut_sleep_until(uart.interrupt);
    }
    return UART_D; /* after S1 has been read: that clears an overrun as well */
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        while ((UART_S1 & S1_TDRE) == 0u) {
        }
        UART_D = (uint8_t)text[i];
    }
}

uint64_t mlut_port_microseconds(void)
{
    return mlut_cycle_microseconds();
}
