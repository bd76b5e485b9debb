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

/* Returns where some bytes are, whose offset counts all arenas one after the other; NULL if they
 * are not in one of these. */
static const uint8_t *place_at(uint32_t offset, uint32_t bytes)
{
    static const struct {
        const uint32_t *words;
        uint32_t bytes;
    } arenas[] = MLUT_APP_ARENAS;
    for (size_t i = 0; i < sizeof arenas / sizeof arenas[0]; i++) {
        if (offset < arenas[i].bytes) {
            const uint8_t *begin = (const uint8_t *)(const void *)arenas[i].words;
            return bytes <= arenas[i].bytes - offset ? begin + offset : NULL;
        }
        offset -= arenas[i].bytes;
    }
    return NULL;
}

void mlut_arena_command(char *rest)
{
    uint32_t calls = 0;
    uint32_t offset = 0;
    uint32_t bytes = 0;
    if (!next_number(&rest, &calls) || !next_number(&rest, &offset) ||
        !next_number(&rest, &bytes) || calls == 0u || place_at(offset, bytes) == NULL) {
        mlut_print_error("Command 'dump' requires kernel calls, and an offset and # of bytes in "
                         "the arena");
        return;
    }
    const uint8_t *input = mlut_buffer_input();
    if (input == NULL) {
        return;
    }
    mlut_dump_request(calls, place_at(offset, bytes), bytes);
    mlut_infer(input);
    if (mlut_dump_forget()) {
        mlut_print_error("The inference has fewer kernel calls");
    }
}

#endif /* MLUT_PROFILE */
