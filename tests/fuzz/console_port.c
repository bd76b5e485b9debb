/* A port whose console receives random commands, sound ones and others, until time or count is
 * over.
 *
 * It takes a seed, seconds and a number of commands; sanitizers and the checks here find faults.
 */
#include "port.h"

#include "app_config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADER_BYTES 16u
#define MOST_INPUTS 3u
#define EVERY 4096u /* commands between two looks at the clock */

static uint64_t state, wanted, commands, ready, errors;
static double seconds;
static time_t start;
static char command[700];
static size_t length, at;
static uint8_t preload[HEADER_BYTES + MOST_INPUTS * MLUT_APP_INPUT_BYTES];
static char line[64];
static size_t line_bytes;

static uint32_t next(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

static void put(const char *text)
{
    const size_t bytes = strlen(text);
    if (length + bytes < sizeof command) {
        memcpy(command + length, text, bytes);
        length += bytes;
    }
}

static void put_byte(char byte)
{
    if (length + 1u < sizeof command) {
        command[length++] = byte;
    }
}

static void put_number(bool is_small)
{
    static const char *const numbers[] = {"0", "00", "-1", "4294967295", "4294967296", "1e3", "",
        "99999999999999999999", "0x10", "2147483648", "+1"};
    char text[16];
    put(" ");
    if (next(4) == 0u && !is_small) {
        put(numbers[next(sizeof numbers / sizeof numbers[0])]);
        return;
    }
    const uint32_t most = is_small ? 3u : next(2) ? MLUT_APP_INPUT_BYTES + 3u : 70000u;
    (void)snprintf(text, sizeof text, "%u", (unsigned)next(most));
    put(text);
}

static void put_digits(void)
{
    static const char digits[] = "0123456789abcdefABCDEFg ";
    put(" ");
    for (uint32_t i = next(next(8) ? 40u : 300u); i > 0u; i--) {
        put_byte(digits[next(next(20) ? 16u : sizeof digits - 1u)]);
    }
}

static void put_command(void)
{
    static const char *const names[] = {"name", "timestamp", "profile", "help", "results", "output",
        "layers", "reset", "dump", "bulk", "db load", "db print", "db", "infer", "db load"};
    const uint32_t kind = next(sizeof names / sizeof names[0] + 2u);
    if (kind >= sizeof names / sizeof names[0]) { /* an input that is whole, or noise */
        if (next(2)) {
            char text[32];
            (void)snprintf(text, sizeof text, "db load %u%%db ", (unsigned)MLUT_APP_INPUT_BYTES);
            put(text);
            for (uint32_t i = 0; i < 2u * MLUT_APP_INPUT_BYTES; i++) {
                put_byte("0123456789abcdef"[next(16)]);
            }
        } else {
            for (uint32_t i = next(next(5) ? 20u : 400u); i > 0u; i--) {
                put_byte((char)next(256));
            }
        }
    } else {
        put(names[kind]);
        const bool is_infer = strcmp(names[kind], "infer") == 0; /* whose counts are kept small */
        for (uint32_t i = is_infer ? 2u : next(4); i > 0u; i--) {
            if (strcmp(names[kind], "db") == 0) {
                put_digits();
            } else {
                put_number(is_infer);
            }
        }
    }
    if (next(30) == 0u && length > 0u) {
        const char byte = (char)next(256);
        const size_t place = next((uint32_t)length);
        if (command[0] != 'i' && (byte < '0' || byte > '9')) {
            command[place] = byte;
        }
    }
    put_byte('%');
}

static void fail(const char *why)
{
    (void)fprintf(stderr, "command %llu: %s: %.*s\n", (unsigned long long)commands, why,
        (int)length, command);
    abort();
}

void mlut_port_init(int argc, char **argv)
{
    state = argc > 1 ? strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15u + 1u : 1u;
    seconds = argc > 2 ? strtod(argv[2], NULL) : 1.0;
    wanted = argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX;
    start = time(NULL);
    state |= 1u;
}

int mlut_port_read(void)
{
    if (at == length) {
        if (commands > 0u && ready == 0u && command[length - 1u] == '%') {
            fail("no m-ready");
        }
        const bool is_late = commands % EVERY == 0u && difftime(time(NULL), start) >= seconds;
        if (commands >= wanted || is_late) {
            return -1;
        }
        commands++;
        length = at = 0;
        ready = 0;
        put_command();
    }
    return (uint8_t)command[at++];
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (line_bytes + 1u < sizeof line) {
            line[line_bytes++] = text[i];
        }
        if (text[i] == '\n') {
            line[line_bytes] = '\0';
            ready += strncmp(line, "m-ready", 7) == 0;
            errors += line[0] == 'e';
            if (strncmp(line, "m-fault", 7) == 0) {
                fail(line);
            }
            line_bytes = 0;
        }
    }
}

uint64_t mlut_port_microseconds(void)
{
    static uint64_t now;
    return now += 1000u;
}

const uint8_t *mlut_port_preload(size_t *bytes)
{
    static const uint8_t good[8] = {'M', 'L', 'U', 'T', 1};
    *bytes = next(10) ? sizeof preload : next(sizeof preload);
    memcpy(preload, good, sizeof good);
    const uint32_t size = next(10) ? MLUT_APP_INPUT_BYTES : next(70000u);
    const uint32_t count = next(10) ? MOST_INPUTS : next(2) ? UINT32_MAX : next(9);
    for (uint32_t i = 0; i < 4u; i++) {
        preload[8u + i] = (uint8_t)(size >> 8u * i);
        preload[12u + i] = (uint8_t)(count >> 8u * i);
    }
    if (next(20) == 0u) {
        preload[next(8)] ^= 1u;
    }
    return next(20) ? preload : NULL;
}

_Noreturn void mlut_port_exit(int status)
{
    (void)printf("%llu commands, %llu errors told\n", (unsigned long long)commands,
        (unsigned long long)errors);
    exit(status);
}
