"""Measure what would mend a network whose outputs do not carry the signal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from microlut.conversion.allocation import configs_of
from microlut.conversion.bits import measure
from microlut.conversion.findings import Remedy
from microlut.conversion.prepared import Prepared
from microlut.conversion.settings import Overrides, Settings
from microlut.conversion.tensor_types import tensor_types
from microlut.errors import MicrolutError
from microlut.graph.batch import Batch, by_name
from microlut.ops.requantize import Requantize
from microlut.quantize.bits.allocate import allocate_average
from microlut.quantize.figures import Quality
from microlut.quantize.quality import affordable_inputs, integer_quality, spread
from microlut.quantize.types import with_conversions
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs
from microlut.support.progress import silent

_INPUTS = 32  # to tell remedies apart; differences that matter are large
_WORTH = 0.8  # of the divergence: less than a decibel is no gain
_WITHOUT_DATA = Remedy("give some hundred inputs like those in use with --calibration")


@dataclass(frozen=True, slots=True)
class _Tried:
    text: str
    quality: Quality

    @property
    def remedy(self) -> Remedy:
        ratio = self.quality.snr_db
        if ratio is None:
            return Remedy(self.text, {"divergence": self.quality.divergence})
        return Remedy(self.text, {"snr_db": ratio})


def measured_remedies(
    prepared: Prepared, configs: LayerConfigs, now: Quality
) -> tuple[Remedy, ...]:
    """Return the remedies that mend something, the best first, with what the outputs would be.

    Networks with weights of 8 bits are quantized quickly, since nothing is fitted. They tell what
    more bits per weight and what activations of 16 bits leave.

    Args:
        prepared: The model, and how it was quantized.
        configs: Configurations of its layers.
        now: Quality of the outputs as they are.
    """
    if prepared.samples is not None:
        prepared = replace(prepared, aside=_few(prepared, prepared.judges))
    tried = sorted(_tried(prepared, configs, now), key=lambda one: one.quality.divergence)
    worth = [one.remedy for one in tried if one.quality.divergence < _WORTH * now.divergence]
    return (*worth, *(() if prepared.samples is not None else (_WITHOUT_DATA,)))


def _tried(prepared: Prepared, configs: LayerConfigs, now: Quality) -> Iterator[_Tried]:
    fewer = any(config.bits < 8 for config in configs.values())
    whole = {name: replace(config, bits=8) for name, config in configs.items()}
    eight = _quality(prepared, whole) if fewer else now
    if fewer:
        yield _Tried("--bits 8", eight)
        yield from _with_same_bytes(prepared, configs)
    wide = with_wide_activations(prepared)
    if wide is not None:
        try:
            found = _quality(wide, whole)
        except MicrolutError:  # a form of an operator may not take these ranges
            return
        if not fewer:
            yield _Tried("--activations 16", found)
            return
        yield _Tried("--bits 8 --activations 16", found)
        # The errors of activations and weights add up; these are what 8 bits of either leave.
        left = now.divergence - max(eight.divergence - found.divergence, 0.0)
        yield _Tried("--activations 16", replace(now, divergence=max(left, found.divergence)))


def _with_same_bytes(prepared: Prepared, configs: LayerConfigs) -> Iterator[_Tried]:
    """Try as many bits on average as all layers have now: sensitive layers need more of them."""
    widths = {config.bits for config in configs.values()}
    if len(configs) < 2 or len(widths) > 1 or widths == {min(BIT_WIDTHS)}:
        return
    if prepared.samples is None or any(config.rate is not None for config in configs.values()):
        return
    average = widths.pop()
    layers = {name: replace(layer, pinned=False) for name, layer in prepared.layers.items()}
    few = _few(prepared, prepared.inputs)
    measured = measure(replace(prepared, layers=layers, inputs=few), silent)
    chosen = configs_of(allocate_average(measured, average))
    yield _Tried(f"--average-bits {average}", _quality(prepared, chosen))


def _few(prepared: Prepared, inputs: Batch) -> Batch:
    few = spread(inputs, min(_INPUTS, affordable_inputs(prepared.graph)))
    return Batch(by_name(prepared.graph.inputs, few))


def _quality(prepared: Prepared, configs: LayerConfigs) -> Quality:
    quantized = prepared.quantize(configs)
    return integer_quality(prepared.graph, quantized, prepared.judges, prepared.task)


def with_wide_activations(prepared: Prepared) -> Prepared | None:
    """Return the same with activations of 16 bits, as far as operators have forms for them.

    None if some tensors have them already, if the model fixes them, or if no operator has a form.
    """
    if prepared.graph.exact or prepared.ranges.types:
        return None
    found = tensor_types(prepared.graph, Settings(), Overrides(activations=16)).types
    if not found:
        return None
    graph, types = with_conversions(prepared.graph, found)
    limits = dict(prepared.ranges.limits)
    for node in graph.nodes:
        if isinstance(node.op, Requantize):
            limits[node.output] = limits[node.inputs[0]]
    ranges = replace(prepared.ranges, limits=limits, types=types)
    return replace(prepared, graph=graph, ranges=ranges)
