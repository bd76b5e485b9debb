"""Layers with unusual options: they give a network or an expected error."""

from __future__ import annotations

import io
import math
import warnings
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import microlut
from fake_keras import FakeLayer, FakeModel
from microlut.cli.failures import describe
from microlut.errors import InvalidInput, MicrolutError, UnsupportedModel
from microlut.importers import import_model
from microlut.importers.keras.affine import AFFINE
from microlut.importers.keras.layers import LAYERS
from microlut.plan import make_plan
from microlut.support.texts import is_plain

pytestmark = pytest.mark.sweep

PICTURE, STEPS = (6, 5, 2), (6, 2)
LARGEST = 65535  # of the engine's 16-bit numbers
WINDOW = {"strides": [1, 1], "padding": "same", "data_format": "channels_last"}
CONVOLUTION = {"kernel_size": [3, 2], "dilation_rate": [1, 1], "use_bias": True} | WINDOW
POOL = {"pool_size": [2, 2]} | WINDOW
STRIP = {"strides": [1], "padding": "same", "data_format": "channels_last"}
CONVOLUTION_1D = {"kernel_size": [3], "dilation_rate": [1], "use_bias": True} | STRIP
GLOBAL = {"keepdims": True, "data_format": "channels_last"}
RESIZED = {"data_format": "channels_last", "interpolation": "nearest"}
RECURRENT = {"units": 3, "activation": "tanh", "use_bias": True, "return_sequences": True}
RECURRENT |= {"go_backwards": False, "stateful": False, "unroll": False, "return_state": False}
LSTM = RECURRENT | {"recurrent_activation": "sigmoid"}
CELL = {"class_name": "SimpleRNNCell", "config": {"units": 3, "activation": "tanh", "name": "cell"}}
SHARED = {"dtype": "float32", "trainable": True}
STRIP_OPTIONS = {  # of layers over steps
    "AveragePooling1D": {"pool_size": [2]} | STRIP,
    "Bidirectional": {
        "layer": {"class_name": "SimpleRNN", "config": RECURRENT | {"name": "one"}},
        "merge_mode": "concat",
    },
    "Conv1D": {"filters": 3, "groups": 1, "activation": "relu"} | CONVOLUTION_1D,
    "Conv1DTranspose": {"filters": 3, "activation": "relu", "output_padding": None}
    | CONVOLUTION_1D,
    "Cropping1D": {"cropping": [1, 0]},
    "DepthwiseConv1D": {"depth_multiplier": 2, "activation": "relu6"} | CONVOLUTION_1D,
    "GRU": LSTM | {"reset_after": True},
    "GlobalAveragePooling1D": GLOBAL,
    "GlobalMaxPooling1D": GLOBAL,
    "LSTM": LSTM,
    "MaxPooling1D": {"pool_size": [2]} | STRIP,
    "RNN": {"cell": CELL} | {key: RECURRENT[key] for key in ("return_sequences", "unroll")},
    "SeparableConv1D": {"filters": 3, "depth_multiplier": 1} | CONVOLUTION_1D,
    "SimpleRNN": RECURRENT,
    "UpSampling1D": {"size": 2},
    "ZeroPadding1D": {"padding": [1, 0], "data_format": "channels_last"},
}
OPTIONS = STRIP_OPTIONS | {
    "Activation": {"activation": "relu"},
    "AveragePooling2D": POOL,
    "BatchNormalization": {"axis": -1, "epsilon": 1e-3, "scale": True, "center": True},
    "CenterCrop": {"height": 3, "width": 2, "data_format": "channels_last"},
    "Conv2D": {"filters": 3, "groups": 1, "activation": "relu"} | CONVOLUTION,
    "Conv2DTranspose": {"filters": 3, "activation": "relu", "output_padding": None} | CONVOLUTION,
    "Cropping2D": {"cropping": [[1, 0], [0, 2]], "data_format": "channels_last"},
    "Cropping3D": {"cropping": [[1, 0], [0, 2], [0, 0]], "data_format": "channels_last"},
    "Dense": {"units": 3, "use_bias": True, "activation": "relu"},
    "DepthwiseConv2D": {"depth_multiplier": 2, "activation": "relu6"} | CONVOLUTION,
    "ELU": {"alpha": 0.5},
    "Flatten": {"data_format": "channels_last"},
    "GlobalAveragePooling2D": GLOBAL,
    "GlobalMaxPooling2D": GLOBAL,
    "GroupNormalization": {"groups": 2, "axis": -1, "epsilon": 1e-3, "scale": True, "center": True},
    "LayerNormalization": {"axis": -1, "epsilon": 1e-3, "scale": True, "center": True},
    "LeakyReLU": {"negative_slope": 0.25},
    "MaxPooling2D": POOL,
    "Normalization": {"axis": -1, "mean": [0.5, 1.0], "variance": [1.0, 4.0], "invert": False},
    "PReLU": {"shared_axes": [1, 2]},
    "Permute": {"dims": [2, 1, 3]},
    "RMSNormalization": {"axis": -1, "epsilon": 1e-6},
    "RepeatVector": {"n": 3},
    "Rescaling": {"scale": [0.5, 2.0], "offset": -1.0},
    "ReLU": {"max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0},
    "Reshape": {"target_shape": [-1, 2]},
    "Resizing": {"height": 4, "width": 3, "crop_to_aspect_ratio": False} | RESIZED,
    "SeparableConv2D": {"filters": 3, "depth_multiplier": 1, "activation": "relu"} | CONVOLUTION,
    "Softmax": {"axis": -1},
    "ThresholdedReLU": {"theta": 0.5},
    "UnitNormalization": {"axis": -1},
    "UpSampling2D": {"size": [2, 1]} | RESIZED,
    "UpSampling3D": {"size": [2, 1, 1], "data_format": "channels_last"},
    "ZeroPadding2D": {"padding": [[1, 0], [0, 2]], "data_format": "channels_last"},
    "ZeroPadding3D": {"padding": [[1, 0], [0, 2], [0, 0]], "data_format": "channels_last"},
}
ARRAYS = {
    "BatchNormalization": ((2,), (2,), (2,), (2,)),
    "Bidirectional": ((2, 3), (3, 3), (3,)) * 2,
    "Conv1D": ((3, 2, 3), (3,)),
    "Conv1DTranspose": ((3, 3, 2), (3,)),
    "Conv2D": ((3, 2, 2, 3), (3,)),
    "Conv2DTranspose": ((3, 2, 3, 2), (3,)),
    "Dense": ((2, 3), (3,)),
    "DepthwiseConv1D": ((3, 2, 2), (4,)),
    "DepthwiseConv2D": ((3, 2, 2, 2), (4,)),
    "GRU": ((2, 9), (3, 9), (2, 9)),
    "GroupNormalization": ((2,), (2,)),
    "LSTM": ((2, 12), (3, 12), (12,)),
    "LayerNormalization": ((2,), (2,)),
    "PReLU": ((1, 1, 2),),
    "RMSNormalization": ((2,),),
    "RNN": ((2, 3), (3, 3), (3,)),
    "SeparableConv1D": ((3, 2, 1), (1, 2, 3), (3,)),
    "SeparableConv2D": ((3, 2, 2, 1), (1, 1, 2, 3), (3,)),
    "SimpleRNN": ((2, 3), (3, 3), (3,)),
}

SMALL = (-1, 0, 1, 2, 3, 5, 7, 100, 255)
LARGE = (4096, 32768, 65534, 65535, 65536, 65537, 2**31, 2**32, 2**63, 2**64, 10**400, -(10**400))
whole = st.sampled_from(SMALL) | st.sampled_from(LARGE)
sizes = st.sampled_from((*SMALL[:-2], 2**26, 2**26 + 1, 2**64, None, True, "8", 8.0))
real = st.sampled_from((0.0, -0.0, 1e-45, 1e-320, 0.5, 6.0, 1e38, 1e308, math.nan, math.inf))
scalar = whole | real | st.booleans() | st.none() | st.sampled_from(("", "same", "valid", "relu"))
strange = st.one_of(
    whole,
    st.lists(whole, min_size=2, max_size=2),
    st.lists(st.lists(whole, min_size=2, max_size=2), min_size=2, max_size=2),
    scalar,
    st.lists(scalar, max_size=3),
    st.dictionaries(st.sampled_from(("class_name", "config", "name")), scalar, max_size=3),
    st.text(max_size=3),
)
names = st.text(st.characters(), min_size=1, max_size=3)  # lone surrogates too


@st.composite
def layers(draw: st.DrawFn) -> FakeLayer:
    """Return a layer of a sound configuration, of which up to two options are changed."""
    kind = draw(st.sampled_from(sorted(OPTIONS)))
    config = SHARED | OPTIONS[kind]
    keys = st.sampled_from(sorted(OPTIONS[kind]) * 3 + sorted(SHARED))
    for key in draw(st.just([]) | st.lists(keys, min_size=1, max_size=2, unique=True)):
        config[key] = draw(strange)
    size = draw(st.sampled_from((1.0, 1.0, 1e-30, 1e30)))
    shapes = ARRAYS.get(kind, ())
    arrays = tuple(np.full(shape, size, np.float32) for shape in shapes)
    return FakeLayer(kind, config | {"name": draw(names)}, arrays)


@st.composite
def models(draw: st.DrawFn) -> FakeModel:
    chosen = draw(st.lists(layers(), min_size=1, max_size=3, unique_by=lambda layer: layer.name))
    shape = STEPS if chosen[0].class_name in STRIP_OPTIONS else PICTURE
    if draw(st.integers(0, 9)) == 9:
        shape = draw(st.just((2,)) | st.tuples(sizes, sizes, st.just(2)))
    return FakeModel(draw(names), shape, tuple(chosen))


def test_every_layer_with_options_is_drawn():
    of_several = {"Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"}
    of_several |= {"Dot"}
    assert {*OPTIONS, *of_several, "SyncBatchNormalization"} >= {*LAYERS, *AFFINE}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(model=models(), with_data=st.booleans())
def test_only_expected_errors_come_out(model, with_data):
    shape = STEPS if model.layers[0].class_name in STRIP_OPTIONS else PICTURE
    inputs = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    ways = {"calibration": inputs} if with_data else {"method": "fitted", "input_range": (0, 1)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # a line of NumPy's among ours
        try:
            made = microlut.convert(model, distill=False, **ways)
        except MicrolutError as error:
            message, code = describe(error)
            event(f"refused with exit code {code}")
            assert is_plain(message)
            assert code in (2, 3)
            return
    event("converted")
    for node in made.quantized.nodes:
        window = getattr(node.op, "window", None)
        if window is not None:
            p = window.padding
            sizes = (*window.size, *window.strides, *window.dilation, p.top, p.left)
            assert 0 <= min(sizes) <= max(sizes) <= LARGEST
    make_plan(made.quantized)


def one(kind: str, shape: tuple[int, ...] = PICTURE, **changed: object) -> FakeModel:
    arrays = tuple(np.ones(shape, np.float32) for shape in ARRAYS.get(kind, ()))
    config = SHARED | OPTIONS[kind] | {"name": "it"} | changed
    return FakeModel("m", shape, (FakeLayer(kind, config, arrays),))


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        ("Conv2D", {"dilation_rate": 65536}, "padding at the top is 65,536"),
        ("Conv2D", {"dilation_rate": [1, 65536]}, "dilation is 65,536"),
        ("DepthwiseConv2D", {"dilation_rate": 2000}, "added by padding is 16,0.*4,194,304"),
        ("Conv2D", {"strides": 10**9}, "stride is 1,000,000,000"),
        ("MaxPooling2D", {"pool_size": 65536}, "window's size is 65,536|added by padding"),
        ("AveragePooling2D", {"pool_size": 5000}, "added by padding is .* limit is 4,194,304"),
        ("ZeroPadding2D", {"padding": 65536}, "1,048,576 elements|67108864 elements"),
    ],
)
def test_window_that_the_engine_has_no_numbers_for_is_refused(kind, changed, message):
    with pytest.raises(UnsupportedModel, match=message):
        microlut.convert(one(kind, **changed), method="fitted", input_range=(0, 1))


