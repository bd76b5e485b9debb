"""Look for what is wrong with inputs: those to calibrate with, and those to run.

A finding says what was seen, and a remedy what to do. The limits are documented in
docs/guide/calibration.md, with what sound and wrong inputs of the reference models measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from microlut.conversion.aside import distinct
from microlut.conversion.findings import Finding, Remedy
from microlut.conversion.training_statistics import compared_inputs, training_findings
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Tensor, feature_ranges
from microlut.quantize.diagnosis import FEWEST_STEPS, unlike_features
from microlut.quantize.quality import spread

# Ranges and biases are means and extremes over inputs: of 50, a mean is known to a seventh of a
# deviation, and a value that one input in 17 has is among them with a probability of 95 %.
FEWEST_INPUTS = 50
# A range that outliers make four times as wide leaves other values two bits fewer of eight.
OUTLIER_SPANS = 4.0
OUTERMOST = 1e-3  # share of the values that may be outliers at either end
# Ranges leave out a tenth of that at either end, on purpose.
MOST_SATURATED = 0.01
# Inputs that span less than a quarter of the range have two bits fewer of eight.
LEAST_SPAN = 0.25
MANY_INPUTS = 8  # one dark picture may span little, many do not

_LISTED = 5


def calibration_findings(
    samples: Batch, graph: Graph, tensors: Sequence[Tensor]
) -> tuple[Finding, ...]:
    """Return what looks wrong with calibration inputs.

    Args:
        samples: [n, ...] calibration inputs.
        graph: The network as it was imported, with its batch normalizations.
        tensors: The quantized inputs.
    """
    different = np.array([places[0] for places in distinct(samples)])
    places = cast(NDArray[np.intp], spread(different, compared_inputs(graph)))
    return (
        *_few(len(samples), len(different)),
        *(f for tensor in tensors for f in _outliers(samples.arrays[tensor.name], tensor)),
        *(f for tensor in tensors for f in _unlike_features(samples.arrays[tensor.name], tensor)),
        *training_findings(_compared(samples, tensors, places), graph),
    )


def run_findings(samples: Batch, tensors: Sequence[Tensor]) -> tuple[Finding, ...]:
    """Return what is unlike the calibration inputs in inputs [n, ...] that are run.

    `tensors` are the quantized inputs, whose ranges are those of the calibration.
    """
    return tuple(
        f for tensor in tensors for f in _unlike_range(samples.arrays[tensor.name], tensor)
    )


def _few(count: int, different: int) -> Iterator[Finding]:
    if different >= FEWEST_INPUTS:
        return
    found = f"{count} calibration inputs"
    if different < count:
        found += f", of which {different} differ"
    remedy = f"give {FEWEST_INPUTS} or more different ones like those in use"
    yield Finding(
        code="few-inputs",
        place="",
        text=f"{found}: ranges and biases are measured on them",
        figures={"inputs": count, "different": different, "limit_different": FEWEST_INPUTS},
        remedies=(Remedy(remedy),),
    )


def _compared(samples: Batch, tensors: Sequence[Tensor], places: NDArray[np.intp]) -> Batch:
    """Return some of the inputs, limited to the ranges in use."""
    few = samples[places]
    return Batch(
        {
            tensor.name: np.clip(
                few.arrays[tensor.name], *feature_ranges(tensor.quantized, tensor.dtype)
            ).astype(np.float32)
            for tensor in tensors
        }
    )


def _outliers(x: FloatArray, tensor: Tensor) -> Iterator[Finding]:
    """Yield a finding if few values reach much further than all others.

    Features with scales of their own share steps, so their values are compared in steps.
    """
    if x.size < 4 * FEWEST_INPUTS:
        return
    known = tensor.quantized
    steps = x if known.features is None else (x - known.origins) / known.scales
    outermost = max(1, int(OUTERMOST * x.size))
    places = (outermost, x.size - 1 - outermost)
    ordered = np.partition(steps, places, axis=None)  # a full sort of images takes seconds
    low, high = (float(ordered[place]) for place in places)
    least, most = float(steps.min()), float(steps.max())
    if not (high > low and most - least > OUTLIER_SPANS * (high - low)):
        return
    beyond = int(np.sum((steps < low) | (steps > high)))
    what, where = "calibration inputs", 0
    if known.features is not None:
        where = int(np.argmax(np.abs(steps - (low + high) / 2))) % x.shape[-1]
        what = f"feature {where} of the calibration inputs"
        scale, origin = known.scales[where], known.origins[where]
        low, high = sorted((low * scale + origin, high * scale + origin))
        x = x[..., where]
    used = [float(ends[where]) for ends in feature_ranges(known, tensor.dtype)]
    least, most = float(x.min()), float(x.max())
    yield Finding(
        code="outliers",
        place=tensor.name,
        text=(
            f"{what} span{'s' * (what != 'calibration inputs')} {least:g} to {most:g}, but all "
            f"except {beyond:,} of {steps.size:,} values lie in {low:g} to {high:g}; the range in "
            f"use is {used[0]:g} to {used[1]:g}"
        ),
        figures={
            "least": least,
            "largest": most,
            "values": steps.size,
            "beyond": beyond,
            "low": low,
            "high": high,
            "range_low": used[0],
            "range_high": used[1],
        },
        remedies=(Remedy("repair these inputs"), Remedy("or give --input-range LOW HIGH")),
    )


def _unlike_features(x: FloatArray, tensor: Tensor) -> Iterator[Finding]:
    """Yield a finding if features that share the input's steps differ too much for that."""
    known = tensor.quantized
    features, count = unlike_features(x, known), x.shape[-1]
    if not features:
        return
    listed = ", ".join(map(str, features[:_LISTED]))
    more = f" and {len(features) - _LISTED} more" if len(features) > _LISTED else ""
    verb = "spans" if len(features) == 1 else "span"
    yield Finding(
        code="unlike-features",
        place=tensor.name,
        text=(
            f"input features differ too much in scale: {len(features)} of {count} ({listed}{more}) "
            f"{verb} less than {FEWEST_STEPS:g} of the input's steps of {known.scale:.3g}"
        ),
        figures={
            "features": count,
            "unlike": len(features),
            "step": known.scale,
            "limit_steps": FEWEST_STEPS,
        },
        remedies=(
            Remedy(
                "scale all features alike before the network, such as (x - mean) / deviation, and "
                "train it on those"
            ),
        ),
    )


