"""Read and check a layer's options: numbers, windows, padding, activations and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras.config import Layer
from microlut.importers.keras.quantized_dense import MODES, quantized_mode
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.rectifiers import BoundedRelu, LeakyRelu
from microlut.ops.relu import Relu
from microlut.ops.windows import Padding, Window, same_padding
from microlut.support.arguments import shown

# With less precise ones the float network is what Keras computes without their rounding.
_FLOAT_POLICIES = (
    *(None, "float32", "float64", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16"),
)
_LARGEST_WHOLE = 1 << 31  # more than any layer has of anything
_LARGEST_NUMBER = float(np.finfo(np.float64).max)


def check_policy(layer: Layer) -> None:
    """Refuse layers that compute in a type other than a float, but for quantized dense layers.

    Raises:
        UnsupportedModel: The dtype or dtype policy is another one.
    """
    policy = layer.config.get("dtype")
    if quantized_mode(layer) is not None:
        return
    if isinstance(policy, dict):
        inner = policy.get("config")
        kind = policy.get("class_name")
        policy = inner.get("name") if isinstance(inner, dict) else None
        if kind not in ("Policy", "DTypePolicy"):
            policy = f"{kind} {policy}"
    if policy not in _FLOAT_POLICIES:
        raise layer.unsupported(
            f"dtype policy {policy!r}",
            f"supported are float policies, and {', '.join(MODES)} of Dense layers: build the same "
            "model with the float32 policy, copy the weights and save that",
        )


def check_channels_last(layer: Layer) -> None:
    """Refuse data formats that are none; layers with channels first are read as others."""
    found = _lower(layer.config.get("data_format"))
    if found not in (None, "channels_last"):
        raise layer.unsupported(
            f"data_format {found!r}", "supported are 'channels_last' and 'channels_first'"
        )


def integer(layer: Layer, key: str, default: int | None = None, least: int = 1) -> int:
    """Return an integer option of at least `least`."""
    value = layer.config.get(key, default)
    number = _whole(value)
    if number is None or number < least:
        raise layer.invalid(
            f"option {key} is {shown(value)}, expected an integer of at least {least}"
        )
    return number


def flag(layer: Layer, key: str, default: bool) -> bool:
    """Return a boolean option; Keras accepts, stores and tests any value, such as 1 or null."""
    return bool(layer.config.get(key, default))


def number(layer: Layer, key: str, default: float) -> float:
    """Return a finite real option; null means the default."""
    value = _unwrapped(layer.config.get(key))
    if value is None:
        return default
    if not isinstance(value, int | float) or not abs(value) <= _LARGEST_NUMBER:  # nor NaN
        raise layer.invalid(f"option {key} is {shown(value)}, expected a number")
    return float(value)


def pair(layer: Layer, key: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return a (height, width) option, which Keras writes as one number or two."""
    value = layer.config.get(key)
    if value is None and default is not None:
        return default
    both = pair_of(value, least=1)
    if both is None:
        raise layer.invalid(
            f"option {key} is {shown(value)}, expected one or two positive integers"
        )
    return both


def integers(layer: Layer, key: str) -> list[int]:
    """Return an option that is a list of integers."""
    value = layer.config.get(key)
    numbers = [_whole(item) for item in value] if isinstance(value, list) else [None]
    sound = [number for number in numbers if number is not None]
    if len(sound) < len(numbers):
        raise layer.invalid(f"option {key} is {shown(value)}, expected a list of integers")
    return sound


def window(layer: Layer, shape: Shape, size_key: str, strides: tuple[int, int]) -> Window:
    """Return how a convolution or pool moves over an input [height, width, channels].

    Args:
        layer: A Conv2D, DepthwiseConv2D or pooling layer.
        shape: Shape of its input.
        size_key: The option with the window's size.
        strides: The default of the option.
    """
    size = pair(layer, size_key)
    strides = pair(layer, "strides", strides)
    dilation = pair(layer, "dilation_rate", (1, 1))
    mode = _lower(layer.config.get("padding", "valid"))
    if mode not in ("valid", "same") and (mode, layer.class_name[-2:]) != ("causal", "1D"):
        raise layer.unsupported(f"padding {mode!r}", "supported are 'valid' and 'same'")
    padding = Padding(left=(size[1] - 1) * dilation[1]) if mode == "causal" else Padding()
    if mode == "same":
        padding = same_padding((shape[0], shape[1]), size, strides, dilation)
    result = Window(size, strides, padding, dilation)
    if min(result.output_size(shape[0], shape[1])) < 1:
        raise layer.invalid(f"a window of {list(size)} pixels does not fit {list(shape[:2])}")
    return result


def transposed_window(layer: Layer, shape: Shape) -> tuple[Window, tuple[int, int]]:
    """Return how the convolution moves whose transpose a layer is, and the size of its picture.

    That is the layer's output; its input has one pixel per position.
    """
    size, strides = pair(layer, "kernel_size"), pair(layer, "strides", (1, 1))
    mode = _lower(layer.config.get("padding", "valid"))
    if mode not in ("valid", "same"):
        raise layer.unsupported(f"padding {mode!r}", "supported are 'valid' and 'same'")
    value = layer.config.get("output_padding")
    extra = pair_of(value, least=0)
    if value is not None and extra is None:
        raise layer.invalid(
            f"option output_padding is {shown(value)}, expected one or two integers"
        )
    made = []
    for axis, (n, k, s) in enumerate(zip(shape[:2], size, strides, strict=True)):
        if extra is not None:
            border = k // 2 * 2 if mode == "same" else 0
            made.append((n - 1) * s + k - border + extra[axis])
        else:
            made.append(n * s + (max(k - s, 0) if mode == "valid" else 0))
    picture = made[0], made[1]
    padding = same_padding(picture, size, strides, (1, 1)) if mode == "same" else Padding()
    window = Window(size, strides, padding)
    if min(picture) < 1 or window.output_size(*picture) != (shape[0], shape[1]):
        raise layer.invalid(
            f"its output_padding {shown(value)} does not fit its strides and kernel"
        )
    return window, picture


