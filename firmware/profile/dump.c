#include "dump.h"

#include "print.h"

static struct {
    uint32_t calls; /* 0: nothing is asked for */
    const uint8_t *from;
    size_t bytes;
} wanted;

void mlut_dump_request(uint32_t calls, const uint8_t *from, size_t bytes)
{
    wanted.calls = calls;
    wanted.from = from;
    wanted.bytes = bytes;
}

void mlut_dump_after(uint32_t calls)
{
    if (calls == wanted.calls) {
        wanted.calls = 0;
        mlut_print("m-dump-");
        mlut_print_bytes(wanted.from, wanted.bytes);
        mlut_print("\r\n");
    }
}

bool mlut_dump_forget(void)
{
    const bool is_open = wanted.calls != 0u;
    wanted.calls = 0;
    return is_open;
}
