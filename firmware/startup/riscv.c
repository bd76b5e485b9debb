/* Start of a RISC-V program in machine mode: reset, write protection and trap reports.
 *
 * Everything is found through symbols of linker/riscv.ld. Interrupts are not used: one that comes
 * is reported like an exception. Section numbers are those of the RISC-V Privileged Architecture,
 * version 1.12.
 */
#include "csr.h"
#include "paint.h"
#include "port.h"
#include "print.h"

#include <string.h>

/* pmpcfg0, section 3.7.1: entry 1 lets programs read and execute, not write, from the address of
 * entry 0 up to its own. Locked, so that machine mode obeys as well. */
#define PMP_READ 0x01u
#define PMP_EXECUTE 0x04u
#define PMP_TOP_OF_RANGE 0x08u
#define PMP_LOCKED 0x80u
#define PMP_ENTRY_1(bits) ((uint32_t)(bits) << 8)

#define MCAUSE_INTERRUPT ((uintptr_t)1 << 31) /* section 3.1.15 */

extern uint8_t mlut_constants_start[];
extern uint8_t mlut_stack_start[];
extern uint8_t mlut_data_start[], mlut_data_end[];
extern const uint8_t mlut_data_load[];
extern uint8_t mlut_bss_start[], mlut_bss_end[];

int main(int argc, char **argv);
_Noreturn void mlut_reset(void);
_Noreturn void mlut_traps(void);
_Noreturn void mlut_trap(void);
_Noreturn void mlut_start(void);
_Noreturn void mlut_report_trap(uintptr_t stack, uintptr_t return_address);

/* What lies below the stack is constant: an overflow traps instead of overwriting it. */
static void protect_constants(void)
{
    MLUT_CSR_WRITE("pmpaddr0", (uintptr_t)mlut_constants_start >> 2);
    MLUT_CSR_WRITE("pmpaddr1", (uintptr_t)mlut_stack_start >> 2);
    MLUT_CSR_WRITE("pmpcfg0", PMP_ENTRY_1(PMP_READ | PMP_EXECUTE | PMP_TOP_OF_RANGE | PMP_LOCKED));
}

_Noreturn void mlut_start(void)
{
    mlut_paint_stack();
    if (&mlut_data_start[0] != &mlut_data_load[0]) { /* else a loader has put it in place */
        memcpy(mlut_data_start, mlut_data_load, (size_t)(mlut_data_end - mlut_data_start));
    }
    memset(mlut_bss_start, 0, (size_t)(mlut_bss_end - mlut_bss_start));
    protect_constants();
    mlut_port_exit(main(0, NULL));
}

/* mtvec, section 3.1.7: mlut_traps serves both modes. Interrupts, which a loader may have left on,
 * go off by MIE in mstatus (section 3.1.6): not every core has the register mie. */
__attribute__((naked, section(".reset"))) _Noreturn void mlut_reset(void)
{
    __asm__ volatile(MLUT_CSR_ASM("csrci mstatus, 8\n\t"
                                  "la t0, mlut_traps\n\t"
                                  "csrw mtvec, t0"));
    __asm__ volatile("la sp, mlut_stack_end\n\t"
                     "j mlut_start");
}

/* In vectored mode, which is the only one of some cores, the interrupt with number n goes to the
 * base plus 4 n, and exceptions go to the base, as all do in the other mode. A base has 8 zero bits
 * there, and a core 32 vectors. Jumps of 4 bytes reach everything. */
__attribute__((naked, aligned(256))) _Noreturn void mlut_traps(void)
{
    __asm__ volatile(".option push\n\t"
                     ".option norvc\n\t"
                     ".rept 32\n\t"
                     "j mlut_trap\n\t"
                     ".endr\n\t"
                     ".option pop");
}

/* Passes stack pointer and return address on, and takes a fresh stack if the old one is used up. */
__attribute__((naked)) _Noreturn void mlut_trap(void)
{
    __asm__ volatile("mv a0, sp\n\t"
                     "mv a1, ra\n\t"
                     "la sp, mlut_stack_end\n\t"
                     "la t0, mlut_stack_start + 512\n\t"
                     "bltu a0, t0, 1f\n\t"
                     "bgtu a0, sp, 1f\n\t"
                     "mv sp, a0\n"
                     "1:\tj mlut_report_trap");
}

static void print_register(const char *name, uintptr_t value)
{
    mlut_print(name);
    mlut_print_hex(value, 8);
}

_Noreturn void mlut_report_trap(uintptr_t stack, uintptr_t return_address)
{
    uintptr_t cause, place, value;
    MLUT_CSR_READ("mcause", cause); /* section 3.1.15 */
    MLUT_CSR_READ("mepc", place);
    MLUT_CSR_READ("mtval", value);
    mlut_port_init(0, NULL);
    mlut_print("\r\nm-fault-[");
    if (stack >= (uintptr_t)mlut_stack_start) {
        mlut_print((cause & MCAUSE_INTERRUPT) != 0u ? "interrupt " : "exception ");
        mlut_print_unsigned(cause & ~MCAUSE_INTERRUPT);
    } else {
        mlut_print("stack overflow");
    }
    print_register(" pc=0x", place);
    print_register(" ra=0x", return_address);
    print_register(" mcause=0x", cause);
    print_register(" mtval=0x", value);
    mlut_print("]\r\n");
    mlut_port_exit(1);
}
