"""Features of sound and pictures: against the libraries that define them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.errors import InvalidInput
from microlut.ops.tensor import Quantization
from microlut.signal import MFCC, Image, Sensor, Spectrum
from microlut.signal.file import front_of
from microlut.signal.fixed import LOG_TABLE
from microlut.signal.mel import mel_filters
from microlut.support.resources import data_folder

RANDOM = np.random.default_rng(2)
NOISE = np.clip(RANDOM.normal(0, 3000, 16000), -32768, 32767).astype(np.int16)
QUIET = NOISE // 1000


@pytest.mark.keras
@pytest.mark.parametrize("samples", [NOISE, QUIET, np.zeros(16000, np.int16)])
@pytest.mark.parametrize(
    "spectrum",
    [
        MFCC,
        Spectrum(),
        Spectrum(power=2),
        Spectrum(frame=1024, hop=512, bands=64, high=8000),
        Spectrum(frame=100, hop=50, bands=10, high=0.0, coefficients=5, window="hamming"),
    ],
)
def test_features_are_those_of_tensorflow(spectrum: Spectrum, samples: np.ndarray):
    import tensorflow as tf

    window = tf.signal.hamming_window if spectrum.window == "hamming" else tf.signal.hann_window
    transformed = tf.signal.stft(
        samples.astype(np.float32) / 32768, spectrum.frame, spectrum.hop, spectrum.points, window
    )
    weights = tf.signal.linear_to_mel_weight_matrix(
        spectrum.bands, spectrum.points // 2 + 1, spectrum.rate, spectrum.low, spectrum.high
    )
    bands = tf.tensordot(tf.abs(transformed) ** spectrum.power, weights, 1)
    wanted = tf.math.log(bands + spectrum.offset)
    if spectrum.coefficients:
        wanted = tf.signal.mfccs_from_log_mel_spectrograms(wanted)[:, : spectrum.coefficients]
    found = spectrum(samples)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted.numpy()).max() < 0.03


def test_filters_are_those_of_librosa_and_torchaudio():
    """Values of `librosa.filters.mel` 0.11, noted once; torchaudio's are those with htk=True."""
    slaney = mel_filters("librosa", 257, 40, 16000, 0.0, 8000.0)
    noted = {(3, 0): 0.00986414, (3, 1): 0.00372833, (20, 7): 0.00686021, (20, 8): 0.00673226}
    noted |= {(100, 27): 0.00175901, (100, 28): 0.00246044, (250, 39): 0.0005696}
    assert slaney.shape == (257, 40)
    for (at, band), value in noted.items():
        assert slaney[at, band] == pytest.approx(value, abs=1e-8)
    assert np.count_nonzero(slaney[[3, 20, 100, 250]]) == len(noted)
    torch = mel_filters("torchaudio", 257, 40, 16000, 0.0, 8000.0)
    inside = slice(int(np.argmax(torch[:, 0])) + 1, int(np.argmax(torch[:, -1])))
    assert np.allclose(torch[inside].sum(axis=1), 1.0)  # each begins in the middle of another
    assert torch.max() == pytest.approx(0.9949942, abs=1e-6)


def test_table_of_logarithms_is_the_one_in_c():
    source = (data_folder("firmware") / "src/signal/spectrum.c").read_text()
    numbers = source.split("mlut_log_table[")[1].split("{")[1].split("}")[0]
    assert [int(n) for n in numbers.replace("\n", " ").split(",") if n.strip()] == [*LOG_TABLE]


def test_a_tone_is_in_its_band():
    time = np.arange(16000)
    spectrum = Spectrum(bands=20, high=8000)
    for hertz in (300, 1000, 3000, 6000):
        tone = np.round(8000 * np.sin(2 * np.pi * hertz / 16000 * time)).astype(np.int16)
        loudest = spectrum(tone).mean(axis=0).argmax()
        weights = mel_filters("tensorflow", 257, 20, 16000, 20, 8000)[round(hertz / 31.25)]
        assert loudest in np.argsort(weights)[-2:]


@pytest.mark.parametrize("method", ["nearest", "bilinear", "area"])
def test_pictures_of_their_own_size_stay_as_they_are(method: str):
    pixels = RANDOM.integers(0, 256, (9, 7, 3)).astype(np.uint8)
    image = Image(7, 9, method=method)
    assert np.array_equal(image.resized(pixels, (9, 7, 3)), pixels)
    assert np.array_equal(image(pixels, (9, 7, 3)), pixels.astype(np.float32))


def test_sizes_of_pictures():
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[None], 20, axis=0)[..., None]
    image = Image(20, 20, "grey", method="area")
    assert image.resized(ramp, (1, 10, 1)).ravel().tolist() == [*range(5, 200, 20)]
    larger = Image(20, 20, "grey").resized(ramp, (20, 40, 1))[0, :, 0].astype(int)
    assert np.all(np.abs(np.diff(larger)[1:-1] - 5) <= 1)  # bilinear keeps a slope
    colour = Image(1, 1, "rgb").resized(np.array([[[255, 0, 0]]], np.uint8), (1, 1, 1))
    assert colour.item() == 77
    red = Image(1, 1, "rgb565")(np.array([0x00, 0xF8], np.uint8), (1, 1, 3))
    assert red.ravel().tolist() == [255, 0, 0]
    swapped = Image(1, 1, "rgb565-swapped")(np.array([0xF8, 0x00], np.uint8), (1, 1, 3))
    assert swapped.ravel().tolist() == [255, 0, 0]


