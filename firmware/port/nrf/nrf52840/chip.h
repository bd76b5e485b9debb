/* nRF52840 and nRF52833, which has all that is used here at the same addresses: its UARTE, GPIO and
 * UARTs. */
#ifndef MLUT_NRF_CHIP_H
#define MLUT_NRF_CHIP_H

/* address, interrupt */
#define NRF_UARTE0 {0x40002000u, 2u}
#define NRF_UARTE1 {0x40028000u, 40u}

#define NRF_TASKS_STARTRX 0x000u
#define NRF_TASKS_STARTTX 0x008u
#define NRF_EVENTS_ENDRX 0x110u
#define NRF_EVENTS_ENDTX 0x120u
#define NRF_INTEN_ENDRX (1u << 4)
#define NRF_PSEL_TXD 0x50Cu
#define NRF_PSEL_RXD 0x514u
#define NRF_RXD_PTR 0x534u /* MAXCNT follows */
#define NRF_TXD_PTR 0x544u

#define NRF_GPIO(port) (0x50000000u + 0x300u * (port))
#define NRF_GPIO_OUTSET 0x508u
#define NRF_GPIO_DIRSET 0x518u
#define NRF_GPIO_PIN_CNF 0x700u

#endif /* MLUT_NRF_CHIP_H */
