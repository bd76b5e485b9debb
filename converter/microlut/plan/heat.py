"""Estimate how often a plan accesses each of its buffers: the hottest go to the fastest memory."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.linear import QLinear
from microlut.plan.draft import Draft
from microlut.plan.kernels import Call

_BUSY = 0.5  # of the instructions of a call, those that access its scratch
_ROWS = 4  # outputs of a dense layer that are computed together


def accesses(draft: Draft) -> Mapping[str | int, float]:
    """Return about how often an inference accesses each buffer: tensors by name, scratch by step.

    Where a call has scratch, its inner loop works on that. It reads a byte of its input as often as
    a window covers it, and writes a byte of its output once.
    """
    found = defaultdict[str | int, float](float)
    places = draft.way.places
    for step, (call, offer) in enumerate(zip(draft.way.calls, draft.chosen, strict=True)):
        if offer.tile.scratch_bytes:
            found[step] += _BUSY * offer.instructions
        for tensor in call.inputs:
            found[places[tensor.name].buffer] += tensor.bytes * _reads(call)
        for tensor in call.outputs:
            found[places[tensor.name].buffer] += tensor.bytes
    return found


def _reads(call: Call[Any]) -> float:
    """Return how often a call reads each byte of its input."""
    op = call.op
    if not isinstance(op, QLinear):
        return 1.0
    each = op.products(call.source, call.shape) / math.prod(call.source)
    if isinstance(op, QDense):
        return max(1.0, each / _ROWS)
    return each if isinstance(op, QDepthwiseConv2D) else max(1.0, each / call.shape[-1])
