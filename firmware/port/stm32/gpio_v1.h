/* Pins of the F1: RM0008 sections "GPIO registers" and "GPIO configurations for device
 * peripherals".
 */
#ifndef MLUT_STM32_GPIO_H
#define MLUT_STM32_GPIO_H

#include "stm32.h"

#define GPIO_OUTPUT 0xBu /* alternate function, push-pull, 50 MHz */
#define GPIO_INPUT 0x8u  /* input with a pull-up or pull-down resistor, which ODR chooses */

/* `gpio` is the address of the pin's port; the F1 has no function numbers. */
static inline void stm32_gpio_use(uint32_t gpio, unsigned pin, unsigned function, bool output)
{
    (void)function;
    uint32_t control = gpio + (pin < 8u ? 0x00u : 0x04u); /* CRL, CRH */
    unsigned shift = 4u * (pin % 8u);
    STM32_REG(gpio + 0x10u) = 1u << pin; /* BSRR: pulled up */
    stm32_modify(control, 0xFu << shift, (output ? GPIO_OUTPUT : GPIO_INPUT) << shift);
}

#endif /* MLUT_STM32_GPIO_H */
