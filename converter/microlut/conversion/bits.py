"""Choose the bits of every layer within a budget."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from microlut.conversion.coding import DECODER_BYTES, coded_options
from microlut.conversion.decisions import Decision
from microlut.conversion.prepared import Prepared
from microlut.conversion.settings import Budget
from microlut.conversion.uniform import (
    average_bits,
    uniform_within_average,
    uniform_within_bytes,
)
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.plan import make_plan
from microlut.quantize.bits.allocate import (
    allocate_average,
    allocate_bytes,
    check_left,
    too_few_bits,
    too_few_bytes,
)
from microlut.quantize.bits.sensitivity import Candidate, Candidates, sensitivities
from microlut.quantize.figures import Kind, Quality, Task
from microlut.quantize.quality import affordable_inputs, integer_quality, judged, kind_of, spread
from microlut.quantize.shared import stored_layers
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs
from microlut.support.progress import Progress

# Mean bits per weight to try, from few to many, until a network loses little enough.
AVERAGES = (2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0)
_STAGE_BYTES = 4  # per output channel, in the compact form
_FEWEST_CLASSES = 2
_CLEARLY = 0.9  # of the divergence of a smaller network: less is noise
_ATTEMPTS = 8  # to leave space for output stages that need more


@dataclass(frozen=True, slots=True)
class Allocation:
    """An integer network, the configurations of its layers, and what decided on them."""

    configs: LayerConfigs
    quantized: QuantizedGraph
    decisions: tuple[Decision, ...] = ()


def quantize_within(prepared: Prepared, budget: Budget | None, progress: Progress) -> Allocation:
    """Return the integer network that loses least within a budget.

    Args:
        prepared: The model, and the choices allowed for its layers.
        budget: The budget to keep; None uses the bits that the layers are given.
        progress: Called with (what, done, total).

    Raises:
        InvalidInput: The budget cannot be kept.
    """
    if budget is None:
        return _allocation(prepared, prepared.configs)
    _check_can_be_judged(prepared, budget)
    _check_can_be_kept(prepared, budget)
    measured = measure(prepared, progress, coded=budget.flash_bytes is not None)
    if budget.average_bits is not None:
        allocated = _allocation(prepared, _configs(allocate_average(measured, budget.average_bits)))
        return _better(prepared, allocated, uniform_within_average(prepared, budget.average_bits))
    if budget.flash_bytes is not None:
        return _within_bytes(prepared, measured, budget.flash_bytes)
    return _within_loss(prepared, measured, budget, progress)


def _allocation(prepared: Prepared, configs: LayerConfigs) -> Allocation:
    return Allocation(configs, prepared.quantize(configs))


def _configs(choices: Mapping[str, Candidate]) -> LayerConfigs:
    return {
        layer: choice.config for name, choice in choices.items() for layer in (name, *choice.calls)
    }


def measure(prepared: Prepared, progress: Progress, *, coded: bool = False) -> Candidates:
    """Measure each layer's bits: the pinned ones, or all widths and, if `coded`, all rates."""
    options = {
        name: [layer.config]
        if layer.pinned
        else [
            *(replace(layer.config, bits=bits) for bits in BIT_WIDTHS),
            *(coded_options(prepared.graph, prepared.ranges, name, layer.config) if coded else ()),
        ]
        for name, layer in prepared.layers.items()
    }
    return sensitivities(prepared.graph, prepared.ranges, prepared.inputs, options, progress)


def flash_bytes(quantized: QuantizedGraph) -> int:
    """Return the flash bytes of a network's weights, codebooks and output stages."""
    plan = make_plan(quantized)
    return plan.weight_bytes + plan.parameter_bytes


