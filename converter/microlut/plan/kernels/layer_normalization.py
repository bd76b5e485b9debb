"""Layer, group and root mean square normalization."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from microlut.ops.layer_normalization import (
    MOST_NORMALIZED,
    LayerNormalization,
    QLayerNormalization,
    view,
)
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile


class LayerNormalizationKernel(PlainKernel[QLayerNormalization, LayerNormalization]):
    """The kernel mlut_layer_normalization."""

    def overwrites(self, call: Call[QLayerNormalization]) -> Iterable[int]:
        """Return the input: the sums of a group are known before its first value is written."""
        return (0,)

    def work(self, call: Call[QLayerNormalization], tile: Tile, core: str) -> Counter[str]:
        """Count groups, their rows and values."""
        outer, rows, groups, _ = view(call.shape, call.op.rows, call.op.groups)
        return Counter(
            {
                "layer_normalization": 1.0,
                "layer_normalization group": outer * groups,
                "layer_normalization row": outer * groups * rows,
                "layer_normalization value": call.output.size,
            }
        )

    def sizes(
        self, op: QLayerNormalization | LayerNormalization, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the number of values that are normalized together."""
        _, rows, _, channels = view(outputs[0], op.rows, op.groups)
        count, most = rows * channels, MOST_NORMALIZED[self.dtypes[0]]
        yield "the number of values that are normalized together", count, most

    def fields(self, call: Call[QLayerNormalization]) -> Mapping[str, object]:
        """Return the four dimensions of the tensor."""
        return {"view": view(call.shape, call.op.rows, call.op.groups)}
