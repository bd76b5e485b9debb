"""Translate operations on tensors that are no layers, such as x + y or x / 127.5.

Keras 3 saves them as objects of keras.ops, Keras 2 as TFOpLambda layers that name a function of
TensorFlow. The function is recognised by its name and never called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from microlut.importers.keras import options
from microlut.importers.keras.affine import scaled
from microlut.importers.keras.config import Layer
from microlut.importers.keras.dropped import DROPPED
from microlut.importers.keras.layer_use import Handler, LayerUse, Step
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.moves import MOVING_FUNCTIONS
from microlut.importers.keras.node_defs import CLASS_NAME, node_handler, operation_of
from microlut.importers.keras.registered import FUNCTIONS
from microlut.importers.keras.two_operands import power, squared_difference, two_operands
from microlut.importers.keras.unit_normalization import UNIT_FUNCTIONS
from microlut.ops.identity import Identity

_OPERATION_MODULES = ("keras.src.ops.", "keras.src.activations.")
_OF_TENSORFLOW = ("SlicingOpLambda", "TFOpLambda")
_HEIGHT_AND_WIDTH = ([1, 2], [2, 1], [-3, -2])
_FLOATS = ("float32", "float64")
_INT8_BITS = 8


def is_operation(layer: Layer) -> bool:
    """Return whether this is an operation on tensors and no layer."""
    if layer.class_name in (*_OF_TENSORFLOW, CLASS_NAME):
        return True
    module = layer.entry.get("module")
    if module is not None:
        return str(module).startswith(_OPERATION_MODULES)
    # .h5 files name no modules; only layers have an option `trainable`.
    return (
        layer.class_name in {*_KERAS, *FUNCTIONS}
        and not {"trainable", "target_shape"} & layer.config.keys()
    )


def operation_name(layer: Layer) -> str:
    """Return an operation's name as users know it."""
    if layer.class_name in _OF_TENSORFLOW:
        return f"tf.{layer.config.get('function')}"
    if layer.class_name == CLASS_NAME:
        return f"tf operation {operation_of(layer)}"
    return f"keras.ops {layer.class_name}"


def operation_handler(layer: Layer) -> Handler | None:
    """Return the handler of an operation, or None if it is not supported."""
    if layer.class_name in _OF_TENSORFLOW:
        return _function(str(layer.config.get("function")))
    if layer.class_name == CLASS_NAME:
        return node_handler(layer, _function)
    return _KERAS.get(layer.class_name) or FUNCTIONS.get(layer.class_name)


def _function(name: str) -> Handler | None:
    """Return the handler of a function of TensorFlow, by its name."""
    return _TENSORFLOW.get(name) or FUNCTIONS.get(name)


def _as_layer(class_name: str, **given: object) -> Handler:
    """Return a handler for an operation that is equivalent to a layer.

    Args:
        class_name: The layer.
        given: Options of the layer that the operation implies.
    """
    handler = DROPPED.get(class_name) or LAYERS[class_name]

    def handle(use: LayerUse) -> tuple[Step, ...]:
        arguments = {key: value for key, value in use.arguments.items() if value is not None}
        arguments.pop("name", None)
        config = {**use.layer.config, **given, **arguments}
        shape = config.pop("newshape", config.pop("shape", None))
        if class_name == "Reshape":
            config["target_shape"] = _without_batch(use.layer, shape)
        layer = replace(use.layer, class_name=class_name, config=config)
        return handler(replace(use, layer=layer, arguments={}))

    return handle


def _over_picture(class_name: str, name: str) -> Handler:
    """Return a handler for a mean or maximum, which is a pool if over height and width."""
    handler = _as_layer(class_name)

    def handle(use: LayerUse) -> tuple[Step, ...]:
        given = {**use.layer.config, **use.arguments}
        pooled = given.get("axis") in _HEIGHT_AND_WIDTH and len(use.shape) == 3
        if not pooled or given.get("initial") is not None:
            return FUNCTIONS[name](use)
        return handler(use)

    return handle


def _without_batch(layer: Layer, shape: object) -> list[Any]:
    """Return a shape without its first dimension, which must be the batch."""
    if not isinstance(shape, list) or shape[:1] not in ([-1], [None]):
        raise layer.unsupported(
            f"reshapes to {str(shape)[:40]}",
            "supported are shapes that begin with -1, the batch: use a Reshape layer",
        )
    return shape[1:]


