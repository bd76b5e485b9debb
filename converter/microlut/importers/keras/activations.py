"""Read the activations of layers: names, functions, and layer objects such as ReLU(6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microlut.importers.keras.along import steps_along
from microlut.importers.keras.config import Json, Layer
from microlut.importers.keras.known_options import check_options
from microlut.importers.keras.layer_use import Step
from microlut.importers.keras.options import axes, relu
from microlut.importers.keras.registered import options_of
from microlut.ops import FLOAT_OPERATORS
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.elementwise import Elementwise
from microlut.ops.relu import Relu

_FUNCTION = "function"
_LAMBDA = (None, "__lambda__")  # classes of lambdas in files; their byte code is never read
_OPERATORS = {
    name: op
    for op in FLOAT_OPERATORS
    if op.keras.activation
    for name in (op.keras.activation, *op.keras.synonyms)
}
_LAYERS = {name: op for op in FLOAT_OPERATORS for name in op.keras.layers}
_KERAS_2 = {"hard_sigmoid": {"slope": 0.2}}  # options of functions that differ there
_KINDS = [kind.value for kind in ActivationKind]
# Functions of TensorFlow and Keras by their names in Python; Keras writes some as objects.
_FUNCTIONS = {
    "identity": "linear",
    "softmax_v2": "softmax",
    **{name: name for name in (*_KINDS, *_OPERATORS)},
}
ACTIVATIONS = frozenset({*_KINDS, *_OPERATORS})
_ADVICE = "supported are {}: train the model with one of them".format(
    ", ".join([*_KINDS, *sorted(_OPERATORS)])
)


@dataclass(frozen=True, slots=True)
class Activation:
    """The activation of a layer.

    Attributes:
        fused: The part that the operator before it applies.
        after: A separate operator that follows, if any.
        name: Name of that operator.
        axes: The dimensions along which it goes, if not the last one.
    """

    fused: ActivationKind = ActivationKind.LINEAR
    after: FloatOp | None = None
    name: str = ""
    axes: tuple[int, ...] = ()

    def steps(self, shape: Shape, inputs: tuple[int, ...], suffix: str = "") -> tuple[Step, ...]:
        """Return the steps of the separate operator; there must be one."""
        assert self.after is not None
        if not self.axes:
            return (Step(self.after, shape, inputs, suffix),)
        return steps_along(self.after, self.axes, shape, inputs, suffix)


def activation(layer: Layer, shape: Shape, key: str = "activation") -> Activation:
    """Return the activation of a layer.

    Args:
        layer: The layer.
        shape: Shape of what the activation reads, without the batch.
        key: The option that has it.

    Raises:
        UnsupportedModel: The activation is not supported.
    """
    value = layer.config.get(key)
    if isinstance(value, dict) and value.get("class_name") not in (_FUNCTION, *_LAMBDA):
        return _layer_as_activation(layer, value, shape, key)
    found = _name(value)
    if found in _OPERATORS:
        given = _KERAS_2.get(found, {}) if layer.keras_2 else {}
        return Activation(after=_operator(layer, found, given, shape), name=found)
    if found in _KINDS:
        return Activation(ActivationKind(found))
    raise layer.unsupported(f"{key} {found!r}", _ADVICE)


def _layer_as_activation(layer: Layer, value: Json, shape: Shape, key: str) -> Activation:
    """Read a layer object used as an activation, such as ReLU(6)."""
    inner = layer.part(value)
    kind = inner.class_name
    if not inner.is_custom:
        if kind == "Activation":
            return activation(inner, shape)
        if kind == "ReLU":
            op = relu(inner)
            if isinstance(op, Relu):
                return Activation(op.activation)
            return Activation(after=op, name="relu")
        if kind in _LAYERS and issubclass(_LAYERS[kind], Elementwise):
            check_options(inner)
            op = _operator(inner, kind, inner.config, shape)
            return Activation(after=op, name=str(_LAYERS[kind].keras.activation or kind.lower()))
        if kind == "Softmax":
            op = _operator(inner, kind, {}, shape)
            return Activation(after=op, name="softmax", axes=_other_axes(inner, shape))
    shown = f"custom {kind}" if inner.is_custom else kind
    raise layer.unsupported(f"{key} {shown}", _ADVICE)


def _other_axes(layer: Layer, shape: Shape) -> tuple[int, ...]:
    """Return the dimensions of a softmax, or none if it goes along the last one."""
    found = softmax_axes(layer, shape)
    return () if found == (len(shape) - 1,) else found


def softmax_axes(layer: Layer, shape: Shape) -> tuple[int, ...]:
    """Return the dimensions of a softmax, of which there must be one at least."""
    found = axes(layer, len(shape))
    if not found:
        raise layer.unsupported(
            f"axis={layer.config.get('axis')} is all values of all inputs",
            f"supported are the dimensions 1 to {len(shape)}: those without the batch",
        )
    return found


def _operator(layer: Layer, name: str, given: Json, shape: Shape) -> FloatOp:
    """Return the operator of a name, with these options."""
    kind = _OPERATORS.get(name) or _LAYERS[name]
    try:
        return kind.from_keras(options_of(kind, name, given), (shape,))
    except ValueError as error:
        raise layer.unsupported(str(error), _ADVICE) from error


def _name(value: Any) -> str:  # noqa: ANN401 - JSON is untyped
    if value is None:
        return "linear"
    if isinstance(value, str):
        return _FUNCTIONS.get(value, value)
    if isinstance(value, dict) and value.get("class_name") == _FUNCTION:
        inner = value.get("config")
        name = str(inner if isinstance(inner, str) else value.get("name"))
        return _FUNCTIONS.get(name, f"custom function {name}")
    return "lambda" if isinstance(value, dict | list) else repr(value)[:40]
