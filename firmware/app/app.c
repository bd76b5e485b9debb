#include "app.h"

#include "app_config.h"
#include "console.h"
#include "guard.h"
#include "port.h"
#include "print.h"

/* A model that differs from the converted one in any bit is never run. */
static void check_model(void)
{
    const uint32_t difference = MLUT_APP_CHECK();
    if (difference != 0u) {
        mlut_print("\r\nm-fault-[weights: crc 0x");
        mlut_print_hex(MLUT_APP_CRC32 ^ difference, 8);
        mlut_print(", not 0x");
        mlut_print_hex(MLUT_APP_CRC32, 8);
        mlut_print("]\r\n");
        mlut_port_exit(1);
    }
}

void mlut_app_run(void)
{
    check_model();
    mlut_guard_begin();
    mlut_console_greet();
    for (;;) {
        int byte = mlut_port_read();
        if (byte < 0) {
            mlut_port_exit(0);
        }
        mlut_console_receive((char)byte);
    }
}
