/* What the ROM looks for in the first 4 KB of flash before it starts an image: RP2350 Datasheet 5.1
 * "Bootrom concepts" and 5.9.5 "Minimum viable image metadata"; values of the SDK's picobin.h.
 *
 * Without an entry point in it, the ROM takes the vector table at the start of flash. It has set up
 * the flash already, to be read as memory.
 */
#include <stdint.h>

#define BLOCK_START 0xFFFFDED3u
#define BLOCK_END 0xAB123579u
#define ITEM_IMAGE_TYPE 0x42u
#define ITEM_LAST 0xFFu
#define WORDS(count) ((uint32_t)(count) << 8)
#define TYPE_EXECUTABLE (0x1u << 16)
#define TYPE_SECURE (0x2u << 20)
#define TYPE_ARM_RP2350 (0x1u << 28) /* of the two kinds of cores, 0 is Arm */

__attribute__((section(".flash_config"), used)) static const uint32_t image_def[] = {
    BLOCK_START,
    ITEM_IMAGE_TYPE | WORDS(1) | TYPE_EXECUTABLE | TYPE_SECURE | TYPE_ARM_RP2350,
    ITEM_LAST | WORDS(1), /* so many words of items */
    0u,                   /* the only block of its loop */
    BLOCK_END,
};
