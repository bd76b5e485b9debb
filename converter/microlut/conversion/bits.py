"""Choose the bits of every layer within a budget."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import Literal

from microlut.conversion.allocation import (
    CLEARLY,
    Allocation,
    allocation,
    better_of,
    between,
    configs_of,
    held_out,
)
from microlut.conversion.coding import RATES, coded_options
from microlut.conversion.decisions import Decision
from microlut.conversion.flash_budget import within_bytes
from microlut.conversion.prepared import Prepared
from microlut.conversion.settings import Budget
from microlut.conversion.uniform import average_bits, uniform_within_average
from microlut.distill.decision import loses_little
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.quantize.bits.allocate import allocate_average, too_few_bits, too_few_bytes
from microlut.quantize.bits.sensitivity import Candidates, sensitivities
from microlut.quantize.figures import Kind, Quality, Task
from microlut.quantize.quality import judged, kind_of
from microlut.quantize.shared import stored_layers
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs
from microlut.support.progress import Progress

# Mean bits per weight to try, from few to many, until a network loses little enough.
AVERAGES = (2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0)
_FEWEST_CLASSES = 2
_LARGE = 40_000  # weights, which take 20 KB at 4 bits: ten times the code for several widths


def quantize_within(prepared: Prepared, budget: Budget | None, progress: Progress) -> Allocation:
    """Return the integer network that loses least within a budget.

    Args:
        prepared: The model, and the choices allowed for its layers.
        budget: The budget to keep; None uses the bits that the layers are given, or as many bits on
            average if nobody asked for these and they lose much.
        progress: Called with (what, done, total).

    Raises:
        InvalidInput: The budget cannot be kept.
    """
    if budget is None:
        return _by_default(prepared, progress)
    _check_can_be_judged(prepared, budget)
    _check_can_be_kept(prepared, budget)
    measured = measure(prepared, progress, coded=budget.flash_bytes is not None)
    if budget.average_bits is not None:
        allocated = allocation(
            prepared, configs_of(allocate_average(measured, budget.average_bits))
        )
        uniform = uniform_within_average(prepared, budget.average_bits)
        return better_of(prepared, allocated, uniform)
    if budget.flash_bytes is not None:
        return within_bytes(prepared, measured, budget.flash_bytes)
    return _within_loss(prepared, measured, budget, progress)


def _by_default(prepared: Prepared, progress: Progress) -> Allocation:
    """Return the network with the same bits for all layers, or as many bits on average.

    Sensitive layers, such as depthwise ones, often have few of the weights. So the second loses
    less, but it takes a longer time, and up to 2 KB of code for indices of several widths.
    """
    uniform = allocation(prepared, prepared.configs)
    weights = sum(op.kernel.size for op in stored_layers(prepared.graph).values())
    if not prepared.free_bits or prepared.aside is None or weights < _LARGE:
        return uniform
    before = held_out(prepared, uniform)
    if loses_little(before):
        return uniform
    average = average_bits(prepared, prepared.configs)
    choices = allocate_average(measure(prepared, progress), average)
    mixed = allocation(prepared, configs_of(choices))
    lost = held_out(prepared, mixed).divergence, before.divergence
    return between(prepared, mixed, uniform, lost, CLEARLY)


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
    if budget.flash_bytes is not None:
        rates = {name: _least_rate(prepared, name, bits) for name, bits in fewest.items()}
        taken = int(sum(sizes[name] * rate for name, rate in rates.items()) / 8)
        if taken > budget.flash_bytes:
            raise InvalidInput(too_few_bytes(budget.flash_bytes, taken))


def _least_rate(prepared: Prepared, name: str, bits: int) -> float:
    """Return the fewest bits per weight of a layer; entropy-coded indices may take part of one."""
    layer = prepared.layers[name]
    coded = coded_options(prepared.graph, prepared.ranges, name, layer.config)
    return min(RATES) if coded and not layer.pinned else float(bits)


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
    return replace(allocation(prepared, front[first]), decisions=(decision,))


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
            configs = configs_of(allocate_average(measured, average))
        except InvalidInput:  # the pinned layers have more bits than that
            continue
        if configs not in front:
            front.append(configs)
    return front
