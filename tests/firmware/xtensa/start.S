/* The core starts at sim_reset; every exception ends with status 2. Call0 ABI, so no windows. */
    .section .reset, "ax"
    .global sim_reset
sim_reset:
    j 1f
    .align 4
stack:
    .word sim_stack
start:
    .word sim_start
1:  l32r a1, stack
    l32r a0, start
    callx0 a0

    .section .vector, "ax"
    movi a2, 1
    movi a3, 2
    simcall