def test_raw_values_become_real_ones():
    sensor = Sensor((0.5, 0.001), (1.0, 0.0))
    assert sensor([[2, -1000]]).tolist() == [[2.0, -1.0]]
    assert sensor.quantized([[2, -1000]], Quantization(0.1, 3)).tolist() == [[23, -7]]


WRONG = [
    (Spectrum, {"frame": 1}, "frame is 1"),
    (Spectrum, {"hop": 481}, "hop is 481; give 1 to 480"),
    (Spectrum, {"points": 500}, "points is 500; give a power of two"),
    (Spectrum, {"points": 256}, "no less than the frame, 480"),
    (Spectrum, {"low": 4000.0}, "give 0 <= low < high <= 8000"),
    (Spectrum, {"high": 9000.0}, "half the sample rate"),
    (Spectrum, {"coefficients": 41}, "coefficients is 41"),
    (Spectrum, {"power": 3}, "power is 3"),
    (Spectrum, {"every": 0}, "every is 0"),
    (Sensor, {"scale": (1.0,), "every": 2.5}, "every is 2.5"),
    (Spectrum, {"offset": 2.0}, "offset is 2"),
    (Spectrum, {"window": "kaiser"}, "window is 'kaiser'"),
    (Spectrum, {"bands": 2.5}, "bands is 2.5"),
    (Spectrum, {"low": 10.0, "high": 12.0}, "none has a bin"),
    (Image, {"width": 0, "height": 3}, "width is 0"),
    (Image, {"width": 3, "height": 3, "part": (1, 1, 3, 1)}, "within 3x3 pixels"),
    (Image, {"width": 3, "height": 3, "format": "yuv"}, "format is 'yuv'"),
    (Image, {"width": 3, "height": 3, "scale": (1.0, 2.0)}, "one for each of 3 channels"),
    (Sensor, {"scale": ()}, "above 0"),
    (Sensor, {"scale": (1.0, -1.0)}, "above 0"),
    (Sensor, {"scale": (1.0,), "offset": (1.0, 2.0)}, "give as many"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), WRONG)
def test_what_is_refused(kind: type, arguments: dict[str, object], message: str):
    with pytest.raises(InvalidInput, match=message):
        kind(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MFCC(np.zeros(999)), "16-bit samples"),
        (lambda: MFCC(np.zeros((2, 999), np.int16)), "2-dimensional"),
        (lambda: Image(3, 3)(np.zeros(26, np.uint8), (3, 3, 3)), "26 bytes"),
        (lambda: Image(3, 3)(np.zeros(27, np.uint8), (3, 3, 2)), "no picture"),
        (lambda: Sensor((1.0,))(np.zeros((3, 2), int)), r"\[..., 1\]"),
        (lambda: Sensor((1.0,))(np.full((3, 1), 2**25)), "above 2"),
        (lambda: Sensor((1e-30,)).stages(Quantization(1.0, 0)), "as the network was trained"),
    ],
)
def test_inputs_that_are_refused(call, message: str):
    with pytest.raises(InvalidInput, match=message):
        call()


def test_files_of_front_ends(tmp_path):
    file = tmp_path / "front.toml"
    file.write_text('kind = "spectrum"\nrate = 8000\nframe = 200\nhop = 100\nhigh = 3000\n')
    assert front_of(file) == Spectrum(rate=8000, frame=200, hop=100, high=3000.0)
    file.write_text('kind = "image"\nwidth = 96\nheight = 64\npart = [0, 0, 64, 64]\nscale = 0.1\n')
    assert front_of(str(file)) == Image(96, 64, part=(0, 0, 64, 64), scale=0.1)
    file.write_text('kind = "sensor"\nscale = [0.1, 0.2]\n')
    assert front_of(file) == Sensor((0.1, 0.2))
    assert front_of("mfcc") is MFCC
    assert front_of(MFCC) is MFCC


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate = 8000\n", "kind"),
        ('kind = "video"\n', "kind"),
        ('kind = "spectrum"\nrat = 8000\n', "did you mean rate"),
        ('kind = "spectrum"\nhop = 999\n', "front.toml: hop is 999"),
        ('kind = "image"\nwidth = 9\n', "height"),
        ("kind = \n", "not TOML"),
    ],
)
def test_files_that_are_refused(tmp_path, text: str, message: str):
    file = tmp_path / "front.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        front_of(file)


def test_other_things_than_front_ends():
    for given in ("mfc", "none.toml", 3, None):
        with pytest.raises(InvalidInput, match=r"front|none\.toml"):
            front_of(given)
