/* Mel spectra and cepstral coefficients in fixed point. */
#include "microlut/spectrum.h"
#include "fixed.h"

#include <string.h>

/* A point of the transform. What is in it once is transformed: the square of a bin's magnitude, or
 * the magnitude. */
typedef union {
    struct {
        int32_t real;
        int32_t imaginary;
    } z;
    uint64_t bin;
} mlut_point_t;

#define MLUT_LOG_STEPS 128u

/* log2(1 + i / 128) - i / 128, in units of 2^-16 */
/* clang-format off */
static const uint16_t mlut_log_table[MLUT_LOG_STEPS + 1u] = {
    0, 224, 442, 654, 861, 1063, 1259, 1450, 1636, 1817, 1992, 2163,
    2329, 2490, 2646, 2797, 2944, 3087, 3224, 3358, 3487, 3611, 3732, 3848,
    3960, 4068, 4172, 4272, 4368, 4460, 4549, 4633, 4714, 4791, 4864, 4934,
    5001, 5063, 5123, 5178, 5231, 5280, 5326, 5368, 5408, 5444, 5477, 5507,
    5533, 5557, 5578, 5595, 5610, 5622, 5631, 5637, 5640, 5641, 5638, 5633,
    5626, 5615, 5602, 5586, 5568, 5547, 5524, 5498, 5470, 5439, 5406, 5370,
    5332, 5291, 5249, 5203, 5156, 5106, 5054, 5000, 4944, 4885, 4825, 4762,
    4697, 4630, 4561, 4490, 4416, 4341, 4264, 4184, 4103, 4020, 3935, 3848,
    3759, 3668, 3575, 3481, 3384, 3286, 3186, 3084, 2981, 2875, 2768, 2659,
    2549, 2437, 2323, 2207, 2090, 1971, 1851, 1729, 1605, 1480, 1353, 1224,
    1094, 963, 830, 695, 559, 421, 282, 142, 0,
};
/* clang-format on */

/* The logarithm of x, which is not 0, to base 2 in units of 2^-16. */
static int32_t mlut_spectrum_log_of(uint64_t x)
{
    const unsigned bit = mlut_high_bit(x);
    const uint32_t part = (uint32_t)mlut_shifted(x, 16 - (int)bit) & 0xffffu;
    const uint16_t *const at = mlut_log_table + (part >> 9);
    const int32_t slope = (int32_t)at[1] - (int32_t)at[0];
    const int32_t above = (slope * (int32_t)(part & 511u)) >> 9;
    return (int32_t)(bit << 16 | part) + (int32_t)at[0] + above;
}

/* Four times the square root of x, with 16 bits that count. */
static uint64_t mlut_spectrum_root_of(uint64_t x)
{
    if (x == 0u) {
        return 0;
    }
    const int left = 30 - (int)(mlut_high_bit(x) & ~1u); /* to 2^30 or 2^31 */
    uint32_t rest = (uint32_t)mlut_shifted(x, left);
    uint32_t root = 0;
    for (uint32_t bit = UINT32_C(1) << 30; bit > 0; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return mlut_shifted(root, 2 - left / 2);
}

/* Write the samples, weighted, as complex numbers in bit-reversed order: even ones are real parts,
 * odd ones imaginary parts, in units of 2^-29. */
static void mlut_spectrum_load(
    const mlut_spectrum_t *spectrum, const int16_t *samples, mlut_point_t *points)
{
    const uint32_t count = UINT32_C(1) << (spectrum->points_log2 - 1u);
    uint32_t to = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t even = 2u * i, odd = even + 1u;
        int32_t real = 0, imaginary = 0;
        if (even < spectrum->frame) {
            real = ((int32_t)samples[even] * spectrum->window[even]) >> 1;
        }
        if (odd < spectrum->frame) {
            imaginary = ((int32_t)samples[odd] * spectrum->window[odd]) >> 1;
        }
        points[to].z.real = real;
        points[to].z.imaginary = imaginary;
        uint32_t bit = count >> 1;
        while ((to & bit) != 0u) { /* count in reverse */
            to ^= bit;
            bit >>= 1;
        }
        to |= bit;
    }
}

