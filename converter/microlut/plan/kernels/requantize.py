"""A tensor in another type or scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import ClassVar

from microlut.ops.requantize import QRequantize, Requantize
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Division, PlainKernel, Shapes, Size, Tile


class RequantizeKernel(PlainKernel[QRequantize, Requantize]):
    """The kernels mlut_requantize_8_16, _16_8 and _16_16."""

    divided_by: ClassVar[Division] = "values"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")

    def work(self, call: Call[QRequantize], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"requantize": 1.0, "requantize value": call.output.size})

    def sizes(
        self, op: QRequantize | Requantize, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return none, since the count has 32 bits."""
        return ()

    def fields(self, call: Call[QRequantize]) -> Mapping[str, object]:
        """Return the bits of a value before and after."""
        bits = (tensor.dtype.removeprefix("int") for tensor in (call.inputs[0], call.output))
        return {"bits": "_".join(bits)}
