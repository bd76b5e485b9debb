"""The plan: every step with its offsets, and every byte that the model needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.plan.arena import Arena, live_bytes, place
from microlut.plan.liveness import Buffer, tensor_buffers
from microlut.plan.scratch import Tile, choose_tile
from microlut.quantize.packing import weight_bytes
from microlut.quantized import (
    CompactStage,
    QNode,
    QSoftmax,
    QuantizedGraph,
    WeightedOp,
    compact_stage,
    weights_by_channel,
)

_LARGEST_DIMENSION = 65535  # dimensions are uint16_t in the engine
_LONGEST_SOFTMAX = 4095  # its sum of values up to 1 is a Q12.19


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel call: byte offsets of its tensors in the arena, its tile and scratch.

    `stage` is the output stage of a layer with weights, as it stands in flash.
    """

    node: QNode
    input_offsets: tuple[int, ...]
    output_offset: int
    scratch_offset: int
    scratch_bytes: int
    tile: int
    stage: CompactStage | None

    @property
    def parameter_bytes(self) -> int:
        """Flash bytes of the output stage."""
        return 0 if self.stage is None else self.stage.channels.nbytes


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the code generator needs; all sizes in bytes.

    Attributes:
        graph: The quantized graph.
        steps: One a node, in execution order.
        input_offset: Where the caller writes the input.
        output_offset: Where the caller finds the output.
        arena_bytes: Activations and scratch together.
        arena_lower_bound: No placement of these buffers can be smaller.
        weight_bytes: Packed indices and codebooks.
        parameter_bytes: Scales and biases of the output stages.
    """

    graph: QuantizedGraph
    steps: tuple[Step, ...]
    input_offset: int
    output_offset: int
    arena_bytes: int
    arena_lower_bound: int
    weight_bytes: int
    parameter_bytes: int


def make_plan(graph: QuantizedGraph) -> Plan:
    """Plan the memory of a quantized graph.

    Small tiles give the smallest arena; then every layer gets the largest tile for which that
    arena has room at its step, unless the placement then grows.
    """
    _check_limits(graph)
    buffers, owner = tensor_buffers(graph)
    small = [choose_tile(node.op, 0) for node in graph.nodes]
    arena = place([*buffers, *_scratch_buffers(small)])
    grown = [
        choose_tile(node.op, arena.size - live_bytes(buffers, step))
        for step, node in enumerate(graph.nodes)
    ]
    wide = place([*buffers, *_scratch_buffers(grown)])
    tiles, arena = (grown, wide) if wide.size <= arena.size else (small, arena)
    steps = tuple(_step(graph, i, owner, arena, tile) for i, tile in enumerate(tiles))
    return Plan(
        graph=graph,
        steps=steps,
        input_offset=arena.offsets[owner[graph.input_name]],
        output_offset=arena.offsets[owner[graph.output_name]],
        arena_bytes=arena.size,
        arena_lower_bound=arena.lower_bound,
        weight_bytes=sum(weight_bytes(op.weights) for _, op in graph.weighted()),
        parameter_bytes=sum(step.parameter_bytes for step in steps),
    )


def _scratch_name(step: int) -> str:
    return f"scratch of step {step}"


def _scratch_buffers(tiles: Sequence[Tile]) -> list[Buffer]:
    return [
        Buffer(_scratch_name(step), tile.scratch_bytes, step, step)
        for step, tile in enumerate(tiles)
        if tile.scratch_bytes
    ]


def _step(
    graph: QuantizedGraph, index: int, owner: dict[str, str], arena: Arena, tile: Tile
) -> Step:
    node = graph.nodes[index]
    return Step(
        node=node,
        input_offsets=tuple(arena.offsets[owner[name]] for name in node.inputs),
        output_offset=arena.offsets[owner[node.name]],
        scratch_offset=arena.offsets.get(_scratch_name(index), 0),
        scratch_bytes=tile.scratch_bytes,
        tile=tile.channels,
        stage=_stage(graph, node),
    )


def _stage(graph: QuantizedGraph, node: QNode) -> CompactStage | None:
    if not isinstance(node.op, WeightedOp):
        return None
    try:
        return compact_stage(node.op, graph.quantization_of(node.inputs[0]), node.quantization)
    except ValueError as error:
        raise UnsupportedModel(
            f"{node.name}: {error}; flash holds scales as the quantization stage rounds them: "
            "convert the model again"
        ) from error


def _check_limits(graph: QuantizedGraph) -> None:
    """Refuse what the engine's 16-bit dimensions and 32-bit sums cannot hold."""
    shapes = [(graph.input_name, graph.input_shape)] + [(n.name, n.shape) for n in graph.nodes]
    for name, shape in shapes:
        if max(shape, default=1) > _LARGEST_DIMENSION:
            raise UnsupportedModel(
                f"{name}: shape {shape} has a dimension over {_LARGEST_DIMENSION}, which no "
                "microcontroller's memory holds; use a smaller model"
            )
    for node in graph.nodes:
        if isinstance(node.op, QSoftmax) and node.shape[-1] > _LONGEST_SOFTMAX:
            raise UnsupportedModel(
                f"{node.name}: a softmax of {node.shape[-1]} values; its 32-bit sum holds "
                f"{_LONGEST_SOFTMAX}: leave the softmax out, it does not change the order"
            )
    for node, op in graph.weighted():
        if largest_sum(op) >= 1 << 31:
            raise UnsupportedModel(
                f"{node.name}: its sums may need more than 32 bits; use fewer inputs a layer, or "
                "calibration inputs on which its output is not almost constant"
            )


def largest_sum(op: WeightedOp) -> int:
    """Return a bound on every 32-bit number that the engine makes of a layer's sums.

    That is max over channels of (|bias| + 256 sum |w|) * 2^shift: the input zero point is folded
    into the bias, so inputs and zero point count 128 each; a shift to the left comes last.
    """
    sums = np.abs(weights_by_channel(op)).sum(axis=1)
    largest = np.abs(op.output.bias.astype(np.int64)) + 256 * sums
    return int(np.max(largest << np.maximum(op.output.shift.astype(np.int64), 0)))
