/* Pictures of a camera as inputs of a network: a part of them, resized, in the network's values. */
#ifndef MLUT_IMAGE_H
#define MLUT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How pixels lie in memory, row by row. */
#define MLUT_IMAGE_GREY 0u
#define MLUT_IMAGE_RGB 1u            /* a byte each of red, green and blue */
#define MLUT_IMAGE_RGB565 2u         /* 16 bits, the low byte first */
#define MLUT_IMAGE_RGB565_SWAPPED 3u /* 16 bits, the high byte first */

/* How they are resized. */
#define MLUT_IMAGE_NEAREST 0u
#define MLUT_IMAGE_BILINEAR 1u
#define MLUT_IMAGE_AREA 2u /* the mean of all pixels that a new one covers */

typedef struct {
    const int8_t
        *values;    /* [tables][256]: the network's value of a byte, of all channels or each */
    uint16_t width; /* of a picture; all sizes are 1 to 4095 */
    uint16_t left;  /* the part that is taken */
    uint16_t top;
    uint16_t part_width;
    uint16_t part_height;
    uint16_t out_width;
    uint16_t out_height;
    uint8_t channels; /* of the network: 1 or 3 */
    uint8_t tables;
    uint8_t format;
    uint8_t method;
} mlut_image_t;

/* Write the input [out_height][out_width][channels] of a network. */
void mlut_image(const mlut_image_t *image, const uint8_t *pixels, int8_t *input);

#ifdef __cplusplus
}
#endif

#endif /* MLUT_IMAGE_H */
