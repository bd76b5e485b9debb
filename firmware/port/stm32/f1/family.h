/* STM32F103 and F100: RM0008, RM0041, section "Memory map" and the vector table. */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v1.h"
#include "uart_v1.h"

#define STM32_DBGMCU_CR 0xE0042004u

#define STM32_GPIO_BASE 0x40010800u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x40021018u /* RCC_APB2ENR */
#define STM32_GPIO_ENABLE_SHIFT 2u

/* clocked by RCC_APB1ENR or RCC_APB2ENR; at the pins that they have after reset */
#define STM32_USART1 {0x40013800u, 0x40021018u, 14, 37, 2, false}
#define STM32_USART2 {0x40004400u, 0x4002101Cu, 17, 38, 1, false}
#define STM32_USART3 {0x40004800u, 0x4002101Cu, 18, 39, 1, false}

#endif /* MLUT_STM32_FAMILY_H */
