#include "laps.h"

#include "dump.h"
#include "port.h"
#include "print.h"

#define MOST_CALLS 128u /* 512 bytes; no model that fits a microcontroller has had more */

static struct {
    uint64_t before; /* when the last call returned */
    uint32_t calls;  /* of the inference, also those that there is no room for */
    uint32_t microseconds[MOST_CALLS];
} laps;

void mlut_laps_begin(void)
{
    laps.calls = 0;
    laps.before = mlut_port_microseconds();
}

void mlut_laps_end_call(void)
{
    uint64_t now = mlut_port_microseconds();
    if (laps.calls < MOST_CALLS) {
        laps.microseconds[laps.calls] = (uint32_t)(now - laps.before);
    }
    laps.calls++;
    mlut_dump_after(laps.calls);
    laps.before = mlut_port_microseconds(); /* without the time of printing */
}

void mlut_laps_command(char *rest)
{
    (void)rest;
    if (laps.calls > MOST_CALLS) {
        mlut_print_number_line("e-[More kernel calls than ", MOST_CALLS, "]");
        return;
    }
    for (uint32_t i = 0; i < laps.calls; i++) {
        mlut_print_number_line("m-layer-us-", laps.microseconds[i], "");
    }
}
