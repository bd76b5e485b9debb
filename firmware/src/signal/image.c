/* Crop, resize and normalize pictures. */
#include "microlut/image.h"

#define MLUT_IMAGE_CHANNELS 3u

/* The pixels that one of an output comes from, along one direction. */
typedef struct {
    uint32_t first;
    uint32_t second; /* bilinear: the other one; area: the end */
    uint32_t part;   /* bilinear: of the second one, in 1 / 256 */
} mlut_image_place_t;

static mlut_image_place_t mlut_image_place(uint32_t at, uint32_t from, uint32_t to, unsigned method)
{
    if (method == MLUT_IMAGE_NEAREST) {
        const uint32_t first = (2u * at + 1u) * from / (2u * to);
        return (mlut_image_place_t){first, first, 0};
    }
    if (method == MLUT_IMAGE_AREA) {
        return (mlut_image_place_t){at * from / to, ((at + 1u) * from + to - 1u) / to, 0};
    }
    const uint32_t middle = (2u * at + 1u) * from * 128u / to; /* of the new pixel */
    const uint32_t place = middle < 128u ? 0u : middle - 128u;
    const uint32_t first = place >> 8;
    if (first + 1u >= from) {
        return (mlut_image_place_t){from - 1u, from - 1u, 0};
    }
    return (mlut_image_place_t){first, first + 1u, place & 255u};
}

static size_t mlut_image_channels(const mlut_image_t *image)
{
    return image->channels == 1u ? 1u : MLUT_IMAGE_CHANNELS;
}

/* Read a pixel of the part as the network has channels. */
static void mlut_image_pixel(
    const mlut_image_t *image, const uint8_t *pixels, uint32_t y, uint32_t x, uint32_t *channels)
{
    const size_t at = ((size_t)image->top + y) * image->width + image->left + x;
    uint32_t red, green, blue;
    if (image->format == MLUT_IMAGE_GREY) {
        red = pixels[at];
        green = red;
        blue = red;
    } else if (image->format == MLUT_IMAGE_RGB) {
        const uint8_t *const rgb = pixels + 3u * at;
        red = rgb[0];
        green = rgb[1];
        blue = rgb[2];
    } else {
        const size_t high = image->format == MLUT_IMAGE_RGB565 ? 1 : 0;
        const uint8_t *const bytes = pixels + 2u * at;
        const uint32_t word = (uint32_t)bytes[high] << 8 | bytes[1u - high];
        red = word >> 11;
        green = word >> 5 & 63u;
        blue = word & 31u;
        red = red << 3 | red >> 2;
        green = green << 2 | green >> 4;
        blue = blue << 3 | blue >> 2;
    }
    if (image->channels == 1u) {
        channels[0] = image->format == MLUT_IMAGE_GREY
                          ? red
                          : (77u * red + 150u * green + 29u * blue + 128u) >> 8;
        return;
    }
    channels[0] = red;
    channels[1] = green;
    channels[2] = blue;
}

static void mlut_image_bilinear(const mlut_image_t *image,
    const uint8_t *pixels,
    mlut_image_place_t down,
    mlut_image_place_t right,
    uint32_t *channels)
{
    uint32_t corners[4][MLUT_IMAGE_CHANNELS];
    mlut_image_pixel(image, pixels, down.first, right.first, corners[0]);
    mlut_image_pixel(image, pixels, down.first, right.second, corners[1]);
    mlut_image_pixel(image, pixels, down.second, right.first, corners[2]);
    mlut_image_pixel(image, pixels, down.second, right.second, corners[3]);
    for (size_t c = 0; c < mlut_image_channels(image); c++) {
        const uint32_t upper = corners[0][c] * (256u - right.part) + corners[1][c] * right.part;
        const uint32_t lower = corners[2][c] * (256u - right.part) + corners[3][c] * right.part;
        channels[c] = (upper * (256u - down.part) + lower * down.part + 32768u) >> 16;
    }
}

static void mlut_image_area(const mlut_image_t *image,
    const uint8_t *pixels,
    mlut_image_place_t down,
    mlut_image_place_t right,
    uint32_t *channels)
{
    const uint32_t covered = (down.second - down.first) * (right.second - right.first);
    const uint32_t count = covered > 0u ? covered : 1u; /* whatever the structure holds */
    uint32_t sums[MLUT_IMAGE_CHANNELS] = {0};
    for (uint32_t y = down.first; y < down.second; y++) {
        for (uint32_t x = right.first; x < right.second; x++) {
            uint32_t one[MLUT_IMAGE_CHANNELS];
            mlut_image_pixel(image, pixels, y, x, one);
            for (size_t c = 0; c < mlut_image_channels(image); c++) {
                sums[c] += one[c];
            }
        }
    }
    for (size_t c = 0; c < mlut_image_channels(image); c++) {
        channels[c] = (sums[c] + count / 2u) / count;
    }
}

void mlut_image(const mlut_image_t *image, const uint8_t *pixels, int8_t *input)
{
    for (uint32_t y = 0; y < image->out_height; y++) {
        const mlut_image_place_t down =
            mlut_image_place(y, image->part_height, image->out_height, image->method);
        for (uint32_t x = 0; x < image->out_width; x++) {
            const mlut_image_place_t right =
                mlut_image_place(x, image->part_width, image->out_width, image->method);
            uint32_t channels[MLUT_IMAGE_CHANNELS];
            if (image->method == MLUT_IMAGE_NEAREST) {
                mlut_image_pixel(image, pixels, down.first, right.first, channels);
            } else if (image->method == MLUT_IMAGE_BILINEAR) {
                mlut_image_bilinear(image, pixels, down, right, channels);
            } else {
                mlut_image_area(image, pixels, down, right, channels);
            }
            for (size_t c = 0; c < mlut_image_channels(image); c++) {
                const size_t table = image->tables > 1u ? c : 0u;
                *input++ = image->values[256u * table + channels[c]];
            }
        }
    }
}
