"""Chooses the ranges of activations: a `Graph` and sample inputs in, `ChosenRanges` out.

Every rule that sets a range by its tensor's values is tried on the whole network, with activations
rounded to int8 and real weights. The one that keeps the outputs nearest to the float ones wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np

from microlut.graph.evaluate import evaluate, walk
from microlut.graph.ir import FloatArray, Graph
from microlut.integer import dequantize_array, quantize_array
from microlut.quantize.levels.densities import Array
from microlut.quantize.operators import tensor_quantizations
from microlut.quantize.quality import affordable_inputs, spread, without_softmax
from microlut.quantize.ranges.measure import Ranges, Tails, measure

RangeChoice = Literal["auto", "min-max", "percentile", "min-error"]

_TAILS = (1e-4, 1e-5, 3e-4, 1e-3)  # shares of the values beyond either end; the first is preferred
_BATCH = 32
_WILD = 2.0  # times the range of all other values
_ROUNDS = 20  # of choosing one end of a range by the other


@dataclass(frozen=True, slots=True)
class ChosenRanges:
    """The ranges of one rule, and how near each rule came to the float network.

    Attributes:
        ranges: Range of every tensor.
        rule: "min-max", "min-error" or "percentile p %", where p is what lies beyond either end.
        divergences: By rule, the simplest first: squared error of the outputs over the squared
            outputs. The outputs are what a final softmax reads, if there is one.
    """

    ranges: Ranges
    rule: str
    divergences: Mapping[str, float]


def choose_ranges(
    graph: Graph,
    samples: FloatArray,
    choice: RangeChoice = "auto",
    input_range: tuple[float, float] | None = None,
) -> ChosenRanges:
    """Return the ranges that keep the network's outputs nearest to the float ones.

    By "auto", the input has its minimum and maximum where a rule takes little of that range away:
    clipping some pixels wins nothing, and moves the scale that programs on the device know. Noise
    alone would decide between rules within one standard error of the best: of those the simplest is
    taken (Breiman et al. 1984, section 3.4.3).

    Args:
        graph: Float graph after the passes.
        samples: Inputs [n, *graph.input_shape], such as the model sees in use.
        choice: One rule, the best of the "percentile" ones, or the best of all ("auto").
        input_range: The input's range, if it is known; inputs beyond it saturate, as on the device.

    Raises:
        InvalidInput: What `calibrate.measure` raises.
    """
    if input_range is not None:
        samples = saturated(samples, input_range)
    candidates = _candidates(graph, samples, choice)
    if input_range is not None:
        candidates = {
            rule: Ranges(MappingProxyType({**ranges.limits, graph.input_name: input_range}))
            for rule, ranges in candidates.items()
        }
    judges = _without_wild(samples, [ranges[graph.input_name] for ranges in candidates.values()])
    graph = without_softmax(graph)
    judges = spread(judges, affordable_inputs(graph))
    batches = [judges[i : i + _BATCH] for i in range(0, len(judges), _BATCH)]
    real = _vectors(evaluate(graph, x) for x in batches)
    errors = {
        rule: np.sum((_vectors(_rounded_outputs(graph, ranges, batches)) - real) ** 2, axis=1)
        for rule, ranges in candidates.items()
    }
    power = float(np.sum(real**2)) or 1.0
    divergences = {rule: float(np.sum(error)) / power for rule, error in errors.items()}
    rule = _simplest_of_best(errors)
    return ChosenRanges(candidates[rule], rule, MappingProxyType(divergences))


def _candidates(graph: Graph, samples: FloatArray, choice: RangeChoice) -> Mapping[str, Ranges]:
    """Return ranges by rule, the simplest first."""
    tails = measure(graph, samples, 0.0 if choice == "min-max" else max(_TAILS))
    rules: dict[str, Callable[[Tails], tuple[float, float]]] = {}
    if choice in ("auto", "min-max"):
        rules["min-max"] = partial(Tails.within, share=0.0)
    if choice in ("auto", "percentile"):
        rules |= {f"percentile {100 * t:g} %": partial(Tails.within, share=t) for t in _TAILS}
    if choice in ("auto", "min-error"):
        rules["min-error"] = least_error_range
    first = tails[graph.input_name]
    full = first.within(0.0)
    candidates = {}
    for rule, limits in rules.items():
        input_range, known = limits(first), tails
        if full[1] - full[0] > _WILD * (input_range[1] - input_range[0]) > 0.0:
            # One wild input makes wild values of so many in a layer that no rule leaves them out.
            known = measure(graph, saturated(samples, input_range), max(_TAILS))
        elif choice == "auto":
            input_range = full
        found = {name: limits(t) for name, t in known.items()} | {graph.input_name: input_range}
        candidates[rule] = Ranges(MappingProxyType(found))
    return candidates


def _without_wild(samples: FloatArray, ranges: Sequence[tuple[float, float]]) -> FloatArray:
    """Return the inputs that lie in the range of all rules, or near it if rules differ much.

    An input far beyond the others would decide alone, in favour of the rule that serves it.
    """
    spans = [high - low for low, high in ranges]
    narrow = [pair for pair, span in zip(ranges, spans, strict=True) if max(spans) > _WILD * span]
    if not narrow:
        return samples
    low, high = max(narrow, key=lambda pair: pair[1] - pair[0])
    margin = (_WILD - 1.0) / 2.0 * (high - low)
    flat = samples.reshape(len(samples), -1)
    tame = (flat.min(axis=1) >= low - margin) & (flat.max(axis=1) <= high + margin)
    return samples[tame] if tame.any() else samples


def saturated(samples: FloatArray, limits: tuple[float, float]) -> FloatArray:
    """Return inputs [n, ...] limited to a range, as int8 limits them on the device."""
    low, high = np.float32(limits[0]), np.float32(limits[1])
    if samples.min() >= low and samples.max() <= high:
        return samples
    return np.clip(samples, low, high)


def least_error_range(tails: Tails) -> tuple[float, float]:
    """Return the range with the least squared error of int8 values, clipping included.

    Values within the range, zeros excepted, are uniformly distributed between two steps: each adds
    step^2 / 12, where step = (high - low) / 255. The sum of both errors is convex. No end lies
    further inside than the innermost value that was kept.
    """
    low, high = tails.within(0.0)
    rounding = tails.nonzero / (12.0 * 255.0**2)
    for _ in range(_ROUNDS):
        # Quantized ranges contain zero.
        high = _best_end(tails.high, min(low, 0.0), rounding)
        low = -_best_end(-tails.low, -max(high, 0.0), rounding)
    return low, high


def _best_end(outermost: FloatArray, other: float, rounding: float) -> float:
    """Return the h of least sum of (x - h)^2 over all x > h, plus rounding * (h - other)^2.

    Args:
        outermost: [kept] largest values x, descending.
        other: The other end of the range.
        rounding: Weight of the rounding error.
    """
    x = outermost.astype(np.float64)
    clipped = np.arange(1, len(x))
    # The optimum if exactly the first 1, 2, ... values are clipped; right if the next one is not.
    ends = (np.cumsum(x[:-1]) + rounding * other) / (clipped + rounding)
    right = np.flatnonzero(ends >= x[1:])
    return float(ends[right[0]]) if len(right) else float(x[-1])


def _vectors(batches: Iterable[FloatArray]) -> Array:
    """Return outputs [n, values] of batches [batch, ...] of them."""
    outputs = np.concatenate(list(batches)).astype(np.float64)
    return outputs.reshape(len(outputs), -1)


def _simplest_of_best(errors: Mapping[str, Array]) -> str:
    """Return the first rule whose errors [inputs] are within a standard error of the least."""
    best = min(errors.values(), key=lambda error: float(np.sum(error)))
    excess = {rule: error - best for rule, error in errors.items()}
    return next(rule for rule, e in excess.items() if np.mean(e) <= np.std(e) / math.sqrt(len(e)))


def _rounded_outputs(
    graph: Graph, ranges: Ranges, batches: Iterable[FloatArray]
) -> Iterator[FloatArray]:
    """Yield the outputs of the float network with every tensor rounded to its int8 values."""
    known = tensor_quantizations(graph, ranges)
    for batch in batches:
        for node, values in walk(graph, batch.copy()):
            name = graph.input_name if node is None else node.name
            # In place, so that the nodes after it read the rounded values.
            values[...] = dequantize_array(quantize_array(values, known[name]), known[name])
            if name == graph.output_name:
                output = values
        yield output
