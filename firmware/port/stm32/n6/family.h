/* STM32N657 and N647 in the secure state, as they start: RM0486, section "Memory map" and the
 * vector table; addresses of ST's stm32n657xx.h.
 */
#ifndef MLUT_STM32_FAMILY_H
#define MLUT_STM32_FAMILY_H

#include "gpio_v2.h"
#include "uart_v2.h"

#define STM32_GPIO_BASE 0x56020000u
#define STM32_GPIO_STEP 0x400u
#define STM32_GPIO_ENABLE 0x5602825Cu /* RCC_AHB4ENR */
#define STM32_GPIO_ENABLE_SHIFT 0u

/* clocked by RCC_APB2ENR; RCC_CCIPR13 leaves it the bus clock */
#define STM32_USART1 {0x52001000u, 0x5602826Cu, 4, 159, 2, false}

#endif /* MLUT_STM32_FAMILY_H */
