"""Warn of problems in calibration inputs and in the outputs of a conversion.

A warning says what was found, where it begins, and what to do. The limits are documented in
docs/reference/errors.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Quantization, Tensor, quantized_range
from microlut.ops.weighted import QWeighted
from microlut.quantize.figures import Comparison

LEAST_SNR_DB = 10.0  # of the outputs, over their power and over their variation
LEAST_SNR_DB_OF_8_BITS = 20.0  # of the outputs, if no weights have fewer bits
MOST_DIVERGENCE = 0.2  # nats, about five points of accuracy
FEWEST_INPUTS = 50  # different calibration inputs
_OUTLIER_SPANS = 4.0  # times the span of the values without the outermost ones
_OUTERMOST = 1e-3  # share of the values that may be outliers at either end
_FEWEST_STEPS = 4.0  # of the input's 255, spanned by a feature
_MANY_FEATURES = 0.1  # share of the features
_LISTED = 5


def input_warnings(samples: FloatArray, tensor: Tensor) -> Iterator[str]:
    """Yield warnings about calibration inputs [n, ...] of a quantized input."""
    quantization = tensor.quantized
    different = len({sample.tobytes() for sample in samples})
    if different < FEWEST_INPUTS:
        found = f"{len(samples)} calibration inputs"
        if different < len(samples):
            found += f", of which {different} differ"
        yield (
            f"{found}: ranges and biases are measured on them; give {FEWEST_INPUTS} or more "
            "different ones like those in use"
        )
    yield from _outliers(samples, tensor)
    features = unlike_features(samples, quantization)
    if features:
        yield _unlike_text(features, samples.shape[-1], quantization)


def _outliers(samples: FloatArray, tensor: Tensor) -> Iterator[str]:
    """Yield a warning if few values reach much further than all others."""
    if samples.size < 4 * FEWEST_INPUTS:
        return
    outermost = max(1, int(_OUTERMOST * samples.size))
    places = (outermost, samples.size - 1 - outermost)
    ordered = np.partition(samples, places, axis=None)  # a full sort of images takes seconds
    low, high = (float(ordered[place]) for place in places)
    least, most = float(samples.min()), float(samples.max())
    if high > low and most - least > _OUTLIER_SPANS * (high - low):
        beyond = int(np.sum((samples < low) | (samples > high)))
        used = "{:g} to {:g}".format(*quantized_range(tensor.quantized, tensor.dtype))
        yield (
            f"calibration inputs span {least:g} to {most:g}, but all except {beyond:,} of "
            f"{samples.size:,} values lie in {low:g} to {high:g}; the range in use is {used}; "
            "repair these inputs, or give --input-range LOW HIGH"
        )


def unlike_features(samples: FloatArray, quantization: Quantization) -> list[int]:
    """Return the features, along the last axis, that span few of the input's steps.

    All features share one step. None are returned if they are too few to matter, or if all are
    small: then their scales do not differ.
    """
    span = np.ptp(samples.reshape(-1, samples.shape[-1]), axis=0)
    faint = span < _FEWEST_STEPS * np.abs(quantization.scales)
    lost = np.flatnonzero((span > 0) & faint)
    return lost.tolist() if len(lost) > _MANY_FEATURES * len(span) and not faint.all() else []


def _unlike_text(features: list[int], count: int, quantization: Quantization) -> str:
    listed = ", ".join(map(str, features[:_LISTED]))
    more = f" and {len(features) - _LISTED} more" if len(features) > _LISTED else ""
    verb = "spans" if len(features) == 1 else "span"
    return (
        f"input features differ too much in scale: {len(features)} of {count} ({listed}{more}) "
        f"{verb} less than {_FEWEST_STEPS:g} of the input's steps of {quantization.scale:.3g}; "
        "scale all features alike before the network, such as (x - mean) / deviation, and train "
        "it on those"
    )


def output_warnings(
    quantized: QuantizedGraph, found: Comparison, samples: Batch | None
) -> Iterator[str]:
    """Yield warnings about the outputs: what is wrong, where it begins and why.

    Args:
        quantized: The integer form.
        found: Their comparison.
        samples: [n, ...] calibration inputs, if any.
    """
    symptom, limit = _symptom(quantized, found)
    if not symptom:
        return
    if limit is None:
        yield symptom
        return
    layer = _first_bad_layer(quantized, found, limit)
    cause = _cause(quantized, found, layer, samples)
    ratio = found.snr[layer]
    yield f"{symptom}; it begins at layer {layer!r} (SNR {ratio:.1f} dB): {cause}"


def _symptom(quantized: QuantizedGraph, found: Comparison) -> tuple[str, float | None]:
    """Return what is wrong, if anything, and the SNR below which a layer has a part in it.

    The latter is None if no layer has.
    """
    quality = found.quality
    outputs = min(found.snr.get(name, np.inf) for name in quantized.outputs)
    if found.constant:
        return "the output is the same for all inputs, unlike the float model's", LEAST_SNR_DB
    if quality.agreement is not None and quality.divergence > MOST_DIVERGENCE:
        text = (
            f"the outputs diverge from the float model's by {quality.divergence:.2g} nats "
            f"(limit {MOST_DIVERGENCE:g})"
        )
        return text, LEAST_SNR_DB
    ratio = np.inf if quality.snr_db is None else quality.snr_db
    varied = np.inf if found.variation_snr is None else found.variation_snr
    if varied < LEAST_SNR_DB and outputs > LEAST_SNR_DB_OF_8_BITS:
        text = (
            "the float model's outputs hardly differ from input to input: what does has an SNR of "
            f"{varied:.1f} dB (limit {LEAST_SNR_DB:g}); check that the model is trained and that "
            "calibration inputs are scaled as in training, or subtract what is the same for all"
        )
        return text, None
    if min(ratio, varied) < LEAST_SNR_DB:
        text = f"the outputs have an SNR of {min(ratio, varied):.1f} dB (limit {LEAST_SNR_DB:g})"
        return text, LEAST_SNR_DB
    if outputs < LEAST_SNR_DB_OF_8_BITS and not _has_fewer_bits(quantized):
        limit = LEAST_SNR_DB_OF_8_BITS
        return f"the outputs have an SNR of {outputs:.1f} dB (limit {limit:g} at 8 bits)", limit
    return "", None


def _has_fewer_bits(quantized: QuantizedGraph) -> bool:
    """Return whether any weights have fewer than 8 bits."""
    ops = (node.op for node in quantized.nodes)
    return any(op.weights.bits < 8 for op in ops if isinstance(op, QWeighted))


def _first_bad_layer(quantized: QuantizedGraph, found: Comparison, limit: float) -> str:
    """Return the first layer below the limit, or else the one with the largest loss of SNR."""
    for name, ratio in found.snr.items():
        if ratio < limit:
            return name

    makers = {tensor.name: node for node in quantized.nodes for tensor in node.outputs}

    def loss(name: str) -> float:
        # Inputs of the network have no ratio; what rounding takes of this layer is not a loss.
        best = min(found.rounding_snr[name], 100.0)
        before = [found.snr.get(source, best) for source in makers[name].inputs]
        return min(*before, 100.0) - min(found.snr[name], 100.0)

    return max(found.snr, key=loss)


def _cause(
    quantized: QuantizedGraph,
    found: Comparison,
    layer: str,
    samples: Batch | None,
) -> str:
    """Return the most likely cause and its remedy."""
    node = next(n for n in quantized.nodes if layer in (t.name for t in n.outputs))
    given = {} if samples is None else samples.arrays
    for tensor in quantized.inputs:
        x = given.get(tensor.name)
        features = [] if x is None else unlike_features(x, tensor.quantized)
        if features:
            return _unlike_text(features, tensor.shape[-1], tensor.quantized)
    if found.rounding_snr[layer] < found.snr[layer] + 3.0:
        low, high = quantized_range(node.quantization, node.outputs[0].dtype)
        steps = 1 << (8 * node.outputs[0].bytes // node.outputs[0].size)
        return (
            f"its values use few of the {steps} steps of the range {low:.3g} to {high:.3g}; give "
            "calibration inputs like those in use, without outliers, or try --ranges percentile"
        )
    if isinstance(node.op, QWeighted) and node.op.weights.bits < 8:
        return (
            f"its weights have {node.op.weights.bits} bits; give more bits (--bits 8 shows what "
            "activations alone cost), or let --max-drop or --min-snr choose them"
        )
    if not _has_fewer_bits(quantized):
        return (
            "errors of int8 activations in the layers before it add up; give calibration inputs "
            "that are scaled as in training, and check the accuracy on test inputs"
        )
    return (
        "errors of the layers before it add up; give more bits, and calibration inputs that are "
        "scaled as in training"
    )
