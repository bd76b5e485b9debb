#include "buffer.h"

#include "app_config.h"
#include "print.h"
#include "words.h"

#define BYTES_PER_LINE 8u

static struct {
    uint8_t bytes[MLUT_APP_INPUT_BYTES];
    uint32_t expected; /* announced by `db load` */
    uint32_t loaded;
} buffer;

void mlut_buffer_init(void)
{
    buffer.expected = MLUT_APP_INPUT_BYTES;
    buffer.loaded = MLUT_APP_INPUT_BYTES;
}

const uint8_t *mlut_buffer_input(void)
{
    if (buffer.loaded != MLUT_APP_INPUT_BYTES) {
        mlut_print("e-[Input buffer has ");
        mlut_print_unsigned(buffer.loaded);
        mlut_print_number_line(" bytes, expected ", MLUT_APP_INPUT_BYTES, "]");
        return NULL;
    }
    return buffer.bytes;
}

static void load_buffer(char *rest)
{
    const char *word = mlut_next_word(&rest);
    uint32_t bytes = 0;
    if (word == NULL) {
        mlut_print_error("Command 'db load' requires the # of bytes");
    } else if (!mlut_read_number(word, &bytes) || bytes == 0u) {
        mlut_print_error("Command 'db load' must be >0 bytes");
    } else if (bytes > MLUT_APP_INPUT_BYTES) {
        mlut_print_number_line(
            "e-[Supplied buffer size exceeds maximum of ", MLUT_APP_INPUT_BYTES, "]");
    } else {
        buffer.expected = bytes;
        buffer.loaded = 0;
        mlut_print_number_line("m-[Expecting ", bytes, " bytes]");
    }
}

/* Prints `db print [N] [offset]`: the whole buffer if N is left out. */
static void print_buffer(char *rest)
{
    uint32_t count = buffer.loaded;
    uint32_t offset = 0;
    const char *word = mlut_next_word(&rest);
    bool valid = word == NULL || mlut_read_number(word, &count);
    word = mlut_next_word(&rest);
    valid = valid && (word == NULL || mlut_read_number(word, &offset));
    if (!valid || offset > buffer.loaded) {
        mlut_print_error("Command 'db print' takes [N] [offset] inside the buffer");
        return;
    }
    if (count > buffer.loaded - offset) {
        count = buffer.loaded - offset;
    }
    for (uint32_t i = 0; i < count; i++) {
        mlut_print(i % BYTES_PER_LINE == 0u ? "m-buffer-" : "-");
        mlut_print_hex(buffer.bytes[offset + i], 2);
        if ((i + 1u) % BYTES_PER_LINE == 0u || i + 1u == count) {
            mlut_print("\r\n");
        }
    }
}

static void append_to_buffer(const char *digits)
{
    bool odd = false;
    for (const char *c = digits; *c != '\0'; c++) {
        odd = !odd;
    }
    if (odd) {
        mlut_print_error("Insufficent number of hex digits"); /* the protocol's own spelling */
        return;
    }
    /* Digits beyond the announced size are disregarded. */
    for (; *digits != '\0' && buffer.loaded < buffer.expected; digits += 2) {
        int byte = mlut_read_hex_byte(digits);
        if (byte < 0) {
            const char pair[3] = {digits[0], digits[1], '\0'};
            mlut_print_text_line("e-[Invalid hex digit '", pair, "']");
            return;
        }
        buffer.bytes[buffer.loaded++] = (uint8_t)byte;
        if (buffer.loaded == buffer.expected) {
            mlut_print("m-load-done\r\n");
        }
    }
}

void mlut_buffer_command(char *rest)
{
    const char *word = mlut_next_word(&rest);
    if (word == NULL) {
        mlut_print_error("Command 'db' requires a subcommand");
    } else if (mlut_same_word(word, "load")) {
        load_buffer(rest);
    } else if (mlut_same_word(word, "print")) {
        print_buffer(rest);
    } else {
        append_to_buffer(word);
    }
}
