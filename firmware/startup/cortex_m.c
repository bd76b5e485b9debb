/* Start of a Cortex-M (ARMv6-M to ARMv8.1-M) program: vector table, reset and fault reports.
 *
 * Everything is found through symbols of linker/cortex_m.ld. Interrupts that come without having
 * been asked for are reported like faults, by number. Registers: Armv6-M, Armv7-M and Armv8-M
 * Architecture Reference Manuals (DDI 0419, DDI 0403, DDI 0553), sections "Exception model" and
 * "System Control Space".
 */
#include "board_config.h"
#include "paint.h"
#include "port.h"
#include "print.h"

#include <stdbool.h>
#include <string.h>

#define SCB_VTOR ((volatile uint32_t *)0xE000ED08u)
#define SCB_CCR ((volatile uint32_t *)0xE000ED14u)
#define SCB_CFSR ((volatile uint32_t *)0xE000ED28u)
#define SCB_MMFAR ((volatile uint32_t *)0xE000ED34u)
#define SCB_BFAR ((volatile uint32_t *)0xE000ED38u)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_BFARVALID (1u << 15)
#define SCB_CPACR ((volatile uint32_t *)0xE000ED88u)
#define CPACR_CP10_CP11_FULL (0xFu << 20) /* floating point, and MVE */
#define CCR_LOB (1u << 19)                /* low-overhead branches are remembered */

/* Section "Protected Memory System Architecture" of DDI 0419 and DDI 0403. */
#define MPU_TYPE ((volatile uint32_t *)0xE000ED90u)
#define MPU_CTRL ((volatile uint32_t *)0xE000ED94u)
#define MPU_RNR ((volatile uint32_t *)0xE000ED98u)
#define MPU_RBAR ((volatile uint32_t *)0xE000ED9Cu)
#define MPU_RASR ((volatile uint32_t *)0xE000EDA0u)
#define CTRL_ENABLE_WITH_DEFAULTS 5u
#define RBAR_REGION_0 0x10u
#define RASR_4_KB_FORBIDDEN 0x10000017u /* no execution, no access, 2^(11 + 1) bytes, enabled */
#define GUARD_BYTES 4096u
#define CFSR_STKOF (1u << 20)

/* Bytes that the processor stacks on an exception without floating-point state. */
#define FRAME_BYTES 32u

typedef void (*vector_t)(void);

typedef struct {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
} frame_t;

extern uint8_t mlut_stack_start[], mlut_stack_end[];
extern uint8_t mlut_data_start[], mlut_data_end[];
extern const uint8_t mlut_data_load[];
extern uint8_t mlut_bss_start[], mlut_bss_end[];

int main(int argc, char **argv);
_Noreturn void mlut_reset(void);
_Noreturn void mlut_fault(void);
_Noreturn void mlut_report_fault(const uint8_t *frame);
#if defined(__ARM_ARCH_6M__)
void mlut_tick(void); /* of the clock that SysTick is there */
#else
#define mlut_tick mlut_fault
#endif

/* Exceptions, of which the first entry is the initial stack pointer. */
#define EXCEPTIONS 16u

static const vector_t vectors[EXCEPTIONS + MLUT_INTERRUPTS];

/* Makes what is below the stack forbidden: elsewhere than on Armv8-M, where the stack pointer has a
 * limit, the 4 KB below. In most chips nothing is there, and the access would fault in any case. */
static void guard_stack(void)
{
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
    __asm__ volatile("msr msplim, %0" ::"r"(mlut_stack_start) : "memory");
#else
    const uint32_t end = (uint32_t)(uintptr_t)mlut_stack_start;
    const uint32_t regions = *MPU_TYPE >> 8 & 0xFFu;
    if (regions != 0u && end % GUARD_BYTES == 0u) {
        *MPU_CTRL = 0u;
        for (uint32_t region = 0; region < regions; region++) {
            *MPU_RNR = region;
            *MPU_RASR = 0u;
        }
        *MPU_RBAR = (end - GUARD_BYTES) | RBAR_REGION_0;
        *MPU_RASR = RASR_4_KB_FORBIDDEN;
        *MPU_CTRL = CTRL_ENABLE_WITH_DEFAULTS;
        __asm__ volatile("dsb\n\tisb" ::: "memory");
    }
#endif
}