def _unlike_range(x: FloatArray, tensor: Tensor) -> Iterator[Finding]:
    """Yield a finding if inputs have another range than the calibration's."""
    lows, highs = feature_ranges(tensor.quantized, tensor.dtype)
    widths = np.maximum(highs - lows, np.finfo(np.float64).tiny)
    # The range is one of whole steps: its ends may be half a step away from those asked for.
    rest = np.abs(tensor.quantized.scales) / 2
    saturated = float(np.mean((x < lows - rest) | (x > highs + rest)))
    reach = float(np.max(np.maximum(lows - x, x - highs) / widths))
    share = float(np.median(np.ptp(x.reshape(-1, widths.size), axis=0) / widths))
    few = share < LEAST_SPAN and len(x) >= MANY_INPUTS
    if saturated <= MOST_SATURATED and reach <= 1.0 and not few:
        return
    low, high = float(lows.min()), float(highs.max())
    least, most = float(x.min()), float(x.max())
    if few:
        seen = f"they span {100 * share:.2g} % of it (limit {100 * LEAST_SPAN:g} %)"
    else:
        seen = (
            f"{100 * saturated:.2g} % of their values saturate (limit {100 * MOST_SATURATED:g} %)"
        )
        if reach > 1.0:
            seen += f", and one lies {reach:.3g} times its width beyond it"
    yield Finding(
        code="unlike-calibration",
        place=tensor.name,
        text=(
            f"inputs of {tensor.name!r} span {least:g} to {most:g}, but the model was calibrated "
            f"for {low:g} to {high:g}: {seen}"
        ),
        figures={
            "least": least,
            "largest": most,
            "range_low": low,
            "range_high": high,
            "saturated": saturated,
            "limit_saturated": MOST_SATURATED,
            "span_share": share,
            "limit_span_share": LEAST_SPAN,
        },
        remedies=(
            Remedy("scale them as the calibration inputs were"),
            Remedy("or calibrate with inputs like these"),
        ),
    )
