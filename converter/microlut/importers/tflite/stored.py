"""The integers of a file: weights, biases and multipliers as TensorFlow Lite's kernels use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.tflite.file import FileOperator, FileTensor
from microlut.ops.arrays import frozen_array
from microlut.ops.base import IntegerOp
from microlut.ops.fixed_point import rounded_multipliers
from microlut.ops.linear import Linear
from microlut.ops.tensor import Tensor
from microlut.ops.weights import QuantizedWeights

_INT8 = np.iinfo(np.int8)
_INT32 = np.iinfo(np.int32)
_INT32_BIAS = 2  # of the schema's TensorType
_OF_32_BITS = ("CONV_2D", "FULLY_CONNECTED")  # which have kernels that add int16 products so


@dataclass(frozen=True, eq=False, slots=True)
class StoredWeights:
    """The integers of a layer.

    Attributes:
        values: Weights in the layer's layout.
        source: The tensor whose scales they have.
        bias: None if there is none.
        unsigned: Whether the layer reads uint8, whose kernels round the product of the scales.
    """

    values: NDArray[Any]
    source: FileTensor
    bias: NDArray[Any] | None
    unsigned: bool = False


def integer_form(
    operator: FileOperator,
    op: Linear,
    stored: StoredWeights,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> IntegerOp:
    """Return a layer with the integers of the file.

    Raises:
        UnsupportedModel: It computes with larger numbers than the engine has.
        InvalidInput: Its parts do not fit each other.
    """
    (x,), (output,) = inputs, outputs
    if x.dtype == "int16":
        _check_wide_sums(operator, stored.bias)
    values = _centered(operator, stored)
    channels = values.shape[op.channel_axis]
    scales = _scales(operator, stored.source, channels)
    matrix = values if op.channel_axis == 0 else values.reshape(-1, channels)
    rows = np.ascontiguousarray(matrix.reshape(len(matrix), -1)).view(np.uint8)
    weights = QuantizedWeights(values.shape, 8, rows, None, scales)
    draft = op.unbiased(weights, x.quantized, output.quantized, output.dtype)
    stage = draft.output
    bare = stored.bias is None and operator.kind in ("FULLY_CONNECTED", "BATCH_MATMUL")
    if (bare or stored.unsigned) and stored.source.scales.size == 1:
        multiplier, shift = rounded_multipliers(x.scale, scales, output.scale)
        stage = replace(stage, multiplier=multiplier, shift=shift)
    if not bare:
        stage = replace(stage, bias=biases(operator, stored.bias, channels))
    made = draft.with_output(stage)
    if not _sums_fit(made, output):
        raise operator.unsupported(
            "its sums may have more than 32 bits", "the engine adds in 32 bits: train it again"
        )
    return made


def _check_wide_sums(operator: FileOperator, bias: NDArray[Any] | None) -> None:
    """Raise UnsupportedModel unless kernels add products of int16 in 64 bits.

    Those that add in 32 bits round twice, by multipliers of 31 bits instead of 15.
    """
    if bias is None:
        narrow = operator.options.get("QuantizedBiasType") == _INT32_BIAS
        narrow = narrow and operator.kind in _OF_32_BITS
    else:
        converted = operator.kind == "TRANSPOSE_CONV" and bias.dtype == np.int16
        narrow = bias.dtype != np.int64 and not converted
    if narrow:
        raise operator.unsupported(
            "adds products of int16 in 32 bits, as its biases have them",
            "supported are 64 bits: convert the model again with the default type of biases",
        )


def _centered(operator: FileOperator, stored: StoredWeights) -> NDArray[np.int8]:
    """Return the weights without their zero point."""
    source = stored.source
    if stored.values.dtype not in (np.int8, np.uint8):
        raise operator.unsupported(
            f"has weights of type {source.dtype}", "supported are int8 and uint8"
        )
    points = np.unique(source.zero_points)
    if len(points) != 1 or (source.dtype == "int8" and points[0] != 0):
        raise operator.unsupported(
            "has int8 weights with a zero point",
            "supported are those around zero, as TensorFlow Lite's converter makes them",
        )
    centered = stored.values.astype(np.int64) - points[0]
    if centered.min() < _INT8.min or centered.max() > _INT8.max:
        raise operator.unsupported(
            f"its weights are {centered.min()} to {centered.max()} steps from their zero point",
            "8 bits hold -128 to 127: convert the model to int8 again",
        )
    found: NDArray[np.int8] = frozen_array(centered, np.int8)
    return found


def _scales(operator: FileOperator, source: FileTensor, channels: int) -> NDArray[np.float32]:
    """Return a scale per output channel."""
    if source.scales.size not in (1, channels):
        raise operator.invalid(f"has {source.scales.size} scales for {channels} channels")
    # a scale of 0 has the multiplier 0, as the least positive one has
    found = np.maximum(np.broadcast_to(source.scales, (channels,)), np.finfo(np.float32).tiny)
    return frozen_array(found)


def biases(operator: FileOperator, bias: NDArray[Any] | None, channels: int) -> NDArray[np.int32]:
    """Return biases in 32 bits; raise UnsupportedModel if there are larger ones."""
    if bias is None:
        return np.zeros(channels, np.int32)
    if bias.dtype.kind != "i" or bias.min() < _INT32.min or bias.max() > _INT32.max:
        raise operator.unsupported(
            f"has biases of type {bias.dtype} up to {np.abs(bias).max():g}",
            "supported are those that 32 bits hold",
        )
    return bias.astype(np.int32)


def _sums_fit(made: Any, output: Tensor) -> bool:  # noqa: ANN401
    if output.dtype == "int16":
        return bool(made.fits_int16())
    sums = np.abs(made.weights_by_channel()).sum(axis=1)
    largest = np.abs(made.output.bias.astype(np.int64)) + 256 * sums
    return bool(largest.max() < 1 << 31)
