"""The plan: every step with its offsets, and every byte that the model needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from microlut.errors import UnsupportedModel
from microlut.plan.arena import Arena, Buffer, live_bytes, place
from microlut.plan.liveness import tensor_buffers
from microlut.plan.rounding import largest_sum
from microlut.plan.schedule import schedule
from microlut.plan.scratch import Tile, choose_tile, whole_tile
from microlut.plan.sharing import Sharing, find_sharing
from microlut.quantize.packing import weight_bytes
from microlut.quantized import (
    CompactStage,
    QNode,
    QSoftmax,
    QuantizedGraph,
    WeightedOp,
    compact_stage,
)

_LARGEST_DIMENSION = 65535  # dimensions are uint16_t in the engine
_SCRATCH_SHARE = 5  # scratch may always take this part of what the largest tensors take together
_LONGEST_SOFTMAX = 4095  # its sum of values up to 1 is a Q12.19


@dataclass(frozen=True, slots=True)
class Step:
    """One kernel call: byte offsets of its tensors in the arena, its tile and scratch.

    Attributes:
        tile: Output channels decoded together.
        rows: Output rows that a depthwise convolution does together.
        stage: The output stage of a layer with weights, as it stands in flash.
        sum: The addition that a convolution does itself, writing over the other term.
        merged: Whether another step does this addition.
    """

    node: QNode
    input_offsets: tuple[int, ...]
    output_offset: int
    scratch_offset: int
    scratch_bytes: int
    tile: int
    rows: int
    stage: CompactStage | None
    sum: QNode | None = None
    merged: bool = False

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

    Nodes are put in order, what shares bytes is decided, and small tiles then give the size of the
    arena; every layer gets the largest tile with which it stays as large as that.
    """
    _check_limits(graph)
    graph = schedule(graph)
    sharing = find_sharing(graph)
    buffers, owner = tensor_buffers(graph, sharing)
    live = [live_bytes(buffers, step) for step in range(len(graph.nodes))]
    small = _tiles(graph, sharing, [max(live) // _SCRATCH_SHARE] * len(live))
    tiles, arena = _grown(graph, sharing, buffers, small)
    merged = {node.name for node in sharing.sums.values()}
    steps = tuple(
        replace(
            _step(graph, i, owner, arena, tile),
            sum=sharing.sums.get(graph.nodes[i].name),
            merged=graph.nodes[i].name in merged,
        )
        for i, tile in enumerate(tiles)
    )
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


def _grown(
    graph: QuantizedGraph, sharing: Sharing, buffers: Sequence[Buffer], tiles: list[Tile]
) -> tuple[list[Tile], Arena]:
    """Give layers, most weights first, larger tiles where the arena stays as large as it is."""
    tiles = list(tiles)
    arena = place([*buffers, *_scratch_buffers(tiles)])
    sizes = {graph.nodes.index(node): op.weights.indices.size for node, op in graph.weighted()}
    for step in sorted(sizes, key=lambda step: -sizes[step]):
        node, room = graph.nodes[step], arena.size - live_bytes(buffers, step)
        while node.name not in sharing.whole and room > tiles[step].scratch_bytes:
            tile = choose_tile(node.op, node.shape, room, node.name in sharing.sums)
            wider = [*tiles[:step], tile, *tiles[step + 1 :]]
            placed = place([*buffers, *_scratch_buffers(wider)])
            if placed.size <= arena.size:
                tiles, arena = wider, placed
                break
            room = min(tile.scratch_bytes, room) - 1
    return tiles, arena


def _tiles(graph: QuantizedGraph, sharing: Sharing, free: Sequence[int]) -> list[Tile]:
    """Return every step's tile, given the bytes that it may take."""
    return [
        whole_tile(node.op, node.shape)
        if node.name in sharing.whole
        else choose_tile(node.op, node.shape, room, node.name in sharing.sums)
        for node, room in zip(graph.nodes, free, strict=True)
    ]


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
        rows=tile.rows,
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
