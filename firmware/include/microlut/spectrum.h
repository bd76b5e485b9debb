/* Features of sound: the logarithms of a spectrum in mel bands, or their cepstral coefficients
 * (MFCC), in fixed point. docs/reference/front-ends.md says what is computed. */
#ifndef MLUT_SPECTRUM_H
#define MLUT_SPECTRUM_H

#include "rescale.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weights of neighbouring bins. */
typedef struct {
    uint16_t first;
    uint16_t bins;
} mlut_mel_band_t;

typedef struct {
    const int16_t *window;        /* [frame], units of 2^-15 */
    const int16_t *twiddles;      /* [points / 2][2]: cosine and minus sine of k / points turns */
    const mlut_mel_band_t *bands; /* [band_count] */
    const uint16_t *weights;      /* of the first band's bins, then of the next one's; 2^-15 */
    const int16_t *cosines;       /* [features][band_count], 2^-15; NULL: features are bands */
    const mlut_rescale_t *stages; /* [stage_count]: of each feature, or of all */
    uint64_t floor;               /* added to each band, 1 or more */
    int32_t unit;                 /* logarithm to base 2 of what is 1.0, in 2^-16 */
    uint16_t frame;               /* samples, 2 to points */
    uint16_t hop;                 /* samples from one frame to the next, 1 to frame */
    uint16_t features;
    uint16_t band_count;
    uint16_t stage_count;
    uint8_t points_log2; /* 2^5 to 2^12 points of the transform */
    uint8_t power;       /* 1: bands of magnitudes; 2: of their squares */
    int8_t zero_point;
} mlut_spectrum_t;

/* Bytes of scratch, aligned to 8 bytes. */
#define MLUT_SPECTRUM_SCRATCH(points, bands) (((points) / 2u + 1u) * 8u + (bands) * 4u)

/* Write the features of a frame in units of 2^-16: logarithms to base 2, or their coefficients. */
void mlut_spectrum_values(
    const mlut_spectrum_t *spectrum, const int16_t *samples, void *scratch, int32_t *values);

/* Write the features of a frame as inputs of a network. */
void mlut_spectrum(
    const mlut_spectrum_t *spectrum, const int16_t *samples, void *scratch, int8_t *features);

/* Samples of a frame that is not complete. */
typedef struct {
    int16_t *samples; /* [frame] */
    size_t held;      /* 0 at the beginning */
} mlut_audio_t;

/* Take some of the next samples, and return how many; fewer than given if the frame is complete. */
size_t mlut_audio_push(
    const mlut_spectrum_t *spectrum, mlut_audio_t *audio, const int16_t *samples, size_t count);

/* Write the features of a complete frame and go on to the next one; return whether there was one.
 */
bool mlut_audio_frame(
    const mlut_spectrum_t *spectrum, mlut_audio_t *audio, void *scratch, int8_t *features);

#ifdef __cplusplus
}
#endif

#endif /* MLUT_SPECTRUM_H */
