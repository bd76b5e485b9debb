"""The same bytes in another scale, without a call."""

from __future__ import annotations

from microlut.ops.scale import QScale, Scale
from microlut.plan.kernels.base import SameBytesKernel


class ScaleKernel(SameBytesKernel[QScale, Scale]):
    """No kernel, since the output is the input."""
