#include "console.h"

#include "app_config.h"
#include "buffer.h"
#include "bulk.h"
#include "guard.h"
#include "inference.h"
#include "port.h"
#include "print.h"
#include "words.h"

#ifdef MLUT_PROFILE
#include "arena.h"
#include "laps.h"
#endif

#define FIRMWARE "ULPMark for tinyML Firmware V0.0.1" /* the host's runner expects this text */
#define END_OF_COMMAND '%'
#define COMMAND_BYTES 256u
#define DEFAULT_WARMUPS 10u

typedef struct {
    const char *name;
    void (*run)(char *rest);
} command_t;

/* The command being received. */
static struct {
    char command[COMMAND_BYTES + 1u];
    size_t command_bytes; /* COMMAND_BYTES + 1 after an overflow */
} console;

/* Lap times are 32-bit on the wire and wrap after 71 minutes, like those of other devices. */
static uint32_t now(void)
{
    return (uint32_t)mlut_port_microseconds();
}

static void print_lap(uint32_t microseconds)
{
    mlut_print_number_line("m-lap-us-", microseconds, "");
}

static void print_values(const mlut_tensor_t *tensor, const int8_t *values, bool is_first)
{
    for (uint32_t at = 0; at < tensor->bytes; at += tensor->type) {
        int32_t value = values[at];
        if (tensor->type == MLUT_INT16) {
            value = (int16_t)((uint8_t)values[at] | (uint32_t)(uint8_t)values[at + 1u] << 8);
        }
        if (!is_first) {
            mlut_print(",");
        }
        is_first = false;
        mlut_print_real(tensor->scale, value - tensor->zero_point);
    }
}

static void print_results(char *rest)
{
    (void)rest;
    if (mlut_inferred(0) == NULL) {
        mlut_print_error("No results: no inference has run");
        return;
    }
    mlut_print("m-results-[");
    for (uint32_t i = 0; i < MLUT_APP_OUTPUTS; i++) {
        print_values(MLUT_APP_MODEL.outputs + i, mlut_inferred(i), i == 0u);
    }
    mlut_print("]\r\n");
}

/* Prints the bytes of the last outputs, which `results` prints as rounded real values. */
static void print_output(char *rest)
{
    (void)rest;
    if (mlut_inferred(0) == NULL) {
        mlut_print_error("No output: no inference has run");
        return;
    }
    mlut_print_outputs();
}

#ifdef MLUT_APP_HAS_STATE
static void forget(char *rest)
{
    (void)rest;
    mlut_infer_anew();
}
#endif

static void print_name(char *rest)
{
    (void)rest;
    mlut_print("m-name-dut-[microlut]\r\n");
}

static void print_profile(char *rest)
{
    (void)rest;
    mlut_print("m-profile-[" FIRMWARE "]\r\n");
    mlut_print_text_line("m-model-[", MLUT_APP_MODEL.name, "]");
}

static void print_timestamp(char *rest)
{
    (void)rest;
    print_lap(now());
}

static void print_help(char *rest)
{
    (void)rest;
    mlut_print(FIRMWARE "\r\n"
                        "\r\n"
                        "help            : list the commands; each ends in %\r\n"
                        "name            : name of the device\r\n"
                        "profile         : firmware and model\r\n"
                        "timestamp       : time since start in microseconds\r\n"
                        "db load N       : expect N bytes of int8 input\r\n"
                        "db HH[HH]*      : hexadecimal input bytes\r\n"
                        "db print [N] [K]: N bytes of the input buffer from byte K\r\n"
                        "infer [N] [W]   : W warm-ups (10), then N timed inferences (1)\r\n"
                        "results         : outputs of the last inference\r\n"
                        "output          : the same as int8 bytes\r\n"
                        "bulk N          : infer the first N preloaded inputs\r\n"
#ifdef MLUT_APP_HAS_STATE
                        "reset           : forget earlier inferences\r\n"
#endif
#ifdef MLUT_PROFILE
                        "layers          : times of the last inference's kernel calls\r\n"
                        "dump C O N      : N bytes of the arena at O after C kernel calls\r\n"
#endif
    );
}

static void infer(const uint8_t *input, uint32_t count, uint32_t warmups)
{
    mlut_print_number_line("m-warmup-start-", warmups, "");
    for (uint32_t i = 0; i < warmups; i++) {
        mlut_infer(input);
        (void)mlut_port_microseconds(); /* keeps a clock of 32 bits from wrapping unseen */
    }
    mlut_guard_check();
    mlut_print("m-warmup-done\r\n");
    mlut_print_number_line("m-infer-start-", count, "");
    uint32_t start = now();
    for (uint32_t i = 0; i < count; i++) {
        mlut_infer(input);
        (void)mlut_port_microseconds();
    }
    uint32_t end = now();
    mlut_guard_check(); /* not per inference, which would be part of the time */
    print_lap(start);   /* only now: a line takes 2 ms at 115200 baud */
    print_lap(end);
    mlut_print("m-infer-done\r\n");
    print_results(NULL);
}

static void run_infer(char *rest)
{
    uint32_t count = 1;
    uint32_t warmups = DEFAULT_WARMUPS;
    const char *word = mlut_next_word(&rest);
    if (word != NULL && (!mlut_read_number(word, &count) || count == 0u)) {
        mlut_print_error("Inference iterations must be >0");
        return;
    }
    word = mlut_next_word(&rest);
    if (word != NULL && !mlut_read_number(word, &warmups)) {
        mlut_print_error("Inference warmup must be >=0");
        return;
    }
    const uint8_t *input = mlut_buffer_input();
    if (input != NULL) {
        infer(input, count, warmups);
    }
}

static const command_t commands[] = {
    {"name", print_name},
    {"timestamp", print_timestamp},
    {"profile", print_profile},
    {"help", print_help},
    {"db", mlut_buffer_command},
    {"infer", run_infer},
    {"results", print_results},
    {"output", print_output},
    {"bulk", mlut_bulk_command},
#ifdef MLUT_APP_HAS_STATE
    {"reset", forget},
#endif
#ifdef MLUT_PROFILE
    {"layers", mlut_laps_command},
    {"dump", mlut_arena_command},
#endif
};

static void run_command(char *text)
{
    char *rest = text;
    const char *name = mlut_next_word(&rest);
    for (size_t i = 0; name != NULL && i < sizeof commands / sizeof commands[0]; i++) {
        if (mlut_same_word(name, commands[i].name)) {
            commands[i].run(rest);
            return;
        }
    }
    mlut_print_text_line("e-[Unknown command: ", name == NULL ? "" : name, "]");
}

void mlut_console_greet(void)
{
    mlut_buffer_init();
    mlut_print("m-timestamp-mode-performance\r\n");
    print_lap(now());
    mlut_print("m-init-done\r\nm-ready\r\n");
}

void mlut_console_receive(char byte)
{
    if (byte == '\r' || byte == '\n') {
        return;
    }
    if (byte != END_OF_COMMAND) {
        if (console.command_bytes < COMMAND_BYTES) {
            console.command[console.command_bytes] = byte;
        }
        console.command_bytes += console.command_bytes <= COMMAND_BYTES ? 1u : 0u;
        return;
    }
    if (console.command_bytes > COMMAND_BYTES) {
        mlut_print_number_line("e-[Command is longer than ", COMMAND_BYTES, " characters]");
    } else {
        console.command[console.command_bytes] = '\0';
        run_command(console.command);
    }
    console.command_bytes = 0;
    mlut_print("m-ready\r\n");
}
