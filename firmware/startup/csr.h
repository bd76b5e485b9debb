/* Access to the control and status registers of a RISC-V core, by name or number.
 *
 * GCC's -march=rv32imc leaves out the Zicsr instructions, and no C library is built for it with
 * them, so the assembler is told of them here.
 */
#ifndef MLUT_CSR_H
#define MLUT_CSR_H

#include <stdint.h>

#define MLUT_CSR_ASM(instruction)                                                                  \
    ".option push\n\t.option arch, +zicsr\n\t" instruction "\n\t.option pop"

#define MLUT_CSR_WRITE(name, value)                                                                \
    __asm__ volatile(MLUT_CSR_ASM("csrw " name ", %0")::"r"(value) : "memory")

#define MLUT_CSR_SET(name, bits)                                                                   \
    __asm__ volatile(MLUT_CSR_ASM("csrs " name ", %0")::"r"(bits) : "memory")

#define MLUT_CSR_READ(name, variable)                                                              \
    __asm__ volatile(MLUT_CSR_ASM("csrr %0, " name) : "=r"(variable)::"memory")

/* RISC-V Privileged Architecture 1.12, section 3.1.9 */
#define MLUT_MIE_EXTERNAL (1u << 11)

#endif /* MLUT_CSR_H */
