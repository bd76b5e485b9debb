/* STM32F0x2 and their kin: RM0091, section "Memory map" and the vector table. */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v2.h"
#include "uart_v2.h"

#define STM32_GPIO_BASE 0x48000000u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x40021014u /* RCC_AHBENR */
#define STM32_GPIO_ENABLE_SHIFT 17u

/* clocked by RCC_APB1ENR or RCC_APB2ENR; RCC_CFGR3 leaves them the bus clock */
#define STM32_USART1 {0x40013800u, 0x40021018u, 14, 27, 2, false}
#define STM32_USART2 {0x40004400u, 0x4002101Cu, 17, 28, 1, false}

#endif /* MLUT_STM32_FAMILY_H */
