/* ESP32-C3 and ESP32-C6: console on UART0, time from the core's cycle counter.
 *
 * Technical Reference Manuals, chapters "UART Controller", "IO MUX and GPIO Matrix" and
 * "ESP-RISC-V CPU" (performance counter); bits as in ESP-IDF's uart_reg.h and io_mux_reg.h.
 */
#include "board_config.h"
#include "chip.h"
#include "csr.h"
#include "esp.h"
#include "port.h"

#define UART0 0x60000000u
#define UART_FIFO MLUT_REGISTER(UART0 + 0x00u)
#define UART_INTERRUPTS MLUT_REGISTER(UART0 + 0x0Cu)
#define UART_DIVIDER MLUT_REGISTER(UART0 + 0x14u)
#define UART_STATUS MLUT_REGISTER(UART0 + 0x1Cu)
#define UART_CONFIG0 MLUT_REGISTER(UART0 + 0x20u)

/* 8 bits, 1 stop bit, no parity, FIFO memory on */
#define CONFIG0_8N1 (ESP_UART_MEMORY_ON | 1u << 4 | 3u << 2)
/* the divider in sixteenths; its fraction is written 20 bits up */
#define SIXTEENTHS (MLUT_OSCILLATOR_HZ * 16u / MLUT_CONSOLE_BAUD)
#define FIFO_BYTES 128u
#define RECEIVED(status) ((status) & ESP_UART_COUNT_BITS)
#define TO_SEND(status) ((status) >> 16 & ESP_UART_COUNT_BITS)

#define PAD_U0RXD MLUT_REGISTER(ESP_PAD_U0RXD)
#define PAD_U0TXD MLUT_REGISTER(ESP_PAD_U0TXD)
#define PAD_FUNCTION_MASK (0x7u << 12) /* function 0 of both is UART0 */
#define PAD_INPUT MLUT_BIT(9)
#define PAD_PULL_UP MLUT_BIT(8)

/* CSRs of the performance counter */
#define COUNTED_EVENTS "0x7e0" /* mpcer */
#define COUNTER_MODE "0x7e1"   /* mpcmr */
#define COUNTER "0x7e2"        /* mpccr */
#define EVENT_CYCLE 1u
#define MODE_COUNT 1u /* and wrap */

static struct {
    uint64_t total; /* microseconds */
    uint32_t last;  /* cycles, whole microseconds only */
} elapsed;

static uint32_t read_cycles(void)
{
    uint32_t cycles;
    MLUT_CSR_READ(COUNTER, cycles);
    return cycles;
}

static void start_uart(void)
{
    *PAD_U0TXD &= ~PAD_FUNCTION_MASK;
    *PAD_U0RXD = (*PAD_U0RXD & ~PAD_FUNCTION_MASK) | PAD_INPUT | PAD_PULL_UP;
    *UART_INTERRUPTS = 0;
    mlut_start_uart_clock();
    *UART_DIVIDER = SIXTEENTHS / 16u | (SIXTEENTHS % 16u) << 20;
    *UART_CONFIG0 = CONFIG0_8N1;
#if defined(ESP_UART_UPDATE)
    *MLUT_REGISTER(ESP_UART_UPDATE) = 1u; /* taken over in the UART's own clock */
#endif
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    mlut_stop_watchdogs();
    mlut_start_core_clock();
    start_uart();
    MLUT_CSR_WRITE(COUNTED_EVENTS, EVENT_CYCLE);
    MLUT_CSR_WRITE(COUNTER_MODE, MODE_COUNT);
    elapsed.total = 0;
    elapsed.last = read_cycles();
}

int mlut_port_read(void)
{
    while (RECEIVED(*UART_STATUS) == 0u) {
    }
    return (int)(*UART_FIFO & 0xFFu);
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        while (TO_SEND(*UART_STATUS) >= FIFO_BYTES) {
        }
        *UART_FIFO = (uint8_t)text[i];
    }
}

/* The counter wraps after 26 s at 160 MHz. */
uint64_t mlut_port_microseconds(void)
{
    const uint32_t cycles_each = MLUT_CLOCK_HZ / 1000000u;
    const uint32_t passed = (read_cycles() - elapsed.last) / cycles_each;
    elapsed.last += passed * cycles_each;
    elapsed.total += passed;
    return elapsed.total;
}

const uint8_t *mlut_port_preload(size_t *bytes)
{
    *bytes = 0;
    return NULL;
}

_Noreturn void mlut_port_exit(int status)
{
    (void)status;
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
    }
}
