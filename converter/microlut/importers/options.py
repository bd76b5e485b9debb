"""Typed reading of a layer's options: JSON values in, checked numbers, windows and padding out."""

from __future__ import annotations

from typing import Any

import numpy as np

from microlut.errors import InvalidInput
from microlut.importers.keras_config import Layer
from microlut.ir import (
    ActivationKind,
    FloatArray,
    Padding,
    Shape,
    Window,
    frozen_array,
    same_padding,
)

SOFTMAX = "softmax"
_FLOAT32_POLICIES = (None, "float32", "float64")
_LARGEST_SIZE = 1 << 16


def check_policy(layer: Layer) -> None:
    """Refuse layers that compute in another type than float32.

    Raises:
        UnsupportedModel: the dtype or dtype policy is another one.
    """
    policy = layer.config.get("dtype")
    if isinstance(policy, dict):
        inner = policy.get("config")
        kind = policy.get("class_name")
        policy = inner.get("name") if isinstance(inner, dict) else None
        if kind not in ("Policy", "DTypePolicy"):
            policy = f"{kind} {policy}"
    if policy not in _FLOAT32_POLICIES:
        raise layer.unsupported(
            f"dtype policy {policy!r}",
            "microlut converts float32 models: build the same model with the float32 policy, "
            "copy the weights with set_weights(get_weights()) and save that",
        )


def check_channels_last(layer: Layer) -> None:
    """Refuse data_format "channels_first"."""
    found = layer.config.get("data_format")
    if found not in (None, "channels_last"):
        raise layer.unsupported(
            f"data_format {found!r}", "only 'channels_last' is supported: rebuild the model with it"
        )


def integer(layer: Layer, key: str, default: int | None = None, least: int = 1) -> int:
    """Return an integer option of at least `least`."""
    value = layer.config.get(key, default)
    if type(value) is not int or not least <= value <= _LARGEST_SIZE:
        raise layer.invalid(f"option {key} is {value!r}, expected an integer of at least {least}")
    return value


def flag(layer: Layer, key: str, default: bool) -> bool:
    """Return a boolean option."""
    value = layer.config.get(key, default)
    if not isinstance(value, bool):
        raise layer.invalid(f"option {key} is {value!r}, expected true or false")
    return value


def number(layer: Layer, key: str, default: float) -> float:
    """Return a finite real option; null means the default."""
    value = layer.config.get(key)
    if value is None:
        return default
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if type(value) not in (int, float) or not np.isfinite(value):
        raise layer.invalid(f"option {key} is {value!r}, expected a number")
    return float(value)


def pair(layer: Layer, key: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return a (height, width) option, which Keras writes as one number or as two."""
    value = layer.config.get(key)
    if value is None and default is not None:
        return default
    both: Any = [value, value] if type(value) is int else value
    if not _integers(both, 2, least=1):
        raise layer.invalid(f"option {key} is {value!r}, expected one or two positive integers")
    return both[0], both[1]


def axis_is_last(layer: Layer, shape: Shape) -> bool:
    """Return whether option `axis`, a number or a list of one, means the last dimension."""
    axis = layer.config.get("axis", -1)
    if isinstance(axis, list) and len(axis) == 1:
        axis = axis[0]
    return type(axis) is int and axis in (-1, len(shape))


def border(layer: Layer) -> Padding:
    """Return the padding of a ZeroPadding2D: n, [rows, columns] or [[t, b], [l, r]]."""
    value = layer.config.get("padding", 1)
    rows = [value, value] if type(value) is int else value
    if isinstance(rows, list) and len(rows) == 2:
        sides = [[side, side] if type(side) is int else side for side in rows]
        if all(_integers(side, 2, least=0) for side in sides):
            (top, bottom), (left, right) = sides
            return Padding(top, bottom, left, right)
    raise layer.invalid(f"option padding is {value!r}, expected n, [n, m] or [[t, b], [l, r]]")


def window(layer: Layer, shape: Shape, size_key: str, strides: tuple[int, int]) -> Window:
    """Return how a convolution or pool moves over an input [height, width, channels].

    Args:
        layer: a Conv2D, DepthwiseConv2D or pooling layer.
        shape: its input's.
        size_key: the option that holds the window's size.
        strides: what is meant when the option is absent or null.
    """
    size = pair(layer, size_key)
    strides = pair(layer, "strides", strides)
    dilation = pair(layer, "dilation_rate", (1, 1))
    mode = layer.config.get("padding", "valid")
    if mode not in ("valid", "same"):
        raise layer.unsupported(f"padding {mode!r}", "supported are 'valid' and 'same'")
    padding = Padding()
    if mode == "same":
        padding = same_padding((shape[0], shape[1]), size, strides, dilation)
    result = Window(size, strides, padding, dilation)
    if min(result.output_size(shape[0], shape[1])) < 1:
        raise layer.invalid(f"a window of {list(size)} pixels does not fit {list(shape[:2])}")
    return result


def activation(layer: Layer) -> tuple[ActivationKind, bool]:
    """Return the layer's activation, and whether a softmax follows it instead."""
    found = _activation_name(layer.config.get("activation"))
    if found == SOFTMAX:
        return ActivationKind.LINEAR, True
    try:
        return ActivationKind(found), False
    except ValueError:
        raise layer.unsupported(
            f"activation {found!r}",
            "supported are linear, relu, relu6 and softmax: train the model with one of them",
        ) from None


def _activation_name(value: Any) -> str:  # noqa: ANN401 - JSON is untyped
    if value is None:
        return "linear"
    if isinstance(value, str):
        return value
    # tf.nn.relu6 and keras.activations.relu6 are written as function objects.
    if isinstance(value, dict) and value.get("class_name") == "function":
        inner = value.get("config")
        name = inner if isinstance(inner, str) else value.get("name")
        return name if name == "relu6" else f"custom function {name}"
    return f"custom {value.get('class_name')}" if isinstance(value, dict) else repr(value)


def array(layer: Layer, values: object, what: str, shape: Shape) -> FloatArray:
    """Return one of the layer's arrays as float32, checked for shape and finite values.

    Raises:
        InvalidInput: another shape, or NaN or infinity.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "fiu" or found.shape != shape:
        raise InvalidInput(
            f"{layer.where}: {what} has type {found.dtype} and shape {list(found.shape)}, expected "
            f"float32 and {list(shape)}; the weights do not belong to this architecture: "
            "save the whole model again"
        )
    with np.errstate(over="ignore"):
        result = frozen_array(found)
    if not np.isfinite(result).all():
        raise InvalidInput(
            f"{layer.where}: {what} holds NaN or infinite values; train the model again "
            "(a lower learning rate helps)"
        )
    return result  # type: ignore[return-value]


def _integers(value: Any, count: int, least: int) -> bool:  # noqa: ANN401 - JSON is untyped
    return (
        isinstance(value, list)
        and len(value) == count
        and all(type(item) is int and least <= item <= _LARGEST_SIZE for item in value)
    )
