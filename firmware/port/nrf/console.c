/* The port of Nordic's chips with UARTE, whose DMA reads and writes RAM only, and DWT's cycle
 * counter.
 *
 * Registers: Product Specifications, "UARTE - Universal asynchronous receiver/transmitter with
 * EasyDMA" and "GPIO - General purpose input/output".
 */
#include "board_config.h"
#include "chip.h"
#include "cortex_m.h"
#include "nrf.h"
#include "port.h"

#include <string.h>

#define PASTE(a, b) a##b
#define UARTE_NAMED(name) PASTE(NRF_, name)

/* A board file that names another UART fails here. */
static const struct {
    uint32_t base;
    unsigned interrupt;
} uarte = UARTE_NAMED(MLUT_CONSOLE_UART);

#define UARTE(offset) NRF_REG(uarte.base + (offset))
#define ENABLE UARTE(0x500u)
#define ENABLE_UARTE 8u
#define INTENSET UARTE(0x304u)
#define BAUDRATE UARTE(0x524u)

#define PIN_CNF_INPUT_PULLED_UP (3u << 2)

/* The values that the Product Specification lists; others have no documented speed. */
#if MLUT_CONSOLE_BAUD == 9600u
#define BAUDRATE_VALUE 0x00275000u
#elif MLUT_CONSOLE_BAUD == 19200u
#define BAUDRATE_VALUE 0x004EA000u
#elif MLUT_CONSOLE_BAUD == 38400u
#define BAUDRATE_VALUE 0x009D0000u
#elif MLUT_CONSOLE_BAUD == 57600u
#define BAUDRATE_VALUE 0x00EB0000u
#elif MLUT_CONSOLE_BAUD == 115200u
#define BAUDRATE_VALUE 0x01D60000u
#elif MLUT_CONSOLE_BAUD == 230400u
#define BAUDRATE_VALUE 0x03B00000u
#elif MLUT_CONSOLE_BAUD == 460800u
#define BAUDRATE_VALUE 0x07400000u
#elif MLUT_CONSOLE_BAUD == 1000000u
#define BAUDRATE_VALUE 0x10000000u
#else
#error "UARTE takes baud = 9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800 or 1_000_000"
#endif

#define SENT_AT_ONCE 64u /* bytes; MAXCNT has 16 bits */

static uint8_t received; /* by DMA, a byte at a time: what comes meanwhile waits in the FIFO */

static void use_pins(void)
{
    uint32_t tx_port = NRF_GPIO(MLUT_CONSOLE_TX_BANK), rx_port = NRF_GPIO(MLUT_CONSOLE_RX_BANK);
    NRF_REG(tx_port + NRF_GPIO_OUTSET) = 1u << MLUT_CONSOLE_TX_PIN; /* the line's idle state */
    NRF_REG(tx_port + NRF_GPIO_DIRSET) = 1u << MLUT_CONSOLE_TX_PIN;
    NRF_REG(rx_port + NRF_GPIO_PIN_CNF + 4u * MLUT_CONSOLE_RX_PIN) = PIN_CNF_INPUT_PULLED_UP;
    UARTE(NRF_PSEL_TXD) = 32u * MLUT_CONSOLE_TX_BANK + MLUT_CONSOLE_TX_PIN;
    UARTE(NRF_PSEL_RXD) = 32u * MLUT_CONSOLE_RX_BANK + MLUT_CONSOLE_RX_PIN;
}

static void receive_byte(void)
{
    UARTE(NRF_EVENTS_ENDRX) = 0u;
    UARTE(NRF_TASKS_STARTRX) = 1u;
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)nrf_start_clocks();
    if (ENABLE != ENABLE_UARTE) { /* after a fault it is open already */
        use_pins();
        BAUDRATE = BAUDRATE_VALUE;
        ENABLE = ENABLE_UARTE;
        INTENSET = NRF_INTEN_ENDRX;
        UARTE(NRF_RXD_PTR) = (uint32_t)(uintptr_t)&received;
        UARTE(NRF_RXD_PTR + 4u) = 1u;
        receive_byte();
    }
    mlut_start_cycle_clock(MLUT_CLOCK_HZ);
}

int mlut_port_read(void)
{
    while (UARTE(NRF_EVENTS_ENDRX) == 0u) {
        mlut_sleep_until(uarte.interrupt);
    }
    int byte = *(volatile uint8_t *)&received;
    receive_byte();
    return byte;
}

void mlut_port_write(const char *text, size_t bytes)
{
    static uint8_t piece[SENT_AT_ONCE]; /* text may lie in flash */
    while (bytes > 0u) {
        size_t sent = bytes < SENT_AT_ONCE ? bytes : SENT_AT_ONCE;
        memcpy(piece, text, sent);
        __asm__ volatile("" ::: "memory"); /* the piece is written before DMA reads it */
        UARTE(NRF_EVENTS_ENDTX) = 0u;
        UARTE(NRF_TXD_PTR) = (uint32_t)(uintptr_t)piece;
        UARTE(NRF_TXD_PTR + 4u) = (uint32_t)sent;
        UARTE(NRF_TASKS_STARTTX) = 1u;
        while (UARTE(NRF_EVENTS_ENDTX) == 0u) {
        }
        text += sent;
        bytes -= sent;
    }
}

uint64_t mlut_port_microseconds(void)
{
    return mlut_cycle_microseconds();
}
