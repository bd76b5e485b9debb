/* The first generation of USARTs (F1, F2, F4): RM0090 section "USART registers", RM0008 likewise.
 */
#ifndef MLUT_STM32_UART_H
#define MLUT_STM32_UART_H

#include "stm32.h"

#define USART_SR(uart) STM32_REG((uart)->base)
#define USART_DR(uart) STM32_REG((uart)->base + 0x04u)
#define USART_BRR(uart) STM32_REG((uart)->base + 0x08u)
#define USART_CR1(uart) STM32_REG((uart)->base + 0x0Cu)

#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)
#define USART_UE (1u << 13)
#define USART_TE_RE_RXNEIE ((1u << 3) | (1u << 2) | (1u << 5))

static inline void stm32_uart_open(const stm32_uart_t *uart, uint32_t divider)
{
    USART_CR1(uart) = 0u;
    USART_BRR(uart) = divider;
    USART_CR1(uart) = USART_UE | USART_TE_RE_RXNEIE;
}

static inline bool stm32_uart_received(const stm32_uart_t *uart)
{
    return (USART_SR(uart) & USART_RXNE) != 0u;
}

static inline uint8_t stm32_uart_read(const stm32_uart_t *uart)
{
    return (uint8_t)USART_DR(uart); /* after SR has been read: that clears an overrun as well */
}

static inline void stm32_uart_write(const stm32_uart_t *uart, uint8_t byte)
{
    while ((USART_SR(uart) & USART_TXE) == 0u) {
    }
    USART_DR(uart) = byte;
}

#endif /* MLUT_STM32_UART_H */
