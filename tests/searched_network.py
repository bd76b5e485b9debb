"""A network of two layers that a search measures in seconds."""

from functools import cache

import numpy as np

from graphs import as_batch, make_node, net
from microlut.conversion.layer_choices import LayerChoice
from microlut.conversion.prepared import Prepared
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.reshape import Reshape
from microlut.ops.windows import Window
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.weights import WeightConfig


@cache
def prepared() -> Prepared:
    """Return a small network of two layers with a few calibration inputs."""
    rng = np.random.default_rng(0)
    conv = Conv2D(
        rng.normal(size=(4, 3, 3, 2)).astype(np.float32), np.zeros(4, np.float32), Window((3, 3))
    )
    dense = Dense(rng.laplace(size=(3, 16)).astype(np.float32), np.zeros(3, np.float32))
    nodes = (
        make_node("conv", conv, ("x",), (2, 2, 4)),
        make_node("flat", Reshape((16,)), ("conv",), (16,)),
        make_node("dense", dense, ("flat",), (3,)),
    )
    graph = net("net", "x", (4, 4, 2), nodes, "dense")
    samples = rng.normal(size=(12, 4, 4, 2)).astype(np.float32)
    layers = {name: LayerChoice(WeightConfig(), pinned=False) for name in ("conv", "dense")}
    inputs = as_batch(graph, samples)
    return Prepared(graph, calibrate(graph, samples), inputs, inputs, layers, "min-max")
