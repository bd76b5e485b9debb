/* Port of FPGA images for Arm's MPS boards: CMSDK UART 0 and the FPGA's prescaled counter.
 *
 * A board's port.c defines where they are, and then includes this file:
 *   UART0_ADDRESS, FPGA_IO_ADDRESS
 *   UART0_RX_IRQ      number of the receive interrupt
 *   COUNTER_HZ        clock of the FPGA's prescaled counter
 *
 * Registers: Arm Cortex-M System Design Kit TRM (DDI 0479), chapter 4.3 (APB UART), and the images'
 * application notes, section "FPGA system control and I/O".
 */
#include "board_config.h"
#include "cortex_m.h"
#include "port.h"

typedef struct {
    volatile uint32_t data;
    volatile uint32_t state;
    volatile uint32_t control;
    volatile uint32_t interrupt; /* read: status; write 1: clear */
    volatile uint32_t divider;   /* at least 16 */
} uart_t;

typedef struct {
    volatile uint32_t unused[6];
    volatile uint32_t counter;  /* 0x18: one up for every `prescale` + 1 clocks */
    volatile uint32_t prescale; /* 0x1c */
} fpga_io_t;

#define UART0 ((uart_t *)UART0_ADDRESS)
#define FPGA_IO ((fpga_io_t *)FPGA_IO_ADDRESS)

#define UART_TX_FULL 0x1u
#define UART_RX_FULL 0x2u
#define UART_ENABLE 0xBu /* transmitter, receiver, receive interrupt */
#define UART_RX_INTERRUPT 0x2u

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    UART0->divider = MLUT_CLOCK_HZ / MLUT_CONSOLE_BAUD;
    UART0->control = UART_ENABLE;
    (void)UART0->data; /* drop a stale byte; also makes QEMU look for input at once */
    FPGA_IO->prescale = COUNTER_HZ / 1000000u - 1u;
    FPGA_IO->counter = 0u;
}

int mlut_port_read(void)
{
    while ((UART0->state & UART_RX_FULL) == 0u) {
        mlut_sleep_until(UART0_RX_IRQ);
        UART0->interrupt = UART_RX_INTERRUPT;
    }
    return (int)(UART0->data & 0xFFu);
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        while ((UART0->state & UART_TX_FULL) != 0u) {
        }
        UART0->data = (uint8_t)text[i];
    }
}

uint64_t mlut_port_microseconds(void)
{
    static uint64_t total;
    static uint32_t last;
    uint32_t now = FPGA_IO->counter;
    total += now - last; /* modulo 2^32, so right across one wrap */
    last = now;
    return total;
}
