"""Analyze a model without calibration inputs: layers, obstacles, and an estimate for boards.

The plan is the one that `convert` would make: the same kernels, tiles and costs, for a network that
is quantized roughly (`quantize/rough.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from microlut.board.board import Board
from microlut.conversion.code_sizes import image_sizes, measured_sizes
from microlut.conversion.memories import goal_on, lacking_bytes
from microlut.conversion.source_sizes import Source, SourceSizes
from microlut.conversion.tensor_types import TensorTypes, kept_text
from microlut.errors import InvalidInput, Obstacle, UnsupportedModel
from microlut.graph.ir import Graph
from microlut.importers.translation import Translation
from microlut.integer import QuantizedGraph
from microlut.integer.packing import stored_weights, weight_bytes
from microlut.ops.arrays import Shape
from microlut.ops.weighted import QWeighted
from microlut.plan import Goal, Optimize, Plan, Planner, Point, Step
from microlut.plan.banks import MAIN
from microlut.plan.cost import like
from microlut.plan.limits import size_obstacles
from microlut.quantize.rough import quantize_roughly
from microlut.quantize.types import with_conversions
from microlut.support.shown import Record, Shown, html_table


@dataclass(frozen=True, slots=True, repr=False)
class LayerAnalysis(Shown):
    """One layer: of the network that is converted or, if there are obstacles, of the file.

    Attributes:
        name: The layer's name.
        kind: What it becomes, or its class in Keras.
        shape: Shape of its output without the batch; None if an obstacle hides it.
        parameters: Weights and biases; of a layer that is called several times only once.
        macs: Multiply-accumulates per inference; None if there are obstacles.
        bits: Bits per weight; None without weights.
        weight_bytes: Packed indices and codebook in flash.
        parameter_bytes: Scales and biases in flash.
        instructions: Estimated instructions per inference on the first board's core.
    """

    name: str
    kind: str
    shape: Shape | None
    parameters: int
    macs: int | None = None
    bits: int | None = None
    weight_bytes: int = 0
    parameter_bytes: int = 0
    instructions: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class BoardEstimate(Shown):
    """What a board needs for the model; flash and RAM are those of the whole image.

    Attributes:
        board: The board's id.
        core: Its core.
        arena_bytes: Activations and scratch in RAM, in the plan that `deploy` makes for the board;
            if RAM is too small for all of them, in the smallest one.
        flash_bytes: Estimated bytes of flash; None on a board without memory of its own.
        ram_bytes: Estimated bytes of RAM in all memories, the stack included.
        instructions: Estimated instructions per inference; None if the engine is compiled for size.
        fits: Whether the board has these bytes; None if it has no memory of its own.
        lacking_flash: Bytes of flash that the board lacks.
        lacking_ram: Bytes of RAM that it lacks.
    """

    board: str
    core: str
    arena_bytes: int
    flash_bytes: int | None
    ram_bytes: int | None
    instructions: int | None
    fits: bool | None
    lacking_flash: int = 0
    lacking_ram: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Analysis(Shown):
    """What is known about a model without converting it.

    Attributes:
        model: Its name.
        convertible: Whether there are no obstacles.
        parameters: Weights, biases and statistics of the file.
        macs: Multiply-accumulates per inference; None if there are obstacles.
        weight_bytes: Packed indices and codebooks in flash; None likewise.
        parameter_bytes: Scales and biases in flash; None likewise.
        layers: All layers.
        boards: The boards; none if there are obstacles.
        obstacles: Every reason why the model cannot be converted.
        notes: What could not be checked or estimated.
        ram_curve: Arenas with the best trade between memory and time on the first board's core, and
            the instructions of an inference; none unless asked for, and for an engine compiled for
            size.
    """

    model: str
    convertible: bool
    parameters: int
    macs: int | None
    weight_bytes: int | None
    parameter_bytes: int | None
    layers: tuple[LayerAnalysis, ...]
    boards: tuple[BoardEstimate, ...]
    obstacles: tuple[Obstacle, ...]
    notes: tuple[str, ...]
    ram_curve: tuple[Point, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return the exit code of `microlut analyze`."""
        if self.convertible:
            return 0
        damaged = all(obstacle.damaged for obstacle in self.obstacles)
        return (InvalidInput if damaged else UnsupportedModel).exit_code

    def records(self) -> list[Record]:
        """Return a record per layer."""
        return [asdict(layer) for layer in self.layers]

    def as_json(self) -> dict[str, object]:
        """Return all of it as JSON values."""
        return asdict(self)

    def _repr_html_(self) -> str:
        """Return the layers, the boards and the obstacles as tables, for notebooks."""
        tables = (self.layers, self.boards, self.obstacles)
        return "".join(html_table([asdict(row) for row in rows]) for rows in tables if rows)


@dataclass(frozen=True, slots=True)
class Choice:
    """What an analysis assumes: bits by layer, types, boards, and the goal of the plan.

    `curve` asks for the curve of memory and time, which takes as long as all the rest.
    """

    bits: Mapping[str, int]
    boards: tuple[Board, ...]
    optimize: Optimize = "balanced"
    max_ram: int | None = None
    types: TensorTypes = field(default_factory=TensorTypes)
    curve: bool = False