/* Transform in place, and halve at each of its steps. */
static void mlut_spectrum_transform(const mlut_spectrum_t *spectrum, mlut_point_t *points)
{
    const uint32_t count = UINT32_C(1) << (spectrum->points_log2 - 1u);
    for (uint32_t half = 1; half < count; half <<= 1) {
        for (mlut_point_t *a = points; a < points + count; a += 2u * half) {
            mlut_point_t *const b = a + half; /* which are not turned */
            const int32_t real = b->z.real >> 1, imaginary = b->z.imaginary >> 1;
            b->z.real = (a->z.real >> 1) - real;
            b->z.imaginary = (a->z.imaginary >> 1) - imaginary;
            a->z.real = (a->z.real >> 1) + real;
            a->z.imaginary = (a->z.imaginary >> 1) + imaginary;
        }
        for (uint32_t turn = 1; turn < half; turn++) {
            const int16_t *const w = spectrum->twiddles + 2u * (turn * (count / half));
            const int16_t cosine = w[0], sine = w[1];
            for (mlut_point_t *a = points + turn; a < points + count; a += 2u * half) {
                mlut_point_t *const b = a + half;
                const int32_t real =
                    mlut_times(b->z.real, cosine) - mlut_times(b->z.imaginary, sine);
                const int32_t imaginary =
                    mlut_times(b->z.real, sine) + mlut_times(b->z.imaginary, cosine);
                b->z.real = (a->z.real >> 1) - real;
                b->z.imaginary = (a->z.imaginary >> 1) - imaginary;
                a->z.real = (a->z.real >> 1) + real;
                a->z.imaginary = (a->z.imaginary >> 1) + imaginary;
            }
        }
    }
}

static uint64_t mlut_spectrum_square(int32_t real, int32_t imaginary)
{
    return (uint64_t)((int64_t)real * real) + (uint64_t)((int64_t)imaginary * imaginary);
}

/* Replace the complex numbers by the squares of all bins of the real signal, 0 to `count`. */
static void mlut_spectrum_squares(const mlut_spectrum_t *spectrum, mlut_point_t *points)
{
    const uint32_t count = UINT32_C(1) << (spectrum->points_log2 - 1u);
    const int32_t even = points[0].z.real >> 1, odd = points[0].z.imaginary >> 1;
    points[0].bin = mlut_spectrum_square(even + odd, 0);
    points[count].bin = mlut_spectrum_square(even - odd, 0);
    for (uint32_t k = 1; k <= count / 2u; k++) {
        mlut_point_t *const a = points + k, *const b = points + count - k;
        const int16_t *const w = spectrum->twiddles + 2u * k;
        /* The spectra of even and of odd samples, from the sum and the difference of both. */
        const int32_t even_real = (a->z.real + b->z.real) >> 2;
        const int32_t even_imaginary = (a->z.imaginary - b->z.imaginary) >> 2;
        const int32_t odd_real = (a->z.imaginary + b->z.imaginary) >> 1;
        const int32_t odd_imaginary = (b->z.real - a->z.real) >> 1;
        const int32_t real = mlut_times(odd_real, w[0]) - mlut_times(odd_imaginary, w[1]);
        const int32_t imaginary = mlut_times(odd_real, w[1]) + mlut_times(odd_imaginary, w[0]);
        a->bin = mlut_spectrum_square(even_real + real, even_imaginary + imaginary);
        if (a != b) {
            b->bin = mlut_spectrum_square(even_real - real, even_imaginary - imaginary);
        }
    }
}

