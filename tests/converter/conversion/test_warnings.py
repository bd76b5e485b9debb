"""Warnings of `convert` about unsuitable models and calibration inputs, and its exit code."""

from __future__ import annotations

import json

import numpy as np
import pytest

import microlut
from digits_example import CALIBRATION, MODEL, conversion, samples
from microlut import cli
from microlut.conversion.pipeline import convert
from microlut.errors import InvalidInput
from microlut.ops.arrays import FloatArray
from weather import sensors

pytestmark = pytest.mark.keras


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Return a function that runs `microlut`, and gives its exit code and standard output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["microlut", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return stopped.value.code or 0, capsys.readouterr().out

    return run


def weather_station(keras, x: FloatArray, *, normalized: bool):
    """Return a network of degrees, hPa, percent, ohm.

    It begins with their batch normalization, or its first dense layer has the scales in its kernel.
    """
    keras.utils.set_random_seed(3)
    layers = keras.layers
    inner, deviation = layers.Dense(16, activation="relu"), x.std(axis=0)
    first = layers.BatchNormalization()
    before = [first] if normalized else []
    model = keras.Sequential([keras.Input((4,)), *before, inner, layers.Dense(2)])
    if normalized:
        first.set_weights([np.ones(4), np.zeros(4), x.mean(axis=0), x.var(axis=0)])
    else:
        kernel = inner.get_weights()[0] / deviation[:, None]
        inner.set_weights([kernel, -x.mean(axis=0) @ kernel])
    return model


def autoencoder(keras):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(64),
        ]
    )


def values(count: int = 100) -> FloatArray:
    return np.random.default_rng(0).normal(0, 1, (count, 64)).astype(np.float32)


@pytest.fixture
def weather(request, keras, tmp_path):
    """Return the options that convert the weather station; with a parameter, normalized."""
    x = sensors()
    normalized = getattr(request, "param", False)
    weather_station(keras, x, normalized=normalized).save(tmp_path / "weather.keras")
    np.savez(tmp_path / "weather.npz", x=x)
    return ("convert", "weather.keras", "-o", "out", "--calibration", "weather.npz")


def test_features_of_unlike_scale_end_with_a_warning(call, weather, tmp_path):
    code, out = call(*weather)
    assert code == 0
    last = out.splitlines()[-1]
    assert last.startswith("Warning: ")
    assert "input features differ too much in scale: 3 of 4 (0, 1, 2)" in last
    assert (tmp_path / "out" / "model.c").is_file()


@pytest.mark.parametrize("weather", [True], indirect=True)
def test_normalized_features_may_differ_in_scale(call, weather):
    code, out = call(*weather, "--json")
    assert code == 0
    assert json.loads(out)["warnings"] == []


def test_strict_makes_a_warning_exit_code_1(call, weather, tmp_path):
    code, out = call(*weather, "--strict", "--json")
    assert code == 1
    found = json.loads(out)
    assert "begins at layer" in found["warnings"][-1]
    finding = found["findings"][-1]
    assert finding["place"] == found["layers"][0]["name"]
    assert finding["figures"]["snr_db"] < finding["figures"]["limit_snr_db"]
    assert finding["remedies"][0]["text"].startswith("scale all input features alike")
    ratios = [one["figures"]["snr_db"] for one in finding["remedies"] if one["figures"]]
    assert ratios
    assert ratios == sorted(ratios, reverse=True)
    assert (tmp_path / "out" / "model.c").is_file()


def test_findings_are_typed_values(call, weather, tmp_path):
    _, out = call(*weather, "--json")
    answer = json.loads(out)
    (found,) = (f for f in answer["findings"] if f["code"] == "unlike-features")
    assert found["place"] == answer["input"]["name"]
    assert found["figures"]["unlike"] == 3
    assert found["text"].startswith("input features differ too much in scale")
    assert found["remedies"][0]["text"].startswith("scale all features alike")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["findings"] == answer["findings"]
    assert len(report["warnings"]) == len(report["findings"])


