/* Arm MPS3 FPGA image AN547, in the Secure state that it starts in; addresses: Arm Application Note
 * AN547. The counter's clock is that of QEMU's model. */
#define UART0_ADDRESS 0x59303000u
#define FPGA_IO_ADDRESS 0x59302000u
#define UART0_RX_IRQ 33u
#define COUNTER_HZ 20000000u

#include "cmsdk.h"