def test_enormous_option_is_told_in_short():
    with pytest.raises(InvalidInput) as caught:
        microlut.convert(one("Conv2D", strides=10**400), method="fitted", input_range=(0, 1))
    assert "option strides is a number of 1329 bits, expected one or two pos" in str(caught.value)


def test_padding_that_adds_up_is_refused():
    rows = {"name": "a", "padding": [[60_000, 0], [0, 0]]}
    again = {"name": "b", "padding": [[5_530, 0], [0, 0]]}
    layers = tuple(FakeLayer("ZeroPadding2D", config) for config in (rows, again))
    with pytest.raises(UnsupportedModel, match="output's height is 65,536"):
        microlut.convert(FakeModel("m", PICTURE, layers), method="fitted", input_range=(0, 1))


def test_input_of_more_elements_than_there_is_memory_is_refused():
    with pytest.raises(UnsupportedModel, match="has more than 67108864 elements"):
        import_model(one("ReLU", shape=(2**26, 2**26, 2)))


@pytest.mark.parametrize(
    ("kind", "key", "message"),
    [
        ("ReLU", "max_value", r"option max_value is a number of 1329 bits, expected a number"),
        ("Rescaling", "scale", r"scale is 1000.*, expected numbers"),
        ("Normalization", "mean", r"mean is 1000.*, expected numbers"),
        ("BatchNormalization", "epsilon", r"option epsilon is a number of 1329 bits, exp"),
    ],
)
def test_number_beyond_double_precision_is_refused(kind, key, message):
    with pytest.raises(InvalidInput, match=message):
        import_model(one(kind, **{key: 10**400}))


