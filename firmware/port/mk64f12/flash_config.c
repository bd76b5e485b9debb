/* The 16 bytes at 0x400 that the flash controller reads at reset: Reference Manual, "Flash
 * configuration field description" and "FOPT boot options". With other values the chip may lock
 * itself, for ever if FSEC forbids mass erase as well.
 */
#include "board_config.h"

#include <stdint.h>

#define FSEC_UNSECURE 0xFEu /* SEC 10: not secured; mass erase and NXP's access stay allowed */
#define FOPT_NO_NMI 0xFBu   /* NMI_DIS 0: the button at the pin NMI_b (PTA4) stops nothing */

#define VECTORS_END                                                                                \
    (4u *                                                                                          \
        (16u +                                                                                     \
            MLUT_INTERRUPTS)) /* the linker script checks their size, and puts this behind them */
#define FIELD_START 0x400u

typedef struct {
    uint8_t unused[FIELD_START - VECTORS_END];
    uint8_t backdoor_key[8], fprot[4], fsec, fopt, feprot, fdprot;
} flash_config_t;

_Static_assert(sizeof(flash_config_t) == FIELD_START - VECTORS_END + 16u, "the field has 16 bytes");

__attribute__((section(".flash_config"), used)) static const flash_config_t flash_config = {
    .backdoor_key = {0xFFu, 0xFFu, 0xFFu, 0xFFu, 0xFFu, 0xFFu, 0xFFu, 0xFFu},
    .fprot = {0xFFu, 0xFFu, 0xFFu, 0xFFu}, /* nothing is protected */
    .fsec = FSEC_UNSECURE,
    .fopt = FOPT_NO_NMI,
    .feprot = 0xFFu, /* these two: not on this chip */
    .fdprot = 0xFFu,
};
