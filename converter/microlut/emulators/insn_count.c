/* QEMU TCG plugin: exact number of executed instructions of each marked region.
 *
 * A region starts with the execution of the instruction at address `begin` (counted) and ends
 * before that of the one at `end`. Arguments: out=FILE,begin=HEX,end=HEX. The file gets one decimal
 * number per region and line. Instructions whose condition is false count, as on hardware.
 *
 * Whole translation blocks are counted when they start. A block that contains an address of
 * interest is corrected by the part of it that lies outside the region.
 *
 * QEMU's qemu-plugin.h is often not packaged, so the few functions used are declared here; they
 * are the same in all plugin API versions so far. PLUGIN_API is the version QEMU wants.
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
typedef void (*translation_callback_t)(plugin_id_t id, struct qemu_plugin_tb *block);
typedef void (*execution_callback_t)(unsigned int cpu, void *user_data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id_t id, translation_callback_t callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block,
                                                 execution_callback_t callback,
                                                 int flags,
                                                 void *user_data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                                   execution_callback_t callback,
                                                   int flags,
                                                   void *user_data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block,
                                                        size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);

EXPORT int qemu_plugin_version = PLUGIN_API;
EXPORT int
qemu_plugin_install(plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv);

enum { NO_REGISTERS = 0 };

static uint64_t begin_address, end_address;
static uint64_t executed; /* with the whole of the block that is running */
static uint64_t executed_at_begin;
static bool inside;
static FILE *out;

static void on_block(unsigned int cpu, void *instructions)
{
    (void)cpu;
    executed += (uintptr_t)instructions;
}

/* `left` is the number of instructions of the running block that are still to be executed. */
static void on_begin(unsigned int cpu, void *left)
{
    (void)cpu;
    executed_at_begin = executed - (uintptr_t)left;
    inside = true;
}

static void on_end(unsigned int cpu, void *left)
{
    (void)cpu;
    if (inside) {
        uint64_t count = executed - (uintptr_t)left - executed_at_begin;
        fprintf(out, "%llu\n", (unsigned long long)count);
        fflush(out); /* QEMU is stopped by a signal */
        inside = false;
    }
}

static void on_translate(plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, NO_REGISTERS, (void *)(uintptr_t)count);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
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

int qemu_plugin_install(plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "begin=", 6) == 0) {
            begin_address = strtoull(argv[i] + 6, NULL, 16);
        } else if (strncmp(argv[i], "end=", 4) == 0) {
            end_address = strtoull(argv[i] + 4, NULL, 16);
        }
    }
    if (out == NULL || begin_address == end_address) {
        fputs("insn_count: needs out=FILE, begin=HEX and end=HEX\n", stderr);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
