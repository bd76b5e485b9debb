/* Runs one converted model behind a console: MLPerf Tiny's device protocol, see console.h. */
#include "console.h"
#include "port.h"

int main(int argc, char **argv)
{
    mlut_port_init(argc, argv);
    mlut_console_greet();
    for (;;) {
        int byte = mlut_port_read();
        if (byte < 0) {
            mlut_port_exit(0);
        }
        mlut_console_receive((char)byte);
    }
}
