"""Operators between types: integers of one scale to integers of another, or to real numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microlut.importers.tflite.use import Handler, Step, Use, limited
from microlut.ops.base import IntegerOp
from microlut.ops.identity import Identity
from microlut.ops.requantize import Requantize
from microlut.ops.table import rescale_table
from microlut.ops.tensor import Tensor

INTEGERS = ("int8", "uint8", "int16")
_LARGEST = 1e30  # of a range


@limited("between integers, at the ends of an integer network, and before a DEQUANTIZE")
def _quantize(use: Use) -> tuple[Step, ...]:
    source, target = use.tensor().source, use.outputs[0]
    if source.dtype not in INTEGERS or target.dtype not in INTEGERS:
        raise use.operator.unsupported(
            f"goes from {source.dtype} to {target.dtype} inside of the network",
            "supported are the ends of a network of integers",
        )
    return (Step(Requantize(), exact=_rescaled),)


def _rescaled(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
    (source,), (target,) = inputs, outputs
    if (source.dtype, target.dtype) == ("int8", "int8"):
        return rescale_table(source.quantized, target.quantized)
    return Requantize().quantize(inputs, outputs)


@limited("of constants, at the ends of an integer network, and behind a QUANTIZE of real numbers")
def _dequantize(use: Use) -> tuple[Step, ...]:
    raise use.operator.unsupported(
        "goes from integers to real numbers inside of the network",
        "supported are the ends of a network of integers: quantize it as a whole",
    )


@limited("its range becomes that of the tensor")
def _fake_quant(use: Use) -> tuple[Step, ...]:
    use.tensor()
    low, high = float(use.option("Min")), float(use.option("Max"))
    if not -_LARGEST < low < high < _LARGEST:
        raise use.operator.invalid(f"has the range {low:g} to {high:g}")
    return (Step(Identity((low, high))),)


TYPES: Mapping[str, Handler] = {
    "DEQUANTIZE": _dequantize,
    "FAKE_QUANT": _fake_quant,
    "QUANTIZE": _quantize,
}
