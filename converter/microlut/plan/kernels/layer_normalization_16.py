"""Layer, group and root mean square normalization of int16 values."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.layer_normalization import QLayerNormalization
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Tile, between_int16
from microlut.plan.kernels.layer_normalization import LayerNormalizationKernel


class LayerNormalization16Kernel(LayerNormalizationKernel):
    """The kernel mlut_layer_normalization_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    advice = "give its output 8 bits under [tensors] in microlut.toml"

    def work(self, call: Call[QLayerNormalization], tile: Tile, core: str) -> Counter[str]:
        """Count groups, their rows and values."""
        return between_int16(LayerNormalizationKernel.work(self, call, tile, core))
