"""Integer networks with bits for each layer, and which of two is the better one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from microlut.conversion.decisions import LAYER_BY_LAYER, Decision
from microlut.conversion.prepared import Prepared
from microlut.conversion.uniform import average_bits
from microlut.integer import QuantizedGraph
from microlut.plan import make_plan
from microlut.quantize.bits.sensitivity import Candidate
from microlut.quantize.figures import Quality
from microlut.quantize.quality import affordable_inputs, integer_quality, spread
from microlut.quantize.weights import LayerConfigs

CLEARLY = 0.9  # of the divergence of a smaller network: less is noise


@dataclass(frozen=True, slots=True)
class Allocation:
    """An integer network, the configurations of its layers, and what decided on them."""

    configs: LayerConfigs
    quantized: QuantizedGraph
    decisions: tuple[Decision, ...] = ()


def allocation(prepared: Prepared, configs: LayerConfigs) -> Allocation:
    """Return the network whose layers have these configurations."""
    return Allocation(configs, prepared.quantize(configs))


def configs_of(choices: Mapping[str, Candidate]) -> LayerConfigs:
    """Return the configurations of all layers, those that share their weights included."""
    return {
        layer: choice.config for name, choice in choices.items() for layer in (name, *choice.calls)
    }


def flash_bytes(quantized: QuantizedGraph) -> int:
    """Return the flash bytes of a network's weights, codebooks and output stages."""
    plan = make_plan(quantized)
    return plan.weight_bytes + plan.parameter_bytes


def better_of(
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
    uniform = allocation(prepared, configs)
    sizes = [flash_bytes(one.quantized) for one in (allocated, uniform)]
    if most is not None and sizes[1] > most:
        return allocated
    lost = [held_out(prepared, one).divergence for one in (allocated, uniform)]
    return between(prepared, allocated, uniform, lost, CLEARLY if sizes[0] > sizes[1] else 1.0)


def between(
    prepared: Prepared,
    allocated: Allocation,
    uniform: Allocation,
    lost: Sequence[float],
    share: float,
) -> Allocation:
    """Return one of two allocations, with what decided it.

    Args:
        prepared: The model.
        allocated: Bits chosen layer by layer.
        uniform: The same bits for all layers.
        lost: Divergence of both on inputs that did not make them.
        share: Of the divergence of `uniform`, below which `allocated` is taken.
    """
    better = lost[0] < lost[1] * share
    names = LAYER_BY_LAYER, f"{average_bits(prepared, uniform.configs):.4g} bits for all layers"
    decision = Decision(
        "bits",
        names[0] if better else names[1],
        "divergence",
        prepared.samples is not None,
        dict(zip(names, lost, strict=True)),
    )
    return replace(allocated if better else uniform, decisions=(decision,))


def held_out(prepared: Prepared, found: Allocation) -> Quality:
    """Return a network's quality on inputs that did not make it, if there are such."""
    if prepared.aside is None:
        return prepared.held_out_quality(found.configs)
    judges = spread(prepared.aside, affordable_inputs(prepared.graph))
    return integer_quality(prepared.graph, found.quantized, judges, prepared.task)
