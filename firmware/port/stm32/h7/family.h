/* STM32H742, H743, H753: RM0433, section "Memory map" and the vector table. */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v2.h"
#include "uart_v2.h"

#define STM32_DBGMCU_CR 0x5C001004u /* DBGSLEEP_D1 */

#define STM32_GPIO_BASE 0x58020000u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x580244E0u /* RCC_AHB4ENR */
#define STM32_GPIO_ENABLE_SHIFT 0u

/* clocked by RCC_APB1LENR or RCC_APB2ENR; RCC_D2CCIP2R leaves them the bus clock */
#define STM32_USART1 {0x40011000u, 0x580244F0u, 4, 37, 2, false}
#define STM32_USART2 {0x40004400u, 0x580244E8u, 17, 38, 1, false}
#define STM32_USART3 {0x40004800u, 0x580244E8u, 18, 39, 1, false}

#endif /* MLUT_STM32_FAMILY_H */
