/* nRF54L15, nRF54L10 and nRF54L05 in the secure state, as they start: its UARTE, GPIO and UARTs. */
#ifndef MLUT_NRF_CHIP_H
#define MLUT_NRF_CHIP_H

/* Address, interrupt. UARTE20 to UARTE22 reach port 1, UARTE30 port 0, and only with pins of the
 * same power domain. */
#define NRF_UARTE20 {0x500C6000u, 198u}
#define NRF_UARTE30 {0x50104000u, 260u}

#define NRF_TASKS_STARTRX 0x028u
#define NRF_TASKS_STARTTX 0x050u
#define NRF_EVENTS_ENDRX 0x14Cu
#define NRF_EVENTS_ENDTX 0x168u
#define NRF_INTEN_ENDRX (1u << 19)
#define NRF_PSEL_TXD 0x604u
#define NRF_PSEL_RXD 0x60Cu
#define NRF_RXD_PTR 0x704u /* MAXCNT follows */
#define NRF_TXD_PTR 0x73Cu

#define NRF_GPIO(port) ((port) == 0u ? 0x5010A000u : (port) == 1u ? 0x500D8200u : 0x50050400u)
#define NRF_GPIO_OUTSET 0x004u
#define NRF_GPIO_DIRSET 0x014u
#define NRF_GPIO_PIN_CNF 0x080u

#endif /* MLUT_NRF_CHIP_H */
