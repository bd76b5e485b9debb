"""TensorFlow Lite operators as data, which the writer of `.tflite` files turns into tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.ops.tensor import Tensor

_CASTS = (("INT16", "FLOAT32"), ("FLOAT32", "INT16"))


def version(tensor: Tensor, usual: int, wide: int) -> int:
    """Return the version of a builtin: `usual`, or `wide` for int16."""
    return wide if tensor.dtype == "int16" else usual


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant input.

    Attributes:
        name: Suffix of the layer's name, after a slash.
        values: int8, int16, int32 or int64.
        scales: One per index of `axis` if the values are quantized.
        axis: Dimension along which the scales differ.
        zero_point: That of all scales.
    """

    name: str
    values: NDArray[Any]
    scales: NDArray[np.float32] | None = None
    axis: int = 0
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that only one operator reads and changes; it begins with zeros."""

    tensor: Tensor


@dataclass(frozen=True, slots=True)
class Builtin:
    """One operator of TensorFlow Lite.

    Attributes:
        name: Its name in the schema's BuiltinOperator.
        version: The lowest version that supports the types in use, for old runtimes.
        inputs: Tensors of the graph, constants, or tensors that a builtin before it makes; None
            for an optional one that is left out.
        outputs: Tensors of the graph, or others that only the builtins after it read; these may
            be int32 without a quantization.
        options: Name of its options table, if any.
        fields: Values of that table; enumerators are given by name.
    """

    name: str
    version: int
    inputs: tuple[Tensor | Constant | Variable | None, ...]
    outputs: tuple[Tensor, ...]
    options: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def through_float(made: Builtin) -> tuple[Builtin, ...]:
    """Return a builtin that moves or compares int16 values, of which devices have one of floats.

    Every int16 is exact in single precision, so it computes the same values between casts.
    """
    source, output = made.inputs[0], made.outputs[0]
    assert isinstance(source, Tensor)
    read, write = (
        replace(tensor, name=f"{output.name}/{end}", dtype="float32", quantization=None)
        for tensor, end in ((source, "read"), (output, "made"))
    )
    down, up = ({"inDataType": a, "outDataType": b} for a, b in _CASTS)
    return (
        Builtin("CAST", 3, (source,), (read,), "CastOptions", down),
        replace(made, inputs=(read, *made.inputs[1:]), outputs=(write,)),
        Builtin("CAST", 3, (write,), (output,), "CastOptions", up),
    )
