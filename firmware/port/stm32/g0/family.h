/* STM32G0B1 and G0C1: RM0444, section "Memory map" and the vector table. */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v2.h"
#include "uart_v2.h"

#define STM32_GPIO_BASE 0x50000000u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x40021034u /* RCC_IOPENR */
#define STM32_GPIO_ENABLE_SHIFT 0u

/* clocked by RCC_APBENR1 or RCC_APBENR2; RCC_CCIPR leaves them the bus clock */
#define STM32_USART1 {0x40013800u, 0x40021040u, 14, 27, 1, false}
#define STM32_USART2 {0x40004400u, 0x4002103Cu, 17, 28, 1, false}

#endif /* MLUT_STM32_FAMILY_H */
