"""The decoding of entropy-coded indices, which kernels have in common."""

from __future__ import annotations

from collections.abc import Iterable

from microlut.integer.coding import group_shift
from microlut.ops.weights import QuantizedWeights
from microlut.plan.kernels.base import Work


def group_rows(weights: QuantizedWeights) -> int:
    """Return how many rows begin at a place that is known: 1 without entropy coding."""
    return 1 << group_shift(weights.indices.shape[1]) if weights.coded else 1


def coded_work(weights: QuantizedWeights, starts: Iterable[int]) -> Work:
    """Return the work of decoding all rows once, beginning again at each of `starts`.

    Rows of a group that are before a start are read over.
    """
    rows, columns = weights.indices.shape
    skipped = sum(start % group_rows(weights) for start in starts)
    return {
        "coded row": rows,
        "coded weight": rows * columns,
        "coded skipped": skipped * columns,
    }
