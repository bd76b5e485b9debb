/* The port of all STM32 boards: clocks, console UART and its pins, as the board file says. */
#include "board_config.h"
#include "cortex_m.h"
#include "family.h"
#include "port.h"
#include "stm32.h"

#define PASTE(a, b) a##b
#define UART_NAMED(name) PASTE(STM32_, name)

/* A board file that names a UART which the family's file lacks fails here. */
static const stm32_uart_t uart = UART_NAMED(MLUT_CONSOLE_UART);

static void use_pin(unsigned bank, unsigned pin, bool output)
{
    STM32_REG(STM32_GPIO_ENABLE) |= 1u << (STM32_GPIO_ENABLE_SHIFT + bank);
    (void)STM32_REG(STM32_GPIO_ENABLE); /* the clock arrives while this is read back */
    uint32_t gpio = STM32_GPIO_BASE + STM32_GPIO_STEP * bank;
    stm32_gpio_use(gpio, pin, MLUT_CONSOLE_FUNCTION, output);
}

static uint32_t divider_of(uint32_t hz)
{
    if (uart.low_power) {
        return 256u * (hz / MLUT_CONSOLE_BAUD) +
               256u * (hz % MLUT_CONSOLE_BAUD) / MLUT_CONSOLE_BAUD;
    }
    return (hz + MLUT_CONSOLE_BAUD / 2u) / MLUT_CONSOLE_BAUD;
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    stm32_clocks_t clocks = stm32_start_clocks();
#if defined(STM32_DBGMCU_CR)
    STM32_REG(STM32_DBGMCU_CR) |= 0x1u; /* DBG_SLEEP: a debugger can attach while the core sleeps */
#endif
    use_pin(MLUT_CONSOLE_TX_BANK, MLUT_CONSOLE_TX_PIN, true);
    use_pin(MLUT_CONSOLE_RX_BANK, MLUT_CONSOLE_RX_PIN, false);
    STM32_REG(uart.enable) |= 1u << uart.enable_bit;
    (void)STM32_REG(uart.enable);
    stm32_uart_open(&uart, divider_of(uart.apb == 1u ? clocks.apb1_hz : clocks.apb2_hz));
    mlut_start_cycle_clock(clocks.core_hz);
}

int mlut_port_read(void)
{
    while (!stm32_uart_received(&uart)) {
        mlut_sleep_until(uart.interrupt);
    }
    return stm32_uart_read(&uart);
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        stm32_uart_write(&uart, (uint8_t)text[i]);
    }
}

uint64_t mlut_port_microseconds(void)
{
    return mlut_cycle_microseconds();
}
