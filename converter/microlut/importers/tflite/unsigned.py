"""What kernels of uint8 round in another way than those of int8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microlut.importers.tflite.file import TfliteFile
from microlut.importers.tflite.use import PREVIOUS, Step, Use
from microlut.ops.activation import ActivationKind
from microlut.ops.base import IntegerOp
from microlut.ops.pool2d import AveragePool2D
from microlut.ops.relabel import units_between
from microlut.ops.requantize import Requantize
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.windows import Window, patches

_LEAST = -128
_RESIZED = (
    "operator {!r} (RESIZE_BILINEAR) rounds as between int8: uint8 of TensorFlow Lite differ from "
    "that by a step now and then"
)

# Operators whose kernels of uint8 compute what those of int8 do with values 128 less, but for the
# multipliers of layers with weights, and for means.
SAME_UNSIGNED = frozenset(
    {"ADD", "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "BROADCAST_TO", "CONCATENATION", "CONV_2D"}
    | {"DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "EXPAND_DIMS", "FULLY_CONNECTED"}
    | {"GATHER", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN"}
    | {"MINIMUM", "MIRROR_PAD", "MUL", "PACK", "PAD", "PADV2", "QUANTIZE", "REDUCE_MAX"}
    | {"REDUCE_MIN", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}
    | {"REVERSE_V2", "SLICE"}
    | {"SOFTMAX", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUEEZE"}
    | {"STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TRANSPOSE", "UNPACK"}
)


def notes_of_unsigned(file: TfliteFile) -> tuple[str, ...]:
    """Return what the user has to know about operators of uint8 that are near those of int8."""
    tensors = file.main.tensors
    names = [
        operator.name
        for operator in file.main.operators
        if operator.kind == "RESIZE_BILINEAR" and tensors[operator.outputs[0]].dtype == "uint8"
    ]
    return tuple(_RESIZED.format(name) for name in names)


def rounds_halves_up(use: Use, window: Window) -> bool:
    """Return whether means over a window of uint8 may lie halfway between two integers.

    Kernels of uint8 round them up, those of int8 away from zero.
    """
    if use.tensor().source.dtype != "uint8":
        return False
    height, width, _ = use.picture()
    count = patches(np.ones((1, height, width, 1), np.int32), window, 0).sum(axis=(3, 4))
    return bool((count % 2 == 0).any())


def unsigned_means(use: Use, op: AveragePool2D) -> tuple[Step, ...]:
    """Return a pool of the uint8 themselves, none of which is negative, as int16."""
    source = use.tensor().source
    own = Quantization(float(source.scales[0]), int(source.zero_points[0]) + _LEAST)
    narrow, wide = Quantization(own.scale, _LEAST), Quantization(own.scale, 0)
    low, high = (n - _LEAST for n in op.activation.limits(own))

    def means(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        made = AveragePool2D(op.window).quantize(inputs, outputs)
        return replace(made, minimum=low, maximum=high)

    before, after = units_between(own, narrow), units_between(narrow, own)
    pool = replace(op, activation=ActivationKind.LINEAR)
    last = (PREVIOUS,)
    return (
        Step(before, (0,), None, exact=before.quantize, suffix="_units", kind=("int8", narrow)),
        Step(Requantize(), last, None, suffix="_wide", kind=("int16", wide)),
        Step(pool, last, None, exact=means, suffix="_means", kind=("int16", wide)),
        Step(Requantize(), last, None, suffix="_narrow", kind=("int8", narrow)),
        Step(after, last, exact=after.quantize),
    )
