/* ESP32-C3: where UART0 and its pads differ from other chips' (uart_reg.h, io_mux_reg.h). */
#ifndef MLUT_ESP_CHIP_H
#define MLUT_ESP_CHIP_H

#include "esp.h"

#define ESP_UART_COUNT_BITS 0x3FFu /* of bytes in a FIFO, in its status */
#define ESP_UART_MEMORY_ON MLUT_BIT(28)

#define ESP_PAD_U0RXD 0x60009054u /* GPIO20 */
#define ESP_PAD_U0TXD 0x60009058u /* GPIO21 */

#endif /* MLUT_ESP_CHIP_H */
