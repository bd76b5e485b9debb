"""Fits of a model's layers: which layers, which weights, and their table."""

import numpy as np
import pytest

from graphs import make_node, net
from microlut.conversion.fits import LayerFit, fit_layers
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.reshape import Reshape
from microlut.ops.weights import Granularity
from microlut.ops.windows import Window
from microlut.quantize.levels.codebook import fit_codebook
from microlut.show.fits import fits_text

RNG = np.random.default_rng(0)
CONV = RNG.normal(size=(4, 3, 3, 2)).astype(np.float32) * np.float32([1, 2, 3, 4]).reshape(
    4, 1, 1, 1
)
DEPTHWISE = RNG.laplace(size=(3, 3, 4)).astype(np.float32)
DENSE = RNG.laplace(size=(5, 16)).astype(np.float32)


def model(dense: np.ndarray = DENSE) -> Graph:
    zeros = np.zeros(4, np.float32)
    nodes = (
        make_node("conv", Conv2D(CONV, zeros, Window((3, 3))), ("x",), (4, 4, 4)),
        make_node("deep", DepthwiseConv2D(DEPTHWISE, zeros, Window((3, 3))), ("conv",), (2, 2, 4)),
        make_node("flat", Reshape((16,)), ("deep",), (16,)),
        make_node("dense", Dense(dense, np.zeros(5, np.float32)), ("flat",), (5,)),
    )
    return net("net", "x", (6, 6, 2), nodes, "dense")


def test_every_layer_with_weights_is_fitted_in_order():
    fits = fit_layers(model(), 4, "channel")
    assert [(fit.name, fit.shape) for fit in fits] == [
        ("conv", (4, 3, 3, 2)),
        ("deep", (3, 3, 4)),
        ("dense", (5, 16)),
    ]


def test_tensor_fit_is_that_of_the_weights_as_they_are():
    for fit, kernel in zip(fit_layers(model(), 3, "tensor"), (CONV, DEPTHWISE, DENSE), strict=True):
        book = fit_codebook(kernel, 3)
        assert np.array_equal(fit.book.levels, book.levels)
        assert fit.book.mse == pytest.approx(book.mse)


def test_channel_fit_is_that_of_channels_of_equal_power():
    conv, deep, _ = fit_layers(model(), 3, "channel")
    rows = CONV.reshape(4, -1).astype(np.float64)
    columns = DEPTHWISE.reshape(9, 4).T.astype(np.float64)
    for fit, weights in ((conv, rows), (deep, columns)):
        assert fit.granularity == "channel"
        assert np.mean(fit.weights**2, axis=1) == pytest.approx(1.0)
        assert np.corrcoef(fit.weights[1], weights[1])[0, 1] == pytest.approx(1.0)
        assert np.array_equal(fit.book.levels, fit_codebook(fit.weights, 3).levels)


def test_channel_of_zeros_is_left_out():
    dense = DENSE.copy()
    dense[2] = 0.0
    assert fit_layers(model(dense), 4, "channel", "dense")[0].weights.shape == (4, 16)


def test_layer_of_zeros_has_a_fit():
    (fit,) = fit_layers(model(np.zeros_like(DENSE)), 4, "channel", "dense")
    assert fit.book.mse == 0.0
    assert fits_text((fit,)).splitlines()[1].split()[:3] == ["dense", "5x16", "gaussian"]


def test_one_layer_can_be_chosen():
    assert [fit.name for fit in fit_layers(model(), 4, "tensor", "deep")] == ["deep"]


def test_density_can_be_chosen():
    fits = fit_layers(model(), 4, "tensor", density="laplace")
    assert {fit.book.density.value for fit in fits} == {"laplace"}


def test_title_says_layer_granularity_and_levels():
    assert fit_layers(model(), 3, "channel")[1].title == "deep, by channel, 8 levels"


def test_unknown_layer_is_refused_with_those_there_are():
    with pytest.raises(InvalidInput, match="no layer 'flat' has weights; give one of conv, deep, "):
        fit_layers(model(), 4, "tensor", "flat")


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_weights_are_refused_by_layer(granularity: Granularity, bad: float):
    dense = DENSE.copy()
    dense[1, 2] = bad
    with pytest.raises(InvalidInput, match="layer dense: weights hold NaN or infinity"):
        fit_layers(model(dense), 4, granularity)


def row(fit: LayerFit) -> list[str]:
    return fits_text((fit,)).splitlines()[1].split()


def test_table_has_density_statistics_range_and_errors():
    (fit,) = fit_layers(model(), 2, "channel", "conv")
    book, low_high = fit.book, fit.book.clipping
    power = np.mean(fit.weights**2)
    assert row(fit) == [
        "conv",
        "4x3x3x2",
        book.density.value,
        f"{book.ks_gaussian:.4f}",
        f"{book.ks_laplace:.4f}",
        f"{low_high[0]:.3g}",
        "to",
        f"{low_high[1]:.3g}",
        f"{100 * book.predicted_mse / power:.3g}",
        "%",
        f"{100 * book.mse / power:.3g}",
        "%",
        f"{book.mse / book.predicted_mse:.2f}",
    ]