def _within_bytes(prepared: Prepared, measured: Candidates, budget: int) -> Allocation:
    """Return the best allocation; entropy-coded indices, whose decoder counts, if much better."""
    packed = {
        name: tuple(choice for choice in choices if choice.config.rate is None)
        for name, choices in measured.items()
    }
    plain = _allocated_within(prepared, packed, budget)
    offered = {name for name, choices in measured.items() if len(choices) > len(packed[name])}
    kinds = {node.op.kind for node in plain.quantized.nodes if node.name in offered}
    decoders = sum(DECODER_BYTES[kind] for kind in kinds)
    if not offered or budget <= decoders:
        return plain
    try:
        coded = _allocated_within(prepared, measured, budget - decoders)
    except InvalidInput:  # which leaves too little
        return plain
    if all(config.rate is None for config in coded.configs.values()):
        return plain
    lost = [_held_out(prepared, one).divergence for one in (plain, coded)]
    better = lost[1] < _CLEARLY * lost[0]
    names = "packed indices", "entropy-coded indices"
    decision = Decision(
        "bits",
        names[better],
        "divergence",
        prepared.samples is not None,
        dict(zip(names, lost, strict=True)),
    )
    found = coded if better else plain
    return replace(found, decisions=(*found.decisions, decision))


def _allocated_within(prepared: Prepared, measured: Candidates, budget: int) -> Allocation:
    """Allocate the bytes that output stages leave; their size is known only afterwards."""
    graph = prepared.graph
    left = budget - _STAGE_BYTES * sum(len(op.bias) for _, op in graph.weighted())
    for _ in range(_ATTEMPTS):
        check_left(budget, left)
        found = _allocation(prepared, _configs(allocate_bytes(measured, left)))
        excess = flash_bytes(found.quantized) - budget
        if excess <= 0:
            return _better(prepared, found, uniform_within_bytes(prepared, measured, left), budget)
        left -= excess
    raise InvalidInput(
        f"flash budget is {budget:,} bytes; no choice of bits keeps to it; give more"
    )


def _better(
    prepared: Prepared, allocated: Allocation, configs: LayerConfigs | None, most: int | None = None
) -> Allocation:
    """Return an allocation, or one with the same bits for all layers that loses no more.

    Sums of sensitivities are an approximation. A larger network has to be clearly better.

    Args:
        prepared: The model.
        allocated: Bits chosen layer by layer.
        configs: The same bits for all layers, if any keep to the budget.
        most: Most bytes of flash, if the budget has such a limit.
    """
    if configs is None or configs == allocated.configs:
        return allocated
    uniform = _allocation(prepared, configs)
    sizes = [flash_bytes(one.quantized) for one in (allocated, uniform)]
    if most is not None and sizes[1] > most:
        return allocated
    lost = [_held_out(prepared, one).divergence for one in (allocated, uniform)]
    better = lost[0] < lost[1] * (_CLEARLY if sizes[0] > sizes[1] else 1.0)
    found = allocated if better else uniform
    names = "layer by layer", f"{average_bits(prepared, configs):.4g} bits for all layers"
    decision = Decision(
        "bits",
        names[0] if better else names[1],
        "divergence",
        prepared.samples is not None,
        dict(zip(names, lost, strict=True)),
    )
    return replace(found, decisions=(decision,))


def _held_out(prepared: Prepared, found: Allocation) -> Quality:
    if prepared.aside is None:
        return prepared.held_out_quality(found.configs)
    judges = spread(prepared.aside, affordable_inputs(prepared.graph))
    return integer_quality(prepared.graph, found.quantized, judges, prepared.task)


def _check_can_be_judged(prepared: Prepared, budget: Budget) -> None:
    """Refuse early a limit on the loss that cannot be measured."""
    if budget.max_drop is None and budget.min_snr is None:
        return
    if prepared.samples is None:
        raise InvalidInput(
            "what a network loses can only be measured on calibration inputs; give some hundred of "
            "them, or another budget"
        )
    graph = prepared.graph
    check_figures(graph, prepared.task, budget.max_drop, budget.min_snr)