def _cast(use: LayerUse) -> tuple[Step, ...]:
    found = use.arguments.get("dtype", use.layer.config.get("dtype"))
    if found not in _FLOATS:
        raise use.layer.unsupported(f"casts to {found}", "supported is float32: leave it out")
    return DROPPED["Identity"](use)


def _fake_quant(use: LayerUse) -> tuple[Step, ...]:
    """Read values rounded to 8 bits: int8 rounds them anyway, in the range that is given."""
    given = {**use.layer.config, **use.arguments}
    bits = given.get("num_bits", given.get("3", 8))
    ends = [given.get(key, given.get(place)) for key, place in (("min", "1"), ("max", "2"))]
    low, high = (float(options.numbers(use.layer, end, "a range").reshape(-1)[0]) for end in ends)
    if bits != _INT8_BITS or not low < high:
        raise use.layer.unsupported(
            f"rounds to {bits} bits in {low:g} to {high:g}", "supported are 8 bits in a range"
        )
    return (Step(Identity((min(low, 0.0), max(high, 0.0))), use.shape),)


def _negative(use: LayerUse) -> tuple[Step, ...]:
    channels = use.shape[-1]
    return scaled(use, np.full(channels, -1.0), np.zeros(channels))


_OPERANDS: Mapping[str, Handler] = {
    name: two_operands(name)
    for name in ("add", "divide", "maximum", "minimum", "multiply", "subtract")
}

_KERAS: Mapping[str, Handler] = {
    **MOVING_FUNCTIONS,
    **UNIT_FUNCTIONS,
    "Add": _OPERANDS["add"],
    "AveragePool": _as_layer("AveragePooling2D"),
    "Cast": _cast,
    "Divide": _OPERANDS["divide"],
    "Identity": _as_layer("Identity"),
    "Maximum": _OPERANDS["maximum"],
    "Max": _over_picture("GlobalMaxPooling2D", "Max"),
    "MaxPool": _as_layer("MaxPooling2D"),
    "Mean": _over_picture("GlobalAveragePooling2D", "Mean"),
    "Minimum": _OPERANDS["minimum"],
    "Multiply": _OPERANDS["multiply"],
    "Negative": _negative,
    "Power": power,
    "ReLU": _as_layer("ReLU"),
    "Relu": _as_layer("ReLU"),
    "Relu6": _as_layer("ReLU", max_value=6),
    "Reshape": _as_layer("Reshape"),
    "Softmax": _as_layer("Softmax"),
    "Subtract": _OPERANDS["subtract"],
    "TrueDivide": _OPERANDS["divide"],
}

_TENSORFLOW: Mapping[str, Handler] = {
    **MOVING_FUNCTIONS,
    **UNIT_FUNCTIONS,
    "__operators__.add": _OPERANDS["add"],
    "cast": _cast,
    "fake_quant_with_min_max_vars": _fake_quant,
    "identity": _as_layer("Identity"),
    "math.add": _OPERANDS["add"],
    "math.add_n": LAYERS["Add"],
    "math.divide": _OPERANDS["divide"],
    "math.maximum": _OPERANDS["maximum"],
    "math.minimum": _OPERANDS["minimum"],
    "math.multiply": _OPERANDS["multiply"],
    "math.negative": _negative,
    "math.pow": power,
    "math.reduce_max": _over_picture("GlobalMaxPooling2D", "Max"),
    "math.reduce_mean": _over_picture("GlobalAveragePooling2D", "Mean"),
    "math.squared_difference": squared_difference,
    "math.subtract": _OPERANDS["subtract"],
    "math.truediv": _OPERANDS["divide"],
    "nn.bias_add": _OPERANDS["add"],
    "nn.relu": _as_layer("ReLU"),
    "nn.relu6": _as_layer("ReLU", max_value=6),
    "nn.softmax": _as_layer("Softmax"),
    "quantization.fake_quant_with_min_max_args": _fake_quant,
    "quantization.fake_quant_with_min_max_vars": _fake_quant,
    "reshape": _as_layer("Reshape"),
}
OPERATIONS: tuple[str, ...] = tuple(sorted({*_KERAS, *_TENSORFLOW, *FUNCTIONS}))
