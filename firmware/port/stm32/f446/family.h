/* STM32F42x, F43x and F446 have all of the F405: RM0090, RM0390, section "Memory map" and the
 * vector table.
 */
#include "../f4/family.h"