def check_figures(graph: Graph, task: Task, max_drop: float | None, min_snr: float | None) -> None:
    """Refuse a limit of a figure that a network's outputs do not have.

    Raises:
        InvalidInput: A limit of accuracy for values, or of noise for classes.
    """
    kinds = [_kind(graph, output, task) for output in graph.outputs]
    if max_drop is not None and "values" in kinds:
        raise InvalidInput(
            f"a limit of accuracy (max_drop) needs classes or labels, but {graph.name} does not "
            "end with a softmax over two or more or with a sigmoid; give --min-snr DB, or --task "
            "classes or labels if its outputs are their scores"
        )
    if min_snr is not None and "classes" in kinds:
        raise InvalidInput(
            f"a limit of noise (min_snr) is for values, but {graph.name} answers with "
            "classes; give --max-drop POINTS, or --task values"
        )


def _kind(graph: Graph, output: str, task: Task) -> Kind:
    """Return what an output is judged as: a single class has only its value."""
    name, classes = judged(graph, output, task)
    few = classes and graph.shape_of(name)[-1] < _FEWEST_CLASSES
    return "values" if few else kind_of(graph, output, task)


def _check_can_be_kept(prepared: Prepared, budget: Budget) -> None:
    """Refuse early a budget that even the fewest bits exceed."""
    sizes = {name: op.kernel.size for name, op in stored_layers(prepared.graph).items()}
    layers = ((name, prepared.layers[name]) for name in sizes)
    fewest = {name: one.config.bits if one.pinned else min(BIT_WIDTHS) for name, one in layers}
    least = sum(sizes[name] * bits for name, bits in fewest.items())
    if budget.average_bits is not None and least > budget.average_bits * sum(sizes.values()):
        raise InvalidInput(too_few_bits(budget.average_bits, least / sum(sizes.values())))
    if budget.flash_bytes is not None and least > 8 * budget.flash_bytes:
        raise InvalidInput(too_few_bytes(budget.flash_bytes, least // 8))


def _within_loss(
    prepared: Prepared, measured: Candidates, budget: Budget, progress: Progress
) -> Allocation:
    """Return the network with the fewest bits that loses little enough on held-out inputs."""
    tried, figures = 0, dict[str, float]()

    def loss(configs: LayerConfigs) -> Quality:
        nonlocal tried
        progress("measure loss", tried, len(AVERAGES).bit_length())
        tried += 1
        found = prepared.held_out_quality(configs)
        figures[f"{average_bits(prepared, configs):.2f} bits"] = (
            found.drop if budget.max_drop is not None else found.snr_db
        ) or 0.0
        return found

    front = front_of(measured)
    first = bisect_left(front, True, key=lambda configs: _is_kept(budget, loss(configs)))
    if first == len(front):
        asked, found = _asked_and_found(budget, loss(front[-1]))
        raise InvalidInput(
            f"{asked}: even with all the bits that are allowed it is {found}; ask for less, or "
            "give more calibration inputs"
        )
    chosen = f"{average_bits(prepared, front[first]):.2f} bits"
    figure: Literal["drop", "snr_db"] = "snr_db" if budget.max_drop is None else "drop"
    decision = Decision("bits", chosen, figure, True, figures)
    return replace(_allocation(prepared, front[first]), decisions=(decision,))


def _is_kept(budget: Budget, found: Quality) -> bool:
    if budget.max_drop is not None:
        return found.drop is not None and found.drop <= budget.max_drop
    return found.snr_db is not None and found.snr_db >= (budget.min_snr or 0.0)


def _asked_and_found(budget: Budget, found: Quality) -> tuple[str, str]:
    if budget.max_drop is not None:
        return f"a drop of {budget.max_drop:g} points at most", f"{found.drop:.2f} points"
    return f"an SNR of {budget.min_snr:g} dB at least", f"{found.snr_db:.1f} dB"


def front_of(measured: Candidates) -> list[LayerConfigs]:
    """Return the best allocations for `AVERAGES`, as far as the pinned layers allow them."""
    front: list[LayerConfigs] = []
    for average in AVERAGES:
        try:
            configs = _configs(allocate_average(measured, average))
        except InvalidInput:  # the pinned layers have more bits than that
            continue
        if configs not in front:
            front.append(configs)
    return front
