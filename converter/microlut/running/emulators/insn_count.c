/* QEMU TCG plugin: exact number of executed instructions of each marked region.
 *
 * A region starts with the execution of the instruction at address `begin` (counted) and ends
 * before that of the one at `end`. Arguments: out=FILE,begin=HEX,end=HEX, and optionally
 * caller=HEX,caller_end=HEX and blocks=FILE. The first file gets a line per region. Instructions
 * whose condition is false count, as on hardware.
 *
 * A line is one decimal number; with a caller, a function that calls others one after the other, it
 * is several, whose sum is the region: what precedes the caller, one for each call (up to the
 * return, the caller's own instructions before it included), and what follows the last return.
 *
 * The second file gets, for every piece of a region, what was executed: lines of region, piece,
 * address in hexadecimal, instructions from there on, and how often.
 *
 * Whole translation blocks are counted when they start. A block that contains an address of
 * interest is corrected by the part of it that lies outside the region; `blocks` takes it as a
 * whole, which is exact where both addresses are those of functions.
 *
 * QEMU's qemu-plugin.h is often not packaged, so the few functions used are declared here.
 * PLUGIN_API is the version QEMU wants. Up to 6 the plugin's id is passed to whom a block is
 * announced; from 7 on, a pointer of the plugin's own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
#if PLUGIN_API < 7
typedef void (*translation_callback_t)(plugin_id_t id, struct qemu_plugin_tb *block);
#else
typedef void (*translation_callback_t)(struct qemu_plugin_tb *block, void *user_data);
#endif
typedef void (*execution_callback_t)(unsigned int cpu, void *user_data);

#if PLUGIN_API < 7
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id_t id, translation_callback_t callback);
#else
extern void qemu_plugin_register_vcpu_tb_trans_cb(
    plugin_id_t id, translation_callback_t callback, void *user_data);
#endif
extern void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *block, execution_callback_t callback, int flags, void *user_data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
    execution_callback_t callback,
    int flags,
    void *user_data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(
    const struct qemu_plugin_tb *block, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);

EXPORT int qemu_plugin_version = PLUGIN_API;
EXPORT int qemu_plugin_install(
    plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv);

enum { NO_REGISTERS = 0 };

typedef struct block {
    struct block *next;
    uint64_t address;
    uint64_t instructions;
    uint64_t times; /* executed in this piece */
    bool in_caller;
} block_t;

static uint64_t begin_address, end_address, caller_address, caller_end;
static uint64_t executed; /* with the whole of the block that is running */
static uint64_t executed_at_piece;
static unsigned long region, piece;
static bool inside;
static block_t *all_blocks, *running;
static FILE *out, *blocks_out;

static void end_piece(uint64_t executed_before, char separator)
{
    fprintf(out, "%llu%c", (unsigned long long)(executed_before - executed_at_piece), separator);
    executed_at_piece = executed_before;
    for (block_t *block = all_blocks; block != NULL; block = block->next) {
        if (blocks_out != NULL && block->times != 0) {
            fprintf(blocks_out, "%lu %lu %llx %llu %llu\n", region, piece,
                (unsigned long long)block->address, (unsigned long long)block->instructions,
                (unsigned long long)block->times);
        }
        block->times = 0;
    }
    piece++;
}

static void on_block(unsigned int cpu, void *user_data)
{
    (void)cpu;
    block_t *block = user_data;
    if (inside && block->in_caller && !running->in_caller) {
        end_piece(executed, ' ');
    }
    running = block;
    executed += block->instructions;
    block->times++;
}

/* `left` is the number of instructions of the running block that are still to be executed. */
static void on_begin(unsigned int cpu, void *left)
{
    (void)cpu;
    for (block_t *block = all_blocks; block != NULL; block = block->next) {
        block->times = 0;
    }
    running->times = 1;
    executed_at_piece = executed - (uintptr_t)left;
    piece = 0;
    inside = true;
}

static void on_end(unsigned int cpu, void *left)
{
    (void)cpu;
    if (inside) {
        running->times--;
        end_piece(executed - (uintptr_t)left, '\n');
        fflush(NULL); /* QEMU is stopped by a signal */
        region++;
        inside = false;
    }
}

static void count_block(struct qemu_plugin_tb *translated)
{
    size_t count = qemu_plugin_tb_n_insns(translated);
    block_t *block = calloc(1, sizeof *block);
    if (block == NULL) {
        fputs("insn_count: out of memory\n", stderr);
        abort();
    }
    block->address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(translated, 0));
    block->instructions = count;
    block->in_caller = block->address >= caller_address && block->address < caller_end;
    block->next = all_blocks;
    all_blocks = block;
    qemu_plugin_register_vcpu_tb_exec_cb(translated, on_block, NO_REGISTERS, block);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(translated, i);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        void *left = (void *)(uintptr_t)(count - i);
        if (address == begin_address) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_begin, NO_REGISTERS, left);
        }
        if (address == end_address) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_end, NO_REGISTERS, left);
        }
    }
}

#if PLUGIN_API < 7
static void on_translate(plugin_id_t id, struct qemu_plugin_tb *translated)
{
    (void)id;
    count_block(translated);
}
#else
static void on_translate(struct qemu_plugin_tb *translated, void *user_data)
{
    (void)user_data;
    count_block(translated);
}
#endif

static bool read_hex(const char *argument, const char *key, uint64_t *value)
{
    size_t length = strlen(key);
    if (strncmp(argument, key, length) != 0) {
        return false;
    }
    *value = strtoull(argument + length, NULL, 16);
    return true;
}

int qemu_plugin_install(plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "blocks=", 7) == 0) {
            blocks_out = fopen(argv[i] + 7, "w");
        } else if (!read_hex(argv[i], "begin=", &begin_address) &&
                   !read_hex(argv[i], "end=", &end_address) &&
                   !read_hex(argv[i], "caller=", &caller_address)) {
            (void)read_hex(argv[i], "caller_end=", &caller_end);
        }
    }
    if (out == NULL || begin_address == end_address) {
        fputs("insn_count: needs out=FILE, begin=HEX and end=HEX\n", stderr);
        return -1;
    }
#if PLUGIN_API < 7
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
#else
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate, NULL);
#endif
    return 0;
}