/* Write the logarithms of all bands, less that of 1.0. */
static void mlut_spectrum_logarithms(
    const mlut_spectrum_t *spectrum, const mlut_point_t *points, int32_t *logarithm)
{
    const uint16_t *weight = spectrum->weights;
    const int drop = spectrum->power == 2u ? 10 : 0; /* so that no sum leaves 64 bits */
    for (size_t i = 0; i < spectrum->band_count; i++) {
        const mlut_mel_band_t *const band = spectrum->bands + i;
        uint64_t sum = spectrum->floor;
        for (size_t k = 0; k < band->bins; k++) {
            sum += (points[band->first + k].bin >> drop) * *weight++;
        }
        logarithm[i] = mlut_spectrum_log_of(sum) - spectrum->unit;
    }
}

static int32_t mlut_spectrum_feature(
    const mlut_spectrum_t *spectrum, size_t i, const int32_t *logarithm)
{
    if (spectrum->cosines == NULL) {
        return logarithm[i];
    }
    const int16_t *const cosines = spectrum->cosines + i * spectrum->band_count;
    int64_t sum = 1 << 14;
    for (size_t k = 0; k < spectrum->band_count; k++) {
        sum += (int64_t)logarithm[k] * cosines[k];
    }
    return (int32_t)(sum >> 15);
}

/* Analyze a frame, and return where the logarithms of its bands are. */
static const int32_t *mlut_spectrum_analyzed(
    const mlut_spectrum_t *spectrum, const int16_t *samples, void *scratch)
{
    mlut_point_t *const points = (mlut_point_t *)scratch;
    const uint32_t count = UINT32_C(1) << (spectrum->points_log2 - 1u);
    int32_t *const logarithm = (int32_t *)(void *)(points + count + 1u);
    mlut_spectrum_load(spectrum, samples, points);
    mlut_spectrum_transform(spectrum, points);
    mlut_spectrum_squares(spectrum, points);
    if (spectrum->power == 1u) {
        for (uint32_t k = 0; k <= count; k++) {
            points[k].bin = mlut_spectrum_root_of(points[k].bin);
        }
    }
    mlut_spectrum_logarithms(spectrum, points, logarithm);
    return logarithm;
}

void mlut_spectrum_values(
    const mlut_spectrum_t *spectrum, const int16_t *samples, void *scratch, int32_t *values)
{
    const int32_t *const logarithm = mlut_spectrum_analyzed(spectrum, samples, scratch);
    for (size_t i = 0; i < spectrum->features; i++) {
        values[i] = mlut_spectrum_feature(spectrum, i, logarithm);
    }
}

void mlut_spectrum(
    const mlut_spectrum_t *spectrum, const int16_t *samples, void *scratch, int8_t *features)
{
    const int32_t *const logarithm = mlut_spectrum_analyzed(spectrum, samples, scratch);
    for (size_t i = 0; i < spectrum->features; i++) {
        const mlut_rescale_t *const stage =
            spectrum->stages + (spectrum->stage_count > 1u ? i : 0u);
        const int32_t value = mlut_spectrum_feature(spectrum, i, logarithm);
        features[i] = mlut_rescale(stage, value, spectrum->zero_point);
    }
}

size_t mlut_audio_push(
    const mlut_spectrum_t *spectrum, mlut_audio_t *audio, const int16_t *samples, size_t count)
{
    const size_t room = spectrum->frame - audio->held;
    const size_t taken = count < room ? count : room;
    memcpy(audio->samples + audio->held, samples, taken * sizeof(*samples));
    audio->held += taken;
    return taken;
}

bool mlut_audio_frame(
    const mlut_spectrum_t *spectrum, mlut_audio_t *audio, void *scratch, int8_t *features)
{
    if (audio->held < spectrum->frame) {
        return false;
    }
    mlut_spectrum(spectrum, audio->samples, scratch, features);
    audio->held -= spectrum->hop;
    memmove(audio->samples, audio->samples + spectrum->hop, audio->held * sizeof(int16_t));
    return true;
}
