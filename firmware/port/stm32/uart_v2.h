/* The second generation of USARTs and LPUARTs (F0, F7, G0, H7, L4, U5): RM0385 section "USART
 * registers", RM0432 section "LPUART registers", and the same in the other manuals.
 */
#ifndef MLUT_STM32_UART_H
#define MLUT_STM32_UART_H

#include "stm32.h"

#define USART_CR1(uart) STM32_REG((uart)->base)
#define USART_BRR(uart) STM32_REG((uart)->base + 0x0Cu)
#define USART_ISR(uart) STM32_REG((uart)->base + 0x1Cu)
#define USART_ICR(uart) STM32_REG((uart)->base + 0x20u)
#define USART_RDR(uart) STM32_REG((uart)->base + 0x24u)
#define USART_TDR(uart) STM32_REG((uart)->base + 0x28u)

#define USART_ORE (1u << 3)
#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)
#define USART_UE (1u << 0)
#define USART_TE_RE_RXNEIE ((1u << 3) | (1u << 2) | (1u << 5))

static inline void stm32_uart_open(const stm32_uart_t *uart, uint32_t divider)
{
    USART_CR1(uart) = 0u; /* BRR can be written only then */
    USART_BRR(uart) = divider;
    USART_CR1(uart) = USART_UE | USART_TE_RE_RXNEIE;
}

static inline bool stm32_uart_received(const stm32_uart_t *uart)
{
    uint32_t status = USART_ISR(uart);
    if ((status & USART_ORE) != 0u) {
        USART_ICR(uart) = USART_ORE; /* or its interrupt would stay pending */
    }
    return (status & USART_RXNE) != 0u;
}

static inline uint8_t stm32_uart_read(const stm32_uart_t *uart)
{
    return (uint8_t)USART_RDR(uart);
}

static inline void stm32_uart_write(const stm32_uart_t *uart, uint8_t byte)
{
    while ((USART_ISR(uart) & USART_TXE) == 0u) {
    }
    USART_TDR(uart) = byte;
}

#endif /* MLUT_STM32_UART_H */
