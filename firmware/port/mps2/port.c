/* Arm MPS2 FPGA images AN385, AN386 and AN500; addresses: Arm Application Note AN385. */
#define UART0_ADDRESS 0x40004000u
#define FPGA_IO_ADDRESS 0x40028000u
#define UART0_RX_IRQ 0u
#define COUNTER_HZ MLUT_CLOCK_HZ

#include "cmsdk.h"
