#include "guard.h"

#include "app_config.h"
#include "port.h"
#include "print.h"
#include "stack.h"

#include <string.h>

#define PATTERN 0xA5

static const size_t guard_bytes = MLUT_APP_ARENA_GUARD; /* a loop to 0u itself is warned of */

/* Where an arena is, and how many bytes of it are written to. */
static const struct {
    void *at;
    uint32_t bytes;
} arenas[] = MLUT_APP_ARENAS;

static uint8_t *behind(size_t arena)
{
    return (uint8_t *)arenas[arena].at + arenas[arena].bytes;
}

_Noreturn static void stop(const char *fault)
{
    mlut_print_text_line("\r\nm-fault-[", fault, "]");
    mlut_port_exit(1);
}

void mlut_guard_begin(void)
{
    for (size_t i = 0; i < sizeof arenas / sizeof arenas[0]; i++) {
        memset(behind(i), PATTERN, guard_bytes);
    }
}

void mlut_guard_check(void)
{
    if (!mlut_stack_spare()) {
        stop("stack overflow");
    }
    for (size_t i = 0; i < sizeof arenas / sizeof arenas[0]; i++) {
        for (size_t j = 0; j < guard_bytes; j++) {
            if (behind(i)[j] != PATTERN) {
                stop("arena: written behind its end");
            }
        }
    }
}
