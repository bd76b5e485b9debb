/* libFuzzer's entry to the console application: each input is a whole session from the start on.
 *
 * The first byte chooses what is preloaded, of which others may follow; the rest is what the
 * console receives. The application is one unit with this file, so that every session begins with
 * the memory that a reset leaves. A session that infers for too long ends like one that is cut off
 * from its power.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include "app.c"
#include "arena.c"
#include "buffer.c"
#include "bulk.c"
#include "console.c"
#include "guard.c"
#include "inference.c"
#include "probe.c"
#include "words.c"
#ifdef MLUT_PROFILE
#include "dump.c"
#include "laps.c"
#endif
/* clang-format on */

#define PRELOADED 3u    /* inputs */
#define MOST_LOOKS 200u /* at the clock, in a session */

static struct {
    const uint8_t *at;
    size_t left;
    int last;
    uint8_t *preload;
    size_t preload_bytes;
    unsigned looks;
    unsigned ready;
    char line[8];
    size_t line_bytes;
    jmp_buf end;
} session;

static void check(bool is_right, const char *wrong)
{
    if (!is_right) {
        (void)fprintf(stderr, "console: %s\n", wrong);
        abort();
    }
}

void mlut_port_init(int argc, char **argv)
{
    (void)argc;
    (void)argv;
}

int mlut_port_read(void)
{
    check(
        session.ready == (session.last == '%' || session.last < 0), "m-ready is not printed once");
    session.ready = 0;
    if (session.left == 0u) {
        return -1;
    }
    session.left--;
    session.last = *session.at++;
    return session.last;
}

void mlut_port_write(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (session.line_bytes < sizeof session.line) {
            session.line[session.line_bytes++] = text[i];
        }
        if (text[i] == '\n') {
            check(strncmp(session.line, "m-fault", 7) != 0, "a fault is reported");
            session.ready += strncmp(session.line, "m-ready", 7) == 0;
            memset(session.line, 0, sizeof session.line);
            session.line_bytes = 0;
        }
    }
}

uint64_t mlut_port_microseconds(void)
{
    if (++session.looks > MOST_LOOKS) {
        longjmp(session.end, 1);
    }
    return session.looks * UINT64_C(1000000007); /* leaves 32 bits soon */
}

const uint8_t *mlut_port_preload(size_t *bytes)
{
    *bytes = session.preload_bytes;
    return session.preload;
}

_Noreturn void mlut_port_exit(int status)
{
    check(status == 0, "it stops by itself");
    longjmp(session.end, 1);
}

static void put_32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4u; i++) {
        at[i] = (uint8_t)(value >> 8u * i);
    }
}

static size_t not_zero(size_t bytes)
{
    return bytes == 0u ? 1u : bytes;
}

/* A block of its own size, so that reading behind it is noticed. */
static void make_preload(void)
{
    const unsigned kind = session.left == 0u ? 0u : *session.at++;
    session.left -= session.left != 0u;
    session.preload = NULL;
    session.preload_bytes = 0;
    if (kind % 4u == 1u || kind % 4u == 2u) { /* a sound one, or one without its end */
        const size_t whole = HEADER_BYTES + PRELOADED * MLUT_APP_INPUT_BYTES;
        session.preload_bytes = kind % 4u == 1u ? whole : kind / 4u % whole;
        session.preload = malloc(whole);
        memset(session.preload, (int)kind, whole);
        put_32(session.preload, MAGIC);
        put_32(session.preload + 4, VERSION);
        put_32(session.preload + 8, MLUT_APP_INPUT_BYTES);
        put_32(session.preload + 12, PRELOADED);
        session.preload = realloc(session.preload, not_zero(session.preload_bytes));
    } else if (kind % 4u == 3u) { /* any bytes */
        session.preload_bytes = session.left < kind / 4u ? session.left : kind / 4u;
        session.preload = malloc(not_zero(session.preload_bytes));
        memcpy(session.preload, session.at, session.preload_bytes);
        session.at += session.preload_bytes;
        session.left -= session.preload_bytes;
    }
}

static void reset(void)
{
    memset(&console, 0, sizeof console);
    memset(&buffer, 0, sizeof buffer);
    memset(&first, 0, sizeof first);
#ifdef MLUT_PROFILE
    memset(&wanted, 0, sizeof wanted);
    memset(&laps, 0, sizeof laps);
#endif
    for (size_t i = 0; i < sizeof arenas / sizeof arenas[0]; i++) {
        memset(arenas[i].at, 0, arenas[i].bytes + guard_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reset();
    memset(&session, 0, sizeof session);
    session.at = data;
    session.left = size;
    session.last = -1;
    make_preload();
    if (setjmp(session.end) == 0) {
        mlut_app_run();
    }
    mlut_guard_check(); /* also where it was cut off */
    free(session.preload);
    return 0;
}
