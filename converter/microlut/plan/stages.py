"""The output stages of layers with weights, as flash has them."""

from __future__ import annotations

from typing import Any

from microlut.errors import UnsupportedModel
from microlut.integer import CompactStage, compact_stage
from microlut.ops.linear import QLinear
from microlut.plan.kernels import Call


def stage_of(call: Call[Any]) -> CompactStage | None:
    """Return the output stage of a call, if it has one.

    Raises:
        UnsupportedModel: Flash cannot hold its scales.
    """
    if not isinstance(call.op, QLinear):
        return None
    try:
        return compact_stage(call.op, call.inputs[0].quantized, call.output.quantized)
    except ValueError as error:
        raise UnsupportedModel(
            f"{call.output.name}: {error}; flash holds scales as the quantization stage rounds "
            "them: convert the model again"
        ) from error
