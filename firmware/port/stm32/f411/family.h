/* STM32F411: RM0383, section "Memory map" and the vector table. It has no USART3, and the others as
 * the F405.
 */
#include "../f4/family.h"

#undef STM32_USART3
