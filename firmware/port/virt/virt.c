/* QEMU's RISC-V machine `virt`: NS16550A UART, CLINT timer, PLIC and test finisher.
 *
 * Registers: TI PC16550D data sheet, section 8 (UART); RISC-V ACLINT specification, chapter 2
 * (mtime); RISC-V PLIC specification, chapter 3; addresses: QEMU's hw/riscv/virt.c, virt_memmap.
 */
#include "board_config.h"
#include "csr.h"
#include "port.h"

typedef struct {
    volatile uint8_t data;      /* with LCR_DIVISOR: divisor, low byte */
    volatile uint8_t interrupt; /* with LCR_DIVISOR: divisor, high byte */
    volatile uint8_t fifo;
    volatile uint8_t line_control;
    volatile uint8_t modem_control;
    volatile uint8_t line_status;
} uart_t;

#define UART ((uart_t *)0x10000000u)
#define UART_CLOCK_HZ 3686400u /* "clock-frequency" in the machine's device tree */
#define LCR_8N1 0x03u
#define LCR_DIVISOR 0x80u
#define IER_RECEIVED 0x01u
#define LSR_RECEIVED 0x01u
#define LSR_TX_EMPTY 0x20u

#define UART_SOURCE 10u
#define PLIC_PRIORITY ((volatile uint32_t *)0x0C000000u)
#define PLIC_ENABLE ((volatile uint32_t *)0x0C002000u) /* context 0: hart 0 in machine mode */
#define PLIC_THRESHOLD ((volatile uint32_t *)0x0C200000u)
#define PLIC_CLAIM ((volatile uint32_t *)0x0C200004u)

#define MTIME ((volatile uint32_t *)0x0200BFF8u) /* low word, high word */

#define FINISHER ((volatile uint32_t *)0x00100000u)
#define FINISHER_PASS 0x5555u
#define FINISHER_FAIL 0x3333u /* with the exit status above it */

static uint64_t start;

static uint64_t read_mtime(void)
{
    uint32_t high, low;
    do {
        high = MTIME[1];
        low = MTIME[0];
    } while (high != MTIME[1]);
    return (uint64_t)high << 32 | low;
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    UART->line_control = LCR_DIVISOR;
    UART->data = UART_CLOCK_HZ / (16u * MLUT_CONSOLE_BAUD);
    UART->interrupt = 0;
    UART->line_control = LCR_8N1;
    UART->fifo = 0;
    /* Interrupts stay masked: the receive interrupt only has to end a WFI, no handler runs. */
    UART->interrupt = IER_RECEIVED;
    PLIC_PRIORITY[UART_SOURCE] = 1;
    *PLIC_ENABLE = 1u << UART_SOURCE;
    *PLIC_THRESHOLD = 0;
    MLUT_CSR_SET("mie", MLUT_MIE_EXTERNAL);
    start = read_mtime();
}

int mlut_port_read(void)
{
    while ((UART->line_status & LSR_RECEIVED) == 0u) {
        __asm__ volatile("wfi" ::: "memory");
        *PLIC_CLAIM = *PLIC_CLAIM; /* claim and complete, so that the next byte is seen again */
    }
    return UART->data;
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        while ((UART->line_status & LSR_TX_EMPTY) == 0u) {
        }
        UART->data = (uint8_t)text[i];
    }
}

uint64_t mlut_port_microseconds(void)
{
    return (read_mtime() - start) / (MLUT_CLOCK_HZ / 1000000u);
}

const uint8_t *mlut_port_preload(size_t *bytes)
{
    extern const uint8_t mlut_preload_start[];
    extern const uint8_t mlut_preload_bytes[]; /* its address is the value */
    *bytes = (size_t)(uintptr_t)mlut_preload_bytes;
    return *bytes > 0u ? mlut_preload_start : NULL;
}

_Noreturn void mlut_port_exit(int status)
{
    *FINISHER = status == 0 ? FINISHER_PASS : (uint32_t)status << 16 | FINISHER_FAIL;
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
    }
}
