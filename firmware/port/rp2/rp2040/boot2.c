/* The second stage of booting: RP2040 Datasheet 2.8.1 "Processor Controlled Boot Sequence",
 * 2.6.3 "Flash", 4.10 "SSI".
 *
 * The ROM copies the first 256 bytes of flash to the end of RAM and jumps there, if the last four
 * are the checksum of the others (2.8.1.3.1; the build puts it there). This stage lets the flash be
 * read as memory by the plain command 03h, which every SPI flash chip has: serial, at a quarter of
 * the core's clock, with 8 bits of command and 24 of address before 32 of data. So a word that the
 * cache of 16 KB does not have takes 64 SPI clocks, 256 of the core. Then it starts the firmware.
 */

void mlut_boot2(void);

/* Position-independent: it only loads constants. SSI registers by their offsets:
 * SSIENR 0x08, BAUDR 0x14, CTRLR0 0x00, CTRLR1 0x04, SPI_CTRLR0 0xF4. */
__attribute__((section(".boot2"), naked, used)) void mlut_boot2(void)
{
    __asm__ volatile(
        "ldr r3, =0x18000000\n\t" /* XIP_SSI_BASE */
        "movs r0, #0\n\t"
        "str r0, [r3, #0x08]\n\t" /* off while it is configured */
        "movs r1, #4\n\t"
        "str r1, [r3, #0x14]\n\t"
        "ldr r1, =0x001F0300\n\t" /* frames of 32 bits; send command and address, then receive */
        "str r1, [r3, #0x00]\n\t"
        "str r0, [r3, #0x04]\n\t" /* one frame a read */
        "ldr r1, =0x03000218\n\t" /* command 03h of 8 bits, address of 24, both serial */
        "movs r2, #0xF4\n\t"
        "str r1, [r3, r2]\n\t"
        "movs r1, #1\n\t"
        "str r1, [r3, #0x08]\n\t"
        "ldr r0, =0x10000100\n\t" /* the vector table, behind these 256 bytes */
        "ldr r1, =0xE000ED08\n\t" /* VTOR */
        "str r0, [r1]\n\t"
        "ldr r1, [r0, #0]\n\t"
        "ldr r2, [r0, #4]\n\t"
        "msr msp, r1\n\t"
        "bx r2\n\t"
        ".ltorg\n\t"
        ".org 252\n\t"
        ".word 0"); /* the checksum's place */
}