def relu(layer: Layer) -> FloatOp:
    """Return the operator that the options of a ReLU layer describe."""
    slope = number(layer, "negative_slope", 0.0)
    threshold = number(layer, "threshold", 0.0)
    limit = number(layer, "max_value", np.inf)
    if limit < 0:
        raise layer.unsupported(f"max_value={limit:g}", "supported are limits of at least 0")
    if slope == threshold == 0.0 and limit in (6.0, np.inf):
        return Relu(ActivationKind.RELU6 if limit == 6.0 else ActivationKind.RELU)
    if threshold == 0.0 and limit == np.inf:
        return LeakyRelu(slope)
    return BoundedRelu(None if limit == np.inf else limit, slope, threshold)


def constant(layer: Layer, value: Any, what: str, channels: int) -> NDArray[np.float64]:  # noqa: ANN401
    """Return a number, or one number per channel, as an array [channels].

    Keras writes arrays as lists, or as objects that hold a list.

    Raises:
        UnsupportedModel: The array has another shape.
        InvalidInput: There are no finite numbers.
    """
    array = numbers(layer, value, what)
    if array.size != 1 and not array.shape[-1] == array.size == channels:
        raise layer.unsupported(
            f"{what} has shape {list(array.shape)}",
            f"supported are one number, and one for each of the {channels} channels",
        )
    return np.broadcast_to(array.reshape(-1), (channels,))


def numbers(layer: Layer, value: Any, what: str) -> NDArray[np.float64]:  # noqa: ANN401
    """Return finite numbers of any shape.

    Raises:
        InvalidInput: There are none.
    """
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        value = value["config"].get("value")
    try:
        found = np.asarray(value, dtype=np.float64)
    except (OverflowError, TypeError, ValueError):
        raise layer.invalid(f"{what} is {str(value)[:40]}, expected numbers") from None
    if value is None or found.size == 0 or not np.isfinite(found).all():
        raise layer.invalid(f"{what} is {str(value)[:40]}, expected finite numbers")
    return found


def axes(layer: Layer, rank: int, default: int | None = -1) -> tuple[int, ...]:
    """Return the option `axis` as sorted dimensions without the batch; null is none of them."""
    value = layer.config.get("axis", default)
    items = value if isinstance(value, list) else [] if value is None else [value]
    found = {axis_of(layer, item, rank) for item in items}
    if len(found) < len(items):
        raise layer.invalid(f"axis={shown(value)} names a dimension twice")
    return tuple(sorted(found))


def axis_of(layer: Layer, value: Any, rank: int) -> int:  # noqa: ANN401 - JSON is untyped
    """Return a dimension without the batch; Keras counts them with the batch, or from the end.

    Args:
        layer: The layer or operation.
        value: A number, or a list of one.
        rank: The number of dimensions, without the batch.
    """
    found = _whole(_unwrapped(value))
    if found is None or not -rank - 1 <= found <= rank:
        raise layer.invalid(f"axis={shown(value)} is none of {rank + 1} dimensions")
    if found in (0, -rank - 1):
        raise layer.unsupported(
            f"axis={shown(value)} is the batch",
            "supported are all other axes: the firmware computes one input at a time",
        )
    return found - 1 if found > 0 else found + rank


def array(layer: Layer, values: object, what: str, shape: Shape) -> FloatArray:
    """Return one of the layer's arrays as float32, checked for shape and finite values.

    Raises:
        InvalidInput: It has another shape, or NaN or infinity.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "fiu" or found.shape != shape:
        raise layer.invalid(
            f"{what} has type {found.dtype} and shape {list(found.shape)}, expected float32 and "
            f"{list(shape)}",
            "the weights do not belong to this architecture: save the whole model again",
        )
    with np.errstate(over="ignore"):
        result = frozen_array(found)
    if not np.isfinite(result).all():
        raise layer.invalid(
            f"{what} holds NaN or infinite values",
            "train the model again (a lower learning rate helps)",
        )
    return result


def pair_of(value: Any, least: int) -> tuple[int, int] | None:  # noqa: ANN401 - JSON is untyped
    """Return two integers, or one twice; None for anything else."""
    numbers = [_whole(item) for item in (value if isinstance(value, list) else [value, value])]
    sound = [n for n in numbers if n is not None and n >= least]
    return (sound[0], sound[1]) if len(numbers) == len(sound) == 2 else None


def _whole(value: object) -> int | None:
    """Return an integer, which Keras also stores as 2.0 or true; None for anything else."""
    if not isinstance(value, int | float) or not abs(value) <= _LARGEST_WHOLE:  # nor NaN
        return None
    return int(value) if value == int(value) else None


def _unwrapped(value: Any) -> Any:  # noqa: ANN401 - JSON is untyped
    """Return the value in the list of one that Keras 2 writes for an axis."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value
