/* STM32F405, F407, F415, F417: RM0090, section "Memory map" and the vector table. */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v2.h"
#include "uart_v1.h"

#define STM32_DBGMCU_CR 0xE0042004u

#define STM32_GPIO_BASE 0x40020000u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x40023830u /* RCC_AHB1ENR */
#define STM32_GPIO_ENABLE_SHIFT 0u

/* clocked by RCC_APB1ENR or RCC_APB2ENR */
#define STM32_USART1 {0x40011000u, 0x40023844u, 4, 37, 2, false}
#define STM32_USART2 {0x40004400u, 0x40023840u, 17, 38, 1, false}
#define STM32_USART3 {0x40004800u, 0x40023840u, 18, 39, 1, false}
#define STM32_USART6 {0x40011400u, 0x40023844u, 5, 71, 2, false}

#endif /* MLUT_STM32_FAMILY_H */
