/* The port of the RP2040 and the RP2350: a PL011 UART, and the core's cycle counter.
 *
 * Registers: RP2040 Datasheet 4.2 "UART", 2.19 "GPIO", 2.3.2 "Interrupts"; RP2350 Datasheet 12.1,
 * 9, 3.2.
 */
#include "board_config.h"
#include "cortex_m.h"
#include "port.h"
#include "rp2.h"

#define PASTE(a, b) a##b
#define UART_NAMED(name) PASTE(RP_, name)

/* A board file that names another UART fails here. */
static const struct {
    uint32_t base;
    uint32_t reset; /* bit in RESETS */
    unsigned interrupt;
} uart = UART_NAMED(MLUT_CONSOLE_UART);

#define UARTDR RP_REG(uart.base + 0x00u)
#define UARTFR RP_REG(uart.base + 0x18u)
#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define UARTIBRD RP_REG(uart.base + 0x24u)
#define UARTFBRD RP_REG(uart.base + 0x28u)
#define UARTLCR_H RP_REG(uart.base + 0x2Cu)
#define LCR_H_8_BITS (3u << 5) /* without FIFOs: an interrupt for every byte */
#define UARTCR RP_REG(uart.base + 0x30u)
#define CR_RXE_TXE_UARTEN ((1u << 9) | (1u << 8) | 1u)
#define UARTIMSC RP_REG(uart.base + 0x38u)
#define IMSC_RXIM (1u << 4)

#define IO_GPIO_CTRL(pin) RP_REG(RP_IO_BANK0_GPIO0_CTRL + 8u * (pin))
#define PADS_GPIO(pin) RP_REG(RP_PADS_BANK0_GPIO0 + 4u * (pin))
#define PAD_TX 0x52u /* input on, 4 mA, Schmitt trigger; the RP2350 no longer isolates it */
#define PAD_RX 0x5Au /* the same, pulled up */

/* The divider counts 64ths, and is taken over by a write to LCR_H ("Baud Rate Calculation"). */
static void open_uart(uint32_t hz)
{
    uint32_t divider = (4u * hz + MLUT_CONSOLE_BAUD / 2u) / MLUT_CONSOLE_BAUD;
    rp2_unreset(uart.reset);
    UARTCR = 0u;
    UARTIBRD = divider / 64u;
    UARTFBRD = divider % 64u;
    UARTLCR_H = LCR_H_8_BITS;
    UARTIMSC = IMSC_RXIM;
    UARTCR = CR_RXE_TXE_UARTEN;
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uint32_t hz = rp2_start_clocks();
    open_uart(hz);
    rp2_unreset(RP_RESET_IO_BANK0 | RP_RESET_PADS_BANK0);
    PADS_GPIO(MLUT_CONSOLE_TX_PIN) = PAD_TX;
    PADS_GPIO(MLUT_CONSOLE_RX_PIN) = PAD_RX;
    IO_GPIO_CTRL(MLUT_CONSOLE_TX_PIN) = MLUT_CONSOLE_FUNCTION;
    IO_GPIO_CTRL(MLUT_CONSOLE_RX_PIN) = MLUT_CONSOLE_FUNCTION;
    mlut_start_cycle_clock(hz);
}

int mlut_port_read(void)
{
    while ((UARTFR & FR_RXFE) != 0u) {
        mlut_sleep_until(uart.interrupt);
    }
    return (int)(UARTDR & 0xFFu);
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        while ((UARTFR & FR_TXFF) != 0u) {
        }
        UARTDR = (uint8_t)text[i];
    }
}

uint64_t mlut_port_microseconds(void)
{
    return mlut_cycle_microseconds();
}
