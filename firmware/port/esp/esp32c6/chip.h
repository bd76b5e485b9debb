/* ESP32-C6: where UART0 and its pads differ from other chips' (uart_reg.h, io_mux_reg.h). */
#ifndef MLUT_ESP_CHIP_H
#define MLUT_ESP_CHIP_H

#include "esp.h"

#define ESP_UART_COUNT_BITS 0xFFu /* of bytes in a FIFO, in its status */
#define ESP_UART_MEMORY_ON MLUT_BIT(20)
#define ESP_UART_UPDATE 0x60000098u

#define ESP_PAD_U0RXD 0x60090048u /* GPIO17 */
#define ESP_PAD_U0TXD 0x60090044u /* GPIO16 */

#endif /* MLUT_ESP_CHIP_H */
