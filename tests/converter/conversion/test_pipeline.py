"""The pipeline: the arguments of convert, its results, and their reproducibility."""

import hashlib
import re

import numpy as np
import pytest

from digits_example import CALIBRATION, MODEL, SHAPE, conversion
from microlut.conversion.conversion import source_hash
from microlut.conversion.pipeline import convert
from microlut.errors import DoesNotFit, InvalidInput, UnsupportedModel
from microlut.graph import evaluate as float_ops
from microlut.integer import evaluate as int_ops
from microlut.integer import save
from microlut.ops.tensor import quantize_array


@pytest.fixture(scope="module")
def calibration() -> np.ndarray:
    with np.load(CALIBRATION) as arrays:
        return arrays["x"]


def test_convert_gives_the_same_bytes_again(tmp_path):
    first, second = (convert(MODEL, CALIBRATION) for _ in range(2))
    assert first.sources == second.sources
    assert first.tflite == second.tflite
    assert first.report == second.report
    save(first.quantized, tmp_path / "first.json")
    save(second.quantized, tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


@pytest.mark.parametrize("kind", [str, np.asarray])
def test_convert_takes_strings_and_arrays(kind, calibration):
    given = calibration if kind is np.asarray else str(CALIBRATION)
    assert convert(str(MODEL), given).sources == conversion().sources


def test_convert_plans_for_the_goal():
    usual = conversion().report
    assert (usual.optimize, usual.max_ram) == ("balanced", None)
    assert usual.arena_bytes in [point.arena_bytes for point in usual.ram_curve]
    small = convert(MODEL, CALIBRATION, optimize="ram").report
    assert (small.optimize, small.arena_bytes <= usual.arena_bytes) == ("ram", True)
    more = convert(MODEL, CALIBRATION, max_ram=8000).report
    assert usual.arena_bytes < more.arena_bytes <= more.max_ram == 8000


def test_convert_estimates_instructions_but_not_of_code_for_size():
    usual = conversion().report
    assert usual.core == "cortex-m4f"
    assert (
        usual.estimated_instructions
        == sum(layer.estimated_instructions for layer in usual.layers)
        > 0
    )
    small = convert(MODEL, CALIBRATION, optimize="size").report
    assert small.ram_curve == ()
    assert {
        small.estimated_instructions,
        *(layer.estimated_instructions for layer in small.layers),
    } == {None}


def test_convert_refuses_a_model_for_too_little_memory():
    with pytest.raises(DoesNotFit, match=r"digits does not fit: its arena takes at least [\d,]+ "):
        convert(MODEL, CALIBRATION, max_ram=500)


def test_convert_tells_its_stages_in_order():
    told = []
    convert(MODEL, CALIBRATION, bits=8, progress=lambda *what: told.append(what))
    assert [what for what, _, _ in told] == [
        *("import", "calibrate", "quantize", "plan", "generate", "generate")
    ]
    assert [done for _, done, _ in told] == [0, 1, 2, 3, 4, 5]
    assert {total for _, _, total in told} == {5}


def test_convert_names_the_model_as_asked():
    named = convert(MODEL, CALIBRATION, name="Ziffern-Netz 2")
    assert named.report.model == "Ziffern-Netz 2"
    assert named.report.prefix == "ziffern_netz_2"
    assert "ziffern_netz_2_run" in named.sources["model.h"]


def test_convert_names_its_source_in_the_header():
    header = conversion().sources["model.h"]
    assert "digits.keras" in header
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() in header


def test_convert_names_the_hash_of_the_source_in_the_report():
    assert conversion().report.source == "digits.keras"
    assert conversion().report.source_sha256 == hashlib.sha256(MODEL.read_bytes()).hexdigest()


@pytest.mark.parametrize("bits", [1, 9])
def test_convert_refuses_bits(bits):
    with pytest.raises(InvalidInput, match=f"bits is {bits}"):
        convert(MODEL, CALIBRATION, bits=bits)


def test_convert_refuses_granularity():
    with pytest.raises(InvalidInput, match="granularity is 'row'; give 'tensor' or 'channel'"):
        convert(MODEL, CALIBRATION, granularity="row")


@pytest.mark.parametrize("method", [None, "fitted"])
def test_convert_needs_no_calibration_with_an_input_range(method, calibration):
    made = convert(MODEL, method=method, input_range=(0.0, 16.0))
    assert made.report.method == "fitted"
    assert made.report.calibration_samples == 0
    x = quantize_array(calibration, made.quantized.inputs[0].quantized)
    same = int_ops.evaluate(made.quantized, x).argmax(1)
    assert np.mean(same == float_ops.evaluate(made.graph, calibration).argmax(1)) > 0.9


@pytest.mark.parametrize("method", ["fitted", "empirical"])
def test_methods_choose_other_weights_from_the_same_calibration(method):
    made = convert(MODEL, CALIBRATION, method=method)
    assert made.report.method == method
    assert made.sources["weights.c"] != conversion().sources["weights.c"]


@pytest.mark.parametrize("method", ["calibrated", "empirical"])
def test_methods_that_reconstruct_outputs_need_calibration(method):
    with pytest.raises(InvalidInput, match="no calibration inputs"):
        convert(MODEL, method=method, input_range=(0.0, 1.0))


def test_convert_refuses_method():
    with pytest.raises(InvalidInput, match="method is 'best'; give 'calibrated' or 'fitted' or"):
        convert(MODEL, CALIBRATION, method="best")


@pytest.mark.parametrize("span", [(1.0, 1.0), (2.0, 1.0), (0.0, np.inf)])
def test_convert_refuses_an_empty_input_range(span):
    with pytest.raises(InvalidInput, match="input range is"):
        convert(MODEL, input_range=span)


def test_convert_without_calibration_says_how_to_make_it():
    with pytest.raises(InvalidInput, match=re.escape("numpy.savez('calibration.npz', x=inputs)")):
        convert(MODEL, None)


def test_convert_refuses_calibration_of_another_shape(calibration):
    with pytest.raises(InvalidInput, match=re.escape("expects [samples, 8, 8, 1]")):
        convert(MODEL, calibration[:, :4])


@pytest.mark.keras
def test_convert_takes_a_model_in_memory(keras, calibration):
    model = keras.saving.load_model(MODEL)
    converted = convert(model, calibration)
    assert converted.report.source == "a model in memory"
    assert converted.report.source_sha256 == ""
    for name in ("weights.c", "model.c"):
        assert converted.sources[name] == conversion().sources[name]


@pytest.mark.keras
@pytest.mark.parametrize("layer", ["Dropout", "Activation"])
def test_convert_refuses_a_model_without_computation(layer, keras):
    x = keras.Input(SHAPE)
    argument = {"Dropout": 0.5, "Activation": "linear"}[layer]
    model = keras.Model(x, getattr(keras.layers, layer)(argument)(x))
    with pytest.raises(UnsupportedModel, match="no layer computes anything"):
        convert(model, np.zeros((1, *SHAPE)))


def test_fewer_bits_make_smaller_weights():
    sizes = [conversion(bits).report.weight_bytes for bits in (2, 3, 4, 8)]
    assert sizes == sorted(set(sizes))


def test_source_hash_of_a_folder_sees_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    first = source_hash(tmp_path)
    (tmp_path / "a" / "x").write_text("2")
    second = source_hash(tmp_path)
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert len({first, second, source_hash(tmp_path)}) == 3


def test_convert_refuses_constant_calibration_inputs():
    with pytest.raises(InvalidInput, match="calibration inputs are all 7; give some hundred"):
        convert(MODEL, np.full((10, 8, 8, 1), 7.0))
