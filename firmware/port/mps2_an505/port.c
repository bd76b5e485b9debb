/* Arm MPS2 FPGA image AN505, in the Secure state that it starts in; addresses: Arm Application Note
 * AN505, sections "Memory map" and "Interrupts", with the Secure alias of each (0x10000000 higher).
 */
#define UART0_ADDRESS 0x50200000u
#define FPGA_IO_ADDRESS 0x50302000u
#define UART0_RX_IRQ 32u
#define COUNTER_HZ MLUT_CLOCK_HZ

#include "cmsdk.h"
