"""Each size that the engine has a field for is checked, before anything is measured."""

import re
from pathlib import Path

import numpy as np
import pytest

from graphs import make_node, net
from microlut import convert
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.ir import Graph
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.mean import Mean
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.windows import Padding, Window
from microlut.plan.limits import check_sizes

HEADERS = Path(__file__).parents[3] / "firmware/include/microlut"
SIZE = 65535


def one(op: FloatOp, before: Shape, after: Shape) -> Graph:
    return net("g", "x", before, (make_node("layer", op, ("x",), after),), "layer")


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def conv(window: Window, inputs: int = 1, outputs: int = 1) -> Conv2D:
    return Conv2D(zeros(outputs, *window.size, inputs), zeros(outputs), window)


# By what the message says: (operator, input shape, output shape) for a size of n.
CASES = {
    "input's height": lambda n: (Mean(), (n, 1, 1), (1, 1, 1)),
    "input's width": lambda n: (Mean(), (1, n, 1), (1, 1, 1)),
    "input's channel count": lambda n: (Mean(), (1, 1, n), (1, 1, n)),
    "output's height": lambda n: (Pad(Padding(top=n - 2)), (2, 1, 1), (n, 1, 1)),
    "output's width": lambda n: (Pad(Padding(left=n - 2)), (1, 2, 1), (1, n, 1)),
    "output's channel count": lambda n: (
        DepthwiseConv2D(zeros(1, 1, n), zeros(n), Window((1, 1)), n),
        (1, 1, 1),
        (1, 1, n),
    ),
    "padding at the top": lambda n: (
        conv(Window((2, 1), padding=Padding(top=n), strides=(n, 1))),
        (2, 1, 1),
        (2, 1, 1),
    ),
    "padding at the right": lambda n: (
        conv(Window((1, 2), padding=Padding(right=n), strides=(1, n))),
        (1, 2, 1),
        (1, 2, 1),
    ),
    "window's size": lambda n: (MaxPool2D(Window((n, 1))), (1, 1, 1), (1, 1, 1)),
    "stride": lambda n: (MaxPool2D(Window((1, 1), (1, n))), (1, 1, 1), (1, 1, 1)),
    "dilation": lambda n: (conv(Window((1, 1), dilation=(n, 1))), (1, 1, 1), (1, 1, 1)),
}


@pytest.mark.parametrize("what", CASES)
def test_check_sizes_refuses_what_16_bits_do_not_hold(what: str):
    check_sizes(one(*CASES[what](SIZE)))
    message = f"layer: the {what} is 65,536, the engine's limit is 65,535"
    with pytest.raises(UnsupportedModel, match=re.escape(message)):
        check_sizes(one(*CASES[what](SIZE + 1)))


def test_check_sizes_refuses_pictures_that_padding_blows_up():
    window = Window((3, 3), padding=Padding(20000, 20000, 20000, 20000), dilation=(20000, 20000))
    graph = one(conv(window), (8, 8, 1), (*window.output_size(8, 8), 1))
    with pytest.raises(
        UnsupportedModel, match="number of values added by padding is 1,600,640,000"
    ):
        check_sizes(graph)


@pytest.mark.parametrize("op", [Mean(), AveragePool2D(Window((4096, 4096)))])
def test_check_sizes_refuses_means_that_32_bits_do_not_sum(op: FloatOp):
    with pytest.raises(UnsupportedModel, match="16,777,216, the engine's limit is 8,388,608"):
        check_sizes(one(op, (4096, 4096, 1), (1, 1, 1)))


def test_check_sizes_lets_dense_layers_and_reshapes_be_long():
    check_sizes(one(Reshape((150, 150, 3)), (150, 150, 3), (67500,)))
    check_sizes(one(Dense(zeros(2, 67500), zeros(2)), (67500,), (2,)))


def test_check_sizes_knows_every_narrow_field_of_the_engine():
    """A field of 16 bits that is added to the header must be checked, or counted here."""
    around = {path.stem for path in (HEADERS.parents[1] / "src/signal").glob("*.c")}
    paths = [path for path in sorted(HEADERS.glob("*.h")) if path.stem not in around]
    text = "".join(path.read_text() for path in paths)  # front ends check theirs themselves
    structures = re.findall(r"typedef struct \{(.*?)\} (mlut_\w+_t);", text, re.S)
    found = {name: re.findall(r"\buint16_t (\w+);", body) for body, name in structures}
    narrow = {name: fields for name, fields in found.items() if fields}
    assert narrow == {
        "mlut_shape_t": ["height", "width", "channels"],
        "mlut_window_t": [
            *("height", "width", "stride_y", "stride_x"),
            *("pad_top", "pad_left", "dilation_y", "dilation_x"),
        ],
        "mlut_checked_structures_t": ["count", "bytes"],  # the layers of a segment, a structure's
        "mlut_band_t": ["in_rows", "out_rows", "pad_top"],  # at most the heights, the padding
        "mlut_conv2d_t": ["tile", "blocks"],  # at most the channels, 64
        "mlut_depthwise_conv2d_16_t": ["depth_multiplier"],
        "mlut_depthwise_conv2d_t": ["tile", "rows", "depth_multiplier"],  # the channels, the height
        "mlut_lines_t": ["height", "room"],  # at most the height
        "mlut_mean_16_t": ["channels"],
        "mlut_mean_t": ["channels"],
        "mlut_pad_t": ["pad_top", "pad_left"],
        "mlut_recurrent_t": ["steps", "inputs", "units", "clip"],  # its operator's check
        "mlut_segment_layer_t": ["stride", "reach", "pad_top"],
        "mlut_segment_t": ["rows"],  # at most the height
        "mlut_sigmoid_16_t": ["multiplier"],  # its operator's check
        "mlut_softmax_t": ["length"],
        "mlut_svdf_t": ["inputs", "units", "rank", "memory"],  # the rank: at most the filters
        "mlut_transpose_conv2d_t": ["tile"],  # at most the channels
        "mlut_unit_normalization_16_t": ["length"],
        "mlut_unit_normalization_t": ["length"],
    }


@pytest.mark.keras
def test_convert_names_the_limit_before_it_reads_calibration_inputs(keras, tmp_path):
    x = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(2, 3, dilation_rate=65536, padding="same", name="far")
    model = keras.Model(x, layer(x))
    np.savez(tmp_path / "unlike.npz", x=np.zeros((2, 3)))
    with pytest.raises(UnsupportedModel, match=r"far: .*the engine's limit is"):
        convert(model, tmp_path / "unlike.npz")


@pytest.mark.keras
def test_convert_reads_calibration_inputs_of_a_model_within_limits(keras):
    x = keras.Input((8, 8, 3))
    with pytest.raises(InvalidInput, match=r"missing\.npz"):
        convert(keras.Model(x, keras.layers.Conv2D(2, 3)(x)), "missing.npz")
