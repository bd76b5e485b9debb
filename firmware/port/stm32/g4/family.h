/* STM32G473, G474, G483 and G484: RM0440, section "Memory map" and the vector table. */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v2.h"
#include "uart_v2.h"

#define STM32_DBGMCU_CR 0xE0042004u

#define STM32_GPIO_BASE 0x48000000u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x4002104Cu /* RCC_AHB2ENR */
#define STM32_GPIO_ENABLE_SHIFT 0u

/* clocked by RCC_APB1ENR1, RCC_APB1ENR2 or RCC_APB2ENR; RCC_CCIPR leaves them the bus clock */
#define STM32_USART1 {0x40013800u, 0x40021060u, 14, 37, 2, false}
#define STM32_USART2 {0x40004400u, 0x40021058u, 17, 38, 1, false}
#define STM32_USART3 {0x40004800u, 0x40021058u, 18, 39, 1, false}
#define STM32_LPUART1 {0x40008000u, 0x4002105Cu, 0, 91, 1, true}

#endif /* MLUT_STM32_FAMILY_H */