/* Not inlined: a prologue that saves floating-point registers must come after the FPU is on. */
static _Noreturn __attribute__((noinline)) void start(void)
{
    mlut_paint_stack();
    guard_stack();
    memcpy(mlut_data_start, mlut_data_load, (size_t)(mlut_data_end - mlut_data_start));
    memset(mlut_bss_start, 0, (size_t)(mlut_bss_end - mlut_bss_start));
    mlut_port_exit(main(0, NULL));
}

_Noreturn void mlut_reset(void)
{
#if defined(__ARM_FP)
    *SCB_CPACR |= CPACR_CP10_CP11_FULL;
#endif
#if defined(__ARM_FEATURE_MVE)
    *SCB_CCR |= CCR_LOB;
#endif
    *SCB_VTOR = (uint32_t)(uintptr_t)vectors;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    start();
}

/* Passes the exception frame on, and takes a fresh stack if the old one is used up. */
__attribute__((naked)) _Noreturn void mlut_fault(void)
{
    __asm__ volatile("mov r0, sp\n\t"
                     "ldr r1, =mlut_stack_end\n\t"
                     "ldr r2, =mlut_stack_start + 512\n\t"
                     "cmp r0, r2\n\t"
                     "bhs 1f\n\t"
                     "mov sp, r1\n"
                     "1:\tbl mlut_report_fault\n\t" /* B reaches 2 KB on Armv6-M */
                     ".ltorg");
}

static void print_register(const char *name, uint32_t value)
{
    mlut_print(name);
    mlut_print_hex(value, 8);
}

/* What came: an exception by its number, an interrupt by that of its line. */
static void print_kind(void)
{
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    mlut_print(number < EXCEPTIONS ? "exception " : "interrupt ");
    mlut_print_unsigned(number < EXCEPTIONS ? number : number - EXCEPTIONS);
}

/* Armv6-M has no register that says what the fault was. */
static void print_cause(void)
{
#if !defined(__ARM_ARCH_6M__)
    uint32_t status = *SCB_CFSR;
    print_register(" cfsr=0x", status);
    if ((status & CFSR_MMARVALID) != 0u) {
        print_register(" address=0x", *SCB_MMFAR);
    } else if ((status & CFSR_BFARVALID) != 0u) {
        print_register(" address=0x", *SCB_BFAR);
    } else {
        /* the core does not know which address it was */
    }
#endif
}

_Noreturn void mlut_report_fault(const uint8_t *frame)
{
    frame_t saved = {0};
    /* A frame outside the stack was never written: that is the fault itself. */
    bool stacked = frame >= mlut_stack_start && frame + FRAME_BYTES <= mlut_stack_end;
#if !defined(__ARM_ARCH_6M__)
    stacked = stacked && (*SCB_CFSR & CFSR_STKOF) == 0u; /* reserved before Armv8-M */
#endif
    if (stacked) {
        memcpy(&saved, frame, sizeof saved);
    }
    mlut_port_init(0, NULL);
    mlut_print("\r\nm-fault-[");
    if (stacked) {
        print_kind();
    } else {
        mlut_print("stack overflow");
    }
    print_register(" pc=0x", saved.pc);
    print_register(" lr=0x", saved.lr);
    print_cause();
    mlut_print("]\r\n");
    mlut_port_exit(1);
}

/* No entry is empty, reserved ones included: whatever comes is reported. */
__extension__ __attribute__((
    section(".isr_vector"), used)) static const vector_t vectors[EXCEPTIONS + MLUT_INTERRUPTS] = {
    (vector_t)(uintptr_t)mlut_stack_end,
    mlut_reset,
    [2 ... EXCEPTIONS - 2u] = mlut_fault,
    mlut_tick, /* SysTick */
    [EXCEPTIONS... EXCEPTIONS + MLUT_INTERRUPTS - 1u] = mlut_fault,
};
