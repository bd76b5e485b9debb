"""Read TensorFlowOpLayer, which Keras 2 before version 2.4 wrote for operations on tensors.

Its `node_def` names the operation. Its `constants` are operands by their positions; the tensors
have the other positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from microlut.importers.keras.config import Json, Layer
from microlut.importers.keras.layer_use import Handler, LayerUse, Step

CLASS_NAME = "TensorFlowOpLayer"
# By operations: names of the functions of TensorFlow that compute the same.
_FUNCTIONS: Mapping[str, str] = {
    "Add": "math.add",
    "AddN": "math.add_n",
    "AddV2": "math.add",
    "BiasAdd": "nn.bias_add",
    "ConcatV2": "concat",
    "Identity": "identity",
    "Maximum": "math.maximum",
    "Minimum": "math.minimum",
    "Mul": "math.multiply",
    "Neg": "math.negative",
    "Pow": "math.pow",
    "RealDiv": "math.truediv",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Reshape": "reshape",
    "Sigmoid": "math.sigmoid",
    "Softmax": "nn.softmax",
    "Square": "math.square",
    "SquaredDifference": "math.squared_difference",
    "Sub": "math.subtract",
    "Tanh": "math.tanh",
}
_OPTIONS = {"ConcatV2": "axis", "Reshape": "shape"}  # what the last constant of some is
_CHANNELS_FIRST = "TkNIVw=="  # "NCHW" in base64


def operation_of(layer: Layer) -> str:
    """Return the name of the operation."""
    node = layer.config.get("node_def")
    return str(node.get("op")) if isinstance(node, dict) else "?"


def node_handler(layer: Layer, find: Callable[[str], Handler | None]) -> Handler | None:
    """Return the handler of an operation; `find` has those of functions by their names."""
    operation = operation_of(layer)
    found = find(_FUNCTIONS[operation]) if operation in _FUNCTIONS else None
    if found is None:
        return None
    handler = found

    def handle(use: LayerUse) -> tuple[Step, ...]:
        if _CHANNELS_FIRST in str(layer.config["node_def"].get("attr")):
            raise layer.unsupported(
                "data_format 'channels_first'", "only 'channels_last' is supported"
            )
        constants = _constants(layer)
        free = (str(i) for i in range(len(use.shapes) + len(constants)) if str(i) not in constants)
        places = tuple(next(free) for _ in use.shapes)
        if operation in _OPTIONS and constants:
            constants = {_OPTIONS[operation]: constants[max(constants, key=int)]}
        inner = replace(layer, config={})
        return handler(replace(use, layer=inner, arguments=constants, places=places))

    return handle


def _constants(layer: Layer) -> Json:
    found = layer.config.get("constants") or {}
    if not isinstance(found, dict) or not all(str(key).isdecimal() for key in found):
        raise layer.invalid("has malformed constants")
    return {str(key): value for key, value in found.items()}
