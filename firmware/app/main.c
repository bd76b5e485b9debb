#include "app.h"
#include "port.h"

int main(int argc, char **argv)
{
    mlut_port_init(argc, argv);
    mlut_app_run();
    return 0;
}