def camera_network(keras, x: FloatArray):
    """Return a network whose batch normalization has seen x."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    conv, norm = layers.Conv2D(8, 3, use_bias=False), layers.BatchNormalization()
    end = [layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model = keras.Sequential([keras.Input(x.shape[1:]), conv, norm, *end])
    seen = keras.ops.convert_to_numpy(conv(x))
    axes = (0, 1, 2)
    norm.set_weights([np.ones(8), np.zeros(8), seen.mean(axes), seen.var(axes)])
    return model


@pytest.mark.parametrize(
    ("factor", "text"), [(1, ""), (255, "times too large"), (1 / 255, "times too small")]
)
def test_inputs_that_training_contradicts_are_warned_of(keras, factor: float, text: str):
    x = np.random.default_rng(0).uniform(0, 1, (60, 8, 8, 3)).astype(np.float32)
    report = convert(camera_network(keras, x), factor * x, bits=8).report
    told = [f.text for f in report.findings if f.code == "unlike-training"]
    assert len(told) == bool(text)
    assert text in "".join(told)


def test_adapted_normalization_tells_of_training(keras):
    x = np.random.default_rng(0).uniform(0, 255, (200, 4)).astype(np.float32)
    first = keras.layers.Normalization()
    first.adapt(x)
    model = keras.Sequential([keras.Input((4,)), first, keras.layers.Dense(2)])
    for given, expected in ((x, False), (x / 255, True)):
        codes = [finding.code for finding in convert(model, given, bits=8).report.findings]
        assert ("unlike-training" in codes) == expected


DARK = samples().x / 5


@pytest.mark.parametrize("verb", ["run", "verify", "deploy"])
def test_test_inputs_of_another_range_are_warned_of(call, verb: str, tmp_path):
    np.savez(tmp_path / "dark.npz", x=DARK[:16])
    microlut.write(conversion(), tmp_path / "out")
    how = ("out", "--board", "host", "--inputs", "dark.npz")
    if verb == "deploy":
        how = (MODEL, *how[1:], "-o", "other", "--input-range", 0, 16, "--bits", 8)
    _, out = call(verb, *how)
    expected = "inputs of 'image' span 0 to 3.2, but the model was calibrated for 0 to 16: "
    assert out.splitlines()[-1].startswith(f"Warning: {expected}")
    code, out = call(verb, *how, "--json", *(("--strict",) if verb == "deploy" else ()))
    assert code == (verb == "deploy")
    found = json.loads(out)["findings"][-1]
    assert found["code"] == "unlike-calibration"
    assert found["text"].startswith(expected)
    assert found["figures"]["span_share"] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("verb", ["convert", "deploy"])
def test_strict_is_content_with_a_sound_model(call, verb: str):
    board = ("--board", "host") if verb == "deploy" else ()
    code, out = call(verb, MODEL, "-o", "out", "--calibration", CALIBRATION, "--strict", *board)
    assert code == 0
    assert "Warning" not in out


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.repeat(values(1), 40, axis=0), "40 calibration inputs, of which 1 differ"),
        (values(1), "1 calibration inputs"),
    ],
)
def test_few_calibration_inputs_are_warned_of(keras, x, text: str):
    report = convert(autoencoder(keras), x, distill=False).report
    assert any(text in warning for warning in report.warnings)


@pytest.mark.parametrize("place", [0, 123])
def test_one_wild_value_does_not_cost_the_other_inputs_their_steps(keras, place: int):
    x = values(500)
    x[place, 4] = 32_000
    made = convert(autoencoder(keras), x, bits=8)
    assert made.report.inputs[0].scale < 0.1
    assert "all except" in made.report.warnings[0]
    assert made.report.quality.snr_db > 20


@pytest.mark.parametrize("rule", ["auto", "min-max", "percentile", "min-error"])
def test_input_range_wins_over_calibration(keras, rule):
    made = convert(
        autoencoder(keras), values(), input_range=(-8, 9), range_rule=rule, distill=False
    )
    assert made.report.inputs[0].scale == pytest.approx(17 / 255)


@pytest.mark.parametrize("given", [(1.0, 0.0), (1.0, 1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_input_range_goes_from_low_to_high(keras, given):
    with pytest.raises(InvalidInput, match="give a smallest and a larger largest value"):
        convert(autoencoder(keras), values(), input_range=given)


def test_input_range_that_the_calibration_inputs_contradict_is_refused(keras):
    with pytest.raises(InvalidInput, match="the range given for inputs is 0 to 1; give the range"):
        convert(autoencoder(keras), 255 * np.abs(values()), input_range=(0, 1))


def test_autoencoder_is_judged_by_its_noise(call, keras, tmp_path):
    autoencoder(keras).save(tmp_path / "net.keras")
    np.savez(tmp_path / "x.npz", x=values())
    options = ("convert", "net.keras", "-o", "out", "--calibration", "x.npz", "--no-distill")
    _, out = call(*options)
    (line,) = (line for line in out.splitlines() if line.startswith("Against the float model"))
    assert "SNR" in line
    assert "class" not in line
    assert "drop" not in line
    _, out = call(*options, "--min-snr", 25, "--json")
    found = json.loads(out)
    assert found["budget"] == {"min_snr": 25.0}
    assert found["quality"]["agreement"] is None
    assert found["quality"]["snr_db"] > 25
    _, out = call(*options, "--task", "classes", "--json")
    assert json.loads(out)["quality"]["agreement"] > 50


def test_segmentation_is_judged_pixel_by_pixel(keras):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(3, 1, activation="softmax"),
        ]
    )
    x = np.random.default_rng(0).uniform(0, 1, (60, 8, 8, 3)).astype(np.float32)
    made = convert(model, x, bits=8)
    assert made.report.quality.agreement > 97
    assert 0 <= made.report.quality.expected_drop < 0.5


def test_channels_of_dust_count_as_lost_and_no_more(keras):
    model = keras.Sequential(
        [keras.Input((6, 6, 3)), keras.layers.Conv2D(8, 3), keras.layers.Conv2D(4, 3)]
    )
    kernel, bias = model.layers[0].get_weights()
    kernel[..., 3:6] *= 1e-30
    bias[:] = 1
    model.layers[0].set_weights([kernel, bias])
    x = np.random.default_rng(0).uniform(0, 1, (60, 6, 6, 3)).astype(np.float32)
    for method in ("calibrated", "fitted", "empirical"):
        for granularity in ("channel", "tensor"):
            made = convert(model, x, bits=4, method=method, granularity=granularity, distill=False)
            assert all(0 <= layer.error <= 1 for layer in made.report.layers if layer.bits)
