"""Random networks, to measure what kernels take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from shapes import sound

from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.linear import QLinear
from microlut.plan import Goal, Plan, make_plan
from microlut.quantize.rough import quantize_roughly

_LAYERS = 14
_PRODUCTS = 1_500_000  # of a network
_WEIGHTS = 40_000  # of a dense layer

Random = np.random.Generator


def random_network(number: int) -> tuple[object, list[str]]:
    """Return a Keras model, and its layers with weights."""
    import keras
    from keras import layers

    rng = np.random.default_rng([number, 2026])
    keras.utils.set_random_seed(number)
    size = (*(int(n) for n in rng.integers(6, 33, 2)), int(rng.choice([1, 1, 3, 4, 8])))
    image = keras.Input(size)
    x = layers.ReLU()(image) if number % 4 == 0 else image
    for i in range(_LAYERS):
        y = _random_layer(rng, x, deep=i > 0 and rng.random() < 0.35)
        if y is None:
            break
        if y.shape == x.shape and rng.random() < 0.6:
            y = layers.Add()([y, x])
        elif rng.random() < 0.3:
            y = _with_branch(rng, y)
        if min(y.shape[1:3]) > 8 and rng.random() < 0.2:
            pool = layers.MaxPooling2D if rng.random() < 0.5 else layers.AveragePooling2D
            y = pool(int(rng.integers(2, 4)))(layers.ZeroPadding2D(1)(y))
            y = layers.ReLU()(y)
        x = y
    if rng.random() < 0.5 or np.prod(x.shape[1:]) > _WEIGHTS // 10:
        x = layers.GlobalAveragePooling2D()(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        units = int(rng.integers(2, max(3, min(100, _WEIGHTS // x.shape[-1]))))
        x = layers.Dense(units, kernel_initializer="he_normal", bias_initializer="random_normal")(x)
    model = keras.Model(image, layers.Softmax()(x))
    weighted = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
    return model, [layer.name for layer in model.layers if isinstance(layer, weighted)]


def _with_branch(rng: Random, x: object) -> object:
    """Return the sum of a tensor and two convolutions of it; the last one can compute it."""
    from keras import layers

    y = _random_layer(rng, x, deep=True)
    shape = x.shape[1:]
    kernel = _random_kernel(rng, *y.shape[1:3], often_3x3=True)
    if y.shape[1:3] != shape[:2] or _most_filters(y.shape[1:], 1, kernel) < shape[2]:
        return x
    y = layers.Conv2D(shape[2], kernel, padding="same", kernel_initializer="he_normal")(y)
    return layers.ReLU()(layers.Add()([y, x]))


def _most_filters(shape: tuple[int, ...], stride: int, kernel: tuple[int, int]) -> int:
    height, width, depth = shape
    pixels = -(-height // stride) * -(-width // stride)
    return _PRODUCTS // (6 * pixels * kernel[0] * kernel[1] * depth)


def _random_layer(rng: Random, x: object, *, deep: bool) -> object | None:
    """Return a convolution's output, depthwise if `deep`; None if it would be too large."""
    from keras import layers

    height, width = x.shape[1:3]
    kernel = _random_kernel(rng, height, width, often_3x3=deep)
    stride = 2 if min(height, width) > 8 and rng.random() < 0.2 else 1
    padding = str(rng.choice(["same", "same", "same", "valid"]))
    activation = str(rng.choice(["linear", "relu", "relu", "relu6"]))
    if deep:
        many = int(rng.choice([1, 1, 1, 2]))
        y = layers.DepthwiseConv2D(
            *(kernel, stride, padding, many), depthwise_initializer="he_normal"
        )(x)
        return layers.Activation(activation)(y)
    most = _most_filters(x.shape[1:], stride, kernel)
    filters = min(most, int(rng.choice([rng.integers(1, 17), 4 * rng.integers(1, 25)])))
    if filters == 0:
        return None
    y = layers.Conv2D(*(filters, kernel, stride, padding), kernel_initializer="he_normal")(x)
    return layers.Activation(activation)(y)


def _random_kernel(rng: Random, height: int, width: int, *, often_3x3: bool) -> tuple[int, int]:
    shares = (0.1, 0.75, 0.15) if often_3x3 else (0.35, 0.4, 0.25)
    drawn = rng.choice(["1x1", "3x3", "any"], p=shares)
    if drawn == "1x1" or min(height, width) < 3:
        return 1, 1
    if drawn == "3x3":
        return 3, 3
    return int(rng.integers(1, min(height, 8) + 1)), int(rng.integers(1, min(width, 6) + 1))


def random_plan(number: int) -> Plan:
    """Return the plan of a network with random bits and forms, for speed, RAM or in between.

    Every fourth one runs in bands of rows where that takes less RAM.
    """
    model, names = random_network(number)
    rng = np.random.default_rng(number)
    bits = {name: int(rng.integers(2, 9)) for name in names}
    graph = run_passes(import_model(model, f"network{number}"))
    known = {node.name: bits.get(node.name, 4) for node, _ in graph.weighted()}
    quantized = _with_rare_forms(sound(quantize_roughly(graph, known)), rng)
    if number % 4 == 3:
        return make_plan(quantized, Goal("ram"))
    least, most = (make_plan(quantized, Goal(goal), bands=False) for goal in ("ram", "speed"))
    middle = Goal(max_ram=(least.arena_bytes + most.arena_bytes) // 2)
    return (least, most, make_plan(quantized, middle, bands=False))[number % 4]


def _with_rare_forms(graph: QuantizedGraph, rng: Random) -> QuantizedGraph:
    """Return the graph with limits of some outputs that rule out quick rounding."""
    nodes = list(graph.nodes)
    for i, node in enumerate(nodes):
        if rng.random() < 0.2:
            if isinstance(node.op, QAdd):
                nodes[i] = replace(node, op=replace(node.op, maximum=126))
            elif isinstance(node.op, QLinear):
                stage = replace(node.op.output, maximum=126)
                nodes[i] = replace(node, op=replace(node.op, output=stage))
    return replace(graph, nodes=tuple(nodes))