def test_enormous_inputs_of_a_layer_overflow_nothing_without_data():
    huge, ones = np.full(2, 1e30, np.float32), np.ones(2, np.float32)
    options = {"name": "group", "groups": 2, "axis": -1, "epsilon": 0.001}
    options |= {"scale": True, "center": True}
    group = FakeLayer("GroupNormalization", SHARED | options, (huge, huge))
    norm = FakeLayer("BatchNormalization", SHARED | {"name": "norm"}, (ones,) * 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        made = microlut.convert(
            FakeModel("m", PICTURE, (group, norm)), method="fitted", input_range=(0, 1)
        )
    assert made.sources["model.c"]


def test_input_whose_scale_has_no_number_in_single_precision_is_refused():
    arrays = [np.full(2, 1e30, np.float32) for _ in range(4)]
    config = {"name": "norm", "scale": False}
    model = FakeModel("m", PICTURE, (FakeLayer("BatchNormalization", config, tuple(arrays)),))
    with pytest.raises(UnsupportedModel, match="single precision has no quotient; scale it before"):
        microlut.convert(model, method="fitted", input_range=(0, 1))


def test_layer_with_a_lone_surrogate_in_its_name_converts():
    model = one("Dense", shape=(2,), name="a\ud800b")
    made = microlut.convert(model, method="fitted", input_range=(0, 1))
    assert [node.name for node in made.graph.nodes] == ["a_b"]
    assert made.tflite


# HDF5 can hold no such names, so that no file has arrays under them.
@pytest.mark.parametrize("name", ["a\ud800b", "a\0b", "a\udcffb", "\n"])
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_file_with_a_layer_of_a_name_that_cannot_be_written_is_read(kind, name, tmp_path):
    relu = FakeLayer("ReLU", {"name": name})
    model = FakeModel("m", (2,), (relu, FakeLayer("Dense", OPTIONS["Dense"] | {"name": "dense"})))
    path = tmp_path / f"model.{kind}"
    arrays = {"kernel": np.ones((2, 3), np.float32), "bias": np.zeros(3, np.float32)}
    buffer = io.BytesIO()
    with h5py.File(buffer if kind == "keras" else path, "w") as file:
        if kind == "keras":
            for i, values in enumerate(arrays.values()):
                file[f"layers/dense/vars/{i}"] = values
        else:
            file.attrs["model_config"] = model.to_json()
            group = file.create_group("model_weights/dense")
            group.attrs["weight_names"] = list(arrays)
            for key, values in arrays.items():
                group[key] = values
    if kind == "keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", model.to_json())
            archive.writestr("model.weights.h5", buffer.getvalue())
    assert [node.name for node in import_model(path).nodes][1:] == ["dense"]


def test_error_about_such_a_name_comes_out_of_the_process_that_reads_the_file(tmp_path):
    path = tmp_path / "model.h5"
    model = FakeModel("m", (2,), (FakeLayer("ReLU", {"name": "\ud800"}),) * 2)
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = model.to_json()
        file.create_group("model_weights")
    with pytest.raises(InvalidInput, match="two layers named"):
        import_model(path)
