/* STM32H562, H563 and H573 with TrustZone off, as delivered: RM0481, section "Memory map", vector
 * table.
 */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v2.h"
#include "uart_v2.h"

#define STM32_GPIO_BASE 0x42020000u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x44020C8Cu /* RCC_AHB2ENR */
#define STM32_GPIO_ENABLE_SHIFT 0u

/* clocked by RCC_APB1LENR or RCC_APB2ENR; RCC_CCIPR1 leaves them the bus clock */
#define STM32_USART1 {0x40013800u, 0x44020CA4u, 14, 58, 2, false}
#define STM32_USART2 {0x40004400u, 0x44020C9Cu, 17, 59, 1, false}
#define STM32_USART3 {0x40004800u, 0x44020C9Cu, 18, 60, 1, false}

#endif /* MLUT_STM32_FAMILY_H */
