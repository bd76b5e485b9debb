#include "arena.h"

#ifdef MLUT_PROFILE

#include "app_config.h"
#include "buffer.h"
#include "dump.h"
#include "inference.h"
#include "print.h"
#include "words.h"

static bool next_number(char **rest, uint32_t *number)
{
    const char *word = mlut_next_word(rest);
    return word != NULL && mlut_read_number(word, number);
}

void mlut_arena_command(char *rest)
{
    uint32_t calls = 0;
    uint32_t offset = 0;
    uint32_t bytes = 0;
    if (!next_number(&rest, &calls) || !next_number(&rest, &offset) ||
        !next_number(&rest, &bytes) || calls == 0u || offset > MLUT_APP_ARENA_BYTES ||
        bytes > MLUT_APP_ARENA_BYTES - offset) {
        mlut_print_error("Command 'dump' requires kernel calls, and an offset and # of bytes in "
                         "the arena");
        return;
    }
    const uint8_t *input = mlut_buffer_input();
    if (input == NULL) {
        return;
    }
    mlut_dump_request(calls, (const uint8_t *)(const void *)MLUT_APP_ARENA + offset, bytes);
    mlut_infer(input);
    if (mlut_dump_forget()) {
        mlut_print_error("The inference has fewer kernel calls");
    }
}

#endif /* MLUT_PROFILE */