def analyze_translation(name: str, found: Translation) -> Analysis:
    """Return what is known about a model that has obstacles."""
    layers = tuple(
        LayerAnalysis(layer.name, layer.kind, layer.shape, layer.parameters)
        for layer in found.layers
    )
    notes = tuple(filter(None, [found.collected.note]))
    parameters = sum(layer.parameters for layer in layers)
    return _refused(name, parameters, layers, tuple(found.collected.obstacles), notes)


def analyze_graph(graph: Graph, parameters: int, choice: Choice) -> Analysis:
    """Return the analysis of a float network after the passes.

    Args:
        graph: The network.
        parameters: Number of values in all arrays of the file.
        choice: What to assume.

    Raises:
        DoesNotFit: The arena cannot be as small as the goal says.
    """
    obstacles = tuple(size_obstacles(graph))
    plans: list[Plan] = []
    if not obstacles:
        try:
            graph, types = with_conversions(graph, choice.types.types)
            plans = _plans(quantize_roughly(graph, choice.bits, types), choice)
        except UnsupportedModel as error:
            found, _, advice = str(error).partition("; ")
            whole = Obstacle("", "the model", found, advice or "change the layer")
            obstacles = error.obstacles or (whole,)
    if obstacles:
        rows = tuple(LayerAnalysis(n.name, n.op.becomes, n.shape, 0) for n in graph.nodes)
        return _refused(graph.name, parameters, rows, obstacles, graph.notes)
    boards = tuple(_estimates(plans, choice.boards))
    plan = plans[0]
    layers = _layers(plan)
    return Analysis(
        model=graph.name,
        convertible=True,
        parameters=parameters,
        macs=sum(layer.macs or 0 for layer in layers),
        weight_bytes=plan.weight_bytes,
        parameter_bytes=plan.parameter_bytes,
        layers=layers,
        boards=boards,
        obstacles=(),
        notes=(
            *graph.notes,
            *((kept_text(choice.types.kept_int8),) if choice.types.kept_int8 else ()),
        ),
        ram_curve=plan.curve,
    )


def _refused(
    name: str,
    parameters: int,
    layers: tuple[LayerAnalysis, ...],
    obstacles: tuple[Obstacle, ...],
    notes: tuple[str, ...],
) -> Analysis:
    return Analysis(name, False, parameters, None, None, None, layers, (), obstacles, notes)


def _plans(graph: QuantizedGraph, choice: Choice) -> list[Plan]:
    """Return the plan for every board; boards for which plans are equal share one."""
    planner, known = Planner(graph), dict[Goal, Plan]()
    curve = choice.curve and choice.optimize != "size"

    def plan_for(goal: Goal) -> Plan:
        if goal not in known:
            known[goal] = planner.plan(goal, curve=curve and not known)
        return known[goal]

    found = []
    for board in choice.boards:
        goal = Goal(choice.optimize, choice.max_ram, like(board.core.value))
        found.append(plan_for(goal_on(board, graph, goal, plan_for, planner)))
    return found


def _estimates(plans: Sequence[Plan], boards: Sequence[Board]) -> Iterator[BoardEstimate]:
    """Yield what each board needs; boards that share a plan share its source."""
    sizes, sources = SourceSizes(measured_sizes()["types"]), dict[int, Source]()
    for plan, board in zip(plans, boards, strict=True):
        if id(plan) not in sources:
            sources[id(plan)] = sizes.of(plan)
        yield _estimate(plan, sources[id(plan)], board)


def _estimate(plan: Plan, source: Source, board: Board) -> BoardEstimate:
    small = plan.goal.optimize == "size"  # which is not modelled
    instructions = None if small else _rounded(sum(step.instructions for step in plan.steps))
    core = board.core.value
    if board.memory is None:
        arena = plan.arena_bytes
        return BoardEstimate(board.id, core, arena, None, None, instructions, None)
    flash, ram = image_sizes(plan, source, board)
    lacking = lacking_bytes(plan, board, flash, ram)
    ram += sum(part.bytes for part in plan.parts if part.memory != MAIN)
    fits = lacking == (0, 0)
    return BoardEstimate(board.id, core, plan.arena_bytes, flash, ram, instructions, fits, *lacking)


def _rounded(instructions: int) -> int:
    """Return three digits, which is more than an estimate is exact to."""
    return int(float(f"{instructions:.3g}"))


def _layers(plan: Plan) -> tuple[LayerAnalysis, ...]:
    stored = stored_weights(plan.graph)
    small = plan.goal.optimize == "size"
    return tuple(_layer(step, step.node.name in stored, small) for step in plan.steps)


def _layer(step: Step, stored: bool, small: bool) -> LayerAnalysis:
    node, op = step.node, step.node.op
    instructions = None if small else step.instructions
    if not isinstance(op, QWeighted):
        return LayerAnalysis(node.name, op.kind, node.shape, 0, macs=0, instructions=instructions)
    weights = op.weights
    return LayerAnalysis(
        name=node.name,
        kind=op.kind,
        shape=node.shape,
        parameters=(math.prod(weights.shape) if stored else 0) + len(weights.scales),
        macs=op.products(step.call.source, node.shape),
        bits=weights.bits,
        weight_bytes=weight_bytes(weights) if stored else 0,
        parameter_bytes=step.parameter_bytes,
        instructions=instructions,
    )
