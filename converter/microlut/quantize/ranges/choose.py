"""Choose the ranges of activations.

Every rule that sets a range from the values of its tensor is tried on the whole network, with int8
activations and real weights. The rule that keeps the outputs nearest to the float ones wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from microlut.graph.batch import Arrays, Batch, by_name, joined
from microlut.graph.evaluate import outputs, walk
from microlut.graph.ir import Graph
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Activation, dequantize_array, feature_ranges, quantize_array
from microlut.quantize.levels.densities import Array
from microlut.quantize.quality import affordable_inputs, spread, without_softmax
from microlut.quantize.ranges.activations import activation_quantization, quantized_tensors
from microlut.quantize.ranges.inputs import ranged_inputs, saturated
from microlut.quantize.ranges.measure import Ranges, Tails, measure, outermost

RangeChoice = Literal["auto", "min-max", "percentile", "min-error"]
Rule = Callable[[Tails], tuple[float, float]]
Ends = tuple[NDArray[np.float64], NDArray[np.float64]]  # of a range: a value per feature, or one

_TAILS = (1e-4, 1e-5, 3e-4, 1e-3)  # shares of the values beyond either end; the first is preferred
_BATCH = 32
_WILD = 2.0  # times the range of the other values
_ROUNDS = 20  # of choosing one end of a range for the other


@dataclass(frozen=True, slots=True)
class ChosenRanges:
    """The ranges of the best rule, and how near each rule is to the float network.

    Attributes:
        ranges: Range of every tensor.
        rule: "min-max", "min-error" or "percentile p %", where p is the share beyond either end.
        divergences: By rule, the simplest first: squared error of the outputs over the squared
            outputs. The outputs are the inputs of a final softmax, if there is one.
    """

    ranges: Ranges
    rule: str
    divergences: Mapping[str, float]


def choose_ranges(
    graph: Graph,
    samples: Arrays,
    choice: RangeChoice = "auto",
    input_range: tuple[float, float] | None = None,
    types: Mapping[str, Activation] = MappingProxyType({}),
    judges: Arrays | None = None,
) -> ChosenRanges:
    """Return the ranges that keep the network's outputs nearest to the float ones.

    Tensors whose ranges training has recorded keep these. With "auto", the input keeps its minimum
    and maximum if a rule removes little of that range: clipping some pixels gains nothing, and
    changes the scale that programs on the device use. Only noise would decide between rules within
    one standard error of the best, so the simplest of those is chosen (Breiman et al. 1984, section
    3.4.3).

    Args:
        graph: Float graph after the passes.
        samples: Inputs [n, ...], like those in use.
        choice: One rule, the best of the "percentile" ones, or the best of all ("auto").
        input_range: The input's range, if known; inputs beyond it saturate, as on the device.
        types: Types of tensors other than int8.
        judges: Other inputs [n, ...] to compare the rules on; by default the samples.

    Raises:
        InvalidInput: As for `measure`.
    """
    judges = samples if judges is None else judges
    samples, judges = (_within(graph, each, input_range) for each in (samples, judges))
    given_ranges = known_ranges(graph, input_range)
    candidates = {
        rule: ranges.typed(types).replaced(given_ranges)
        for rule, ranges in _candidates(graph, samples, choice).items()
    }
    for one in ranged_inputs(graph):
        limits = [ranges[one.tensor] for ranges in candidates.values()]
        values = one.scaled(by_name(graph.inputs, judges)[one.name])
        judges = _without_wild(judges, values, limits)
    graph = without_softmax(graph)
    judges = spread(judges, affordable_inputs(graph))
    batches = [judges[i : i + _BATCH] for i in range(0, len(judges), _BATCH)]
    real = vectors(outputs(graph, x) for x in batches)
    errors = {
        rule: np.sum((vectors(rounded_outputs(graph, ranges, batches)) - real) ** 2, axis=1)
        for rule, ranges in candidates.items()
    }
    power = float(np.sum(real**2)) or 1.0
    divergences = {rule: float(np.sum(error)) / power for rule, error in errors.items()}
    rule = _simplest_of_best(errors)
    return ChosenRanges(candidates[rule], rule, MappingProxyType(divergences))


def known_ranges(
    graph: Graph, input_range: tuple[float, float] | None
) -> dict[str, tuple[float, float]]:
    """Return the ranges that are known without inputs: recorded ones, and that of the inputs."""
    given = {} if input_range is None else {tensor.name: input_range for tensor in graph.inputs}
    return {**graph.ranges, **given}


def possible_ranges(
    graph: Graph,
    samples: Arrays,
    choice: RangeChoice = "auto",
    input_range: tuple[float, float] | None = None,
    types: Mapping[str, Activation] = MappingProxyType({}),
) -> dict[str, tuple[Ends, ...]]:
    """Return the ranges that the rules give each input, of which `choose_ranges` takes one.

    The arguments are those of `choose_ranges`. An end has a value per feature, or one for all.
    """
    known, found = known_ranges(graph, input_range), {}
    given = by_name(graph.inputs, _within(graph, samples, input_range))
    for one in ranged_inputs(graph):
        dtype = types.get(one.name, "int8")
        tails = outermost(one.scaled(given[one.name]), max(_TAILS))
        every = {_input_ends(tails, limits, choice)[0] for limits in _rules(choice).values()}
        chosen = [known[one.tensor]] if one.tensor in known else sorted(every)
        found[one.name] = tuple(
            feature_ranges(one.source(activation_quantization(*ends, dtype=dtype), dtype), dtype)
            for ends in chosen
        )
    return found


def _within(graph: Graph, samples: Arrays, limits: tuple[float, float] | None) -> Arrays:
    if limits is None:
        return samples
    given = by_name(graph.inputs, samples)
    return Batch({name: saturated(x, limits) for name, x in given.items()})


def _rules(choice: RangeChoice) -> dict[str, Rule]:
    """Return the rules, the simplest first."""
    rules: dict[str, Rule] = {}
    if choice in ("auto", "min-max"):
        rules["min-max"] = partial(Tails.within, share=0.0)
    if choice in ("auto", "percentile"):
        rules |= {f"percentile {100 * t:g} %": partial(Tails.within, share=t) for t in _TAILS}
    if choice in ("auto", "min-error"):
        rules["min-error"] = least_error_range
    return rules


def _input_ends(
    tails: Tails, limits: Rule, choice: RangeChoice
) -> tuple[tuple[float, float], bool]:
    """Return the range that a rule gives an input, and whether it leaves out wild values."""
    full, found = tails.within(0.0), limits(tails)
    wild = full[1] - full[0] > _WILD * (found[1] - found[0]) > 0.0
    return (full if choice == "auto" and not wild else found), wild


def _candidates(graph: Graph, samples: Arrays, choice: RangeChoice) -> Mapping[str, Ranges]:
    """Return ranges by rule, the simplest first."""
    tails = measure(graph, samples, 0.0 if choice == "min-max" else max(_TAILS))
    candidates = {}
    for rule, limits in _rules(choice).items():
        ends, known = {}, tails
        given = by_name(graph.inputs, samples)
        for one in ranged_inputs(graph):
            ends[one.tensor], wild = _input_ends(tails[one.tensor], limits, choice)
            if wild:
                # One wild input makes wild values of so many in a layer that no rule leaves them
                # out.
                given[one.name] = one.saturated(given[one.name], ends[one.tensor])
                known = measure(graph, Batch(given), max(_TAILS))
        ranges = Ranges(MappingProxyType({name: limits(t) for name, t in known.items()}))
        candidates[rule] = ranges.replaced(ends)
    return candidates


def _without_wild(
    samples: Arrays, values: FloatArray, ranges: Sequence[tuple[float, float]]
) -> Arrays:
    """Return the samples whose `values` lie in the range of all rules, or near it.

    Rules differ much where few values are wild: a sample far beyond the others would decide alone,
    in favour of the rule that serves it.
    """
    spans = [high - low for low, high in ranges]
    narrow = [pair for pair, span in zip(ranges, spans, strict=True) if max(spans) > _WILD * span]
    if not narrow:
        return samples
    low, high = max(narrow, key=lambda pair: pair[1] - pair[0])
    margin = (_WILD - 1.0) / 2.0 * (high - low)
    flat = values.reshape(len(values), -1)
    tame = (flat.min(axis=1) >= low - margin) & (flat.max(axis=1) <= high + margin)
    return samples[tame] if tame.any() else samples


def least_error_range(tails: Tails) -> tuple[float, float]:
    """Return the range with the least squared error of int8 values, clipping included.

    Values within the range, zeros excepted, are uniformly distributed between two steps: each adds
    step^2 / 12, where step = (high - low) / 255. The sum of both errors is convex. No end is
    further inside than the innermost recorded value.
    """
    low, high = tails.within(0.0)
    rounding = tails.nonzero / (12.0 * 255.0**2)
    for _ in range(_ROUNDS):
        # Quantized ranges contain zero.
        high = _best_end(tails.high, min(low, 0.0), rounding)
        low = -_best_end(-tails.low, -max(high, 0.0), rounding)
    return low, high


def _best_end(outermost: FloatArray, other: float, rounding: float) -> float:
    """Return h with the least sum of (x - h)^2 over all x > h, plus rounding * (h - other)^2.

    Args:
        outermost: [kept] largest values x, descending.
        other: The other end of the range.
        rounding: Weight of the rounding error.
    """
    x = outermost.astype(np.float64)
    clipped = np.arange(1, len(x))
    # The optimum if exactly the first 1, 2, ... values are clipped; valid if the next one is not.
    ends = (np.cumsum(x[:-1]) + rounding * other) / (clipped + rounding)
    right = np.flatnonzero(ends >= x[1:])
    return float(ends[right[0]]) if len(right) else float(x[-1])


def vectors(batches: Iterable[Batch]) -> Array:
    """Return the values of all outputs [n, values], side by side."""
    arrays = joined(batches).arrays.values()
    flat = [values.reshape(len(values), -1).astype(np.float64) for values in arrays]
    return np.concatenate(flat, axis=1)


def _simplest_of_best(errors: Mapping[str, Array]) -> str:
    """Return the first rule whose errors [inputs] are within a standard error of the least."""
    best = min(errors.values(), key=lambda error: float(np.sum(error)))
    excess = {rule: error - best for rule, error in errors.items()}
    return next(rule for rule, e in excess.items() if np.mean(e) <= np.std(e) / math.sqrt(len(e)))


def rounded_outputs(graph: Graph, ranges: Ranges, batches: Iterable[Arrays]) -> Iterator[Batch]:
    """Yield the outputs of the float network with every tensor rounded to its int8 values."""
    known = quantized_tensors(graph, ranges)
    for batch in batches:
        given = {name: x.copy() for name, x in by_name(graph.inputs, batch).items()}
        found = {}
        for _, made in walk(graph, Batch(given)):
            for name, values in made.items():
                own, dtype = known[name].quantized, known[name].dtype
                # In place, so that later nodes read the rounded values.
                values[...] = dequantize_array(quantize_array(values, own, dtype), own)
                found.update({name: values} if name in graph.outputs else {})
        yield Batch({name: found[tensor] for name, tensor in graph.ends.items()})
