/* Pins of all families but the F1: RM0090 section "GPIO registers", and the same in the others. */
#ifndef MLUT_STM32_GPIO_H
#define MLUT_STM32_GPIO_H

#include "stm32.h"

#define GPIO_ALTERNATE 0x2u
#define GPIO_PULL_UP 0x1u /* an idle line is high, also with nothing connected */

/* `gpio` is the address of the pin's port. */
static inline void stm32_gpio_use(uint32_t gpio, unsigned pin, unsigned function, bool output)
{
    (void)output;                                        /* the alternate function decides */
    uint32_t select = gpio + (pin < 8u ? 0x20u : 0x24u); /* AFRL, AFRH */
    unsigned shift = 4u * (pin % 8u);
    stm32_modify(select, 0xFu << shift, function << shift);
    stm32_modify(gpio + 0x0Cu, 0x3u << (2u * pin), GPIO_PULL_UP << (2u * pin));   /* PUPDR */
    stm32_modify(gpio + 0x00u, 0x3u << (2u * pin), GPIO_ALTERNATE << (2u * pin)); /* MODER */
}

#endif /* MLUT_STM32_GPIO_H */
