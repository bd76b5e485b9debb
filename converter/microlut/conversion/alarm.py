"""Find out whether outputs, layers and tensors of a converted network carry the signal.

A finding says what is wrong, where it begins and why. The limits are documented in
docs/reference/errors.md, the remedies are those of `remedies.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from microlut.conversion.findings import Finding, Remedy
from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph
from microlut.ops.tensor import quantized_range
from microlut.ops.weighted import QWeighted
from microlut.quantize.diagnosis import unlike_features
from microlut.quantize.figures import (
    LEAST_SNR_DB,
    MOST_DIVERGENCE,
    Comparison,
    OutputComparison,
)

LEAST_SNR_DB_OF_8_BITS = 20.0  # of the outputs, if no weights have fewer bits
LEAST_LAYER_SNR_DB = 0.0  # of a tensor's variation from input to input: as much noise as signal
_LISTED = 5  # features
_NEAR_DB = 3.0  # rounding of a tensor alone costs this much less than all, or it is the cause

_SCALE_ALIKE = Remedy(
    "scale all input features alike before the network, such as (x - mean) / deviation, and train "
    "it on those"
)
_OTHER_INPUTS = Remedy(
    "give calibration inputs like those in use, scaled as in training and without outliers"
)
_OTHER_RANGES = Remedy("--ranges auto, or --ranges percentile if some values are extreme")
_UNTRAINED = Remedy(
    "check that the model is trained and that calibration inputs are scaled as in training, or "
    "subtract what is the same for all"
)


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is wrong with an output.

    Attributes:
        code: The finding's code.
        text: What is wrong.
        figures: The figures in the text.
        layer_limit: SNR below which a layer has a part in it; None if no layer has.
    """

    code: str
    text: str
    figures: dict[str, float]
    layer_limit: float | None


def alarms(
    quantized: QuantizedGraph,
    found: Comparison,
    samples: Batch | None,
    measured: Callable[[], tuple[Remedy, ...]] = tuple,
) -> tuple[Finding, ...]:
    """Return what is wrong with the layers and the outputs, the outputs last.

    Args:
        quantized: The integer network.
        found: Its comparison with the float network.
        samples: [n, ...] calibration inputs, if any.
        measured: Returns remedies with what each of them would give. It is called only if
            something is wrong with an output.
    """
    symptoms = [
        (name, output, symptom)
        for name, output in found.outputs.items()
        if (symptom := _symptom(quantized, found, output)) is not None
    ]
    remedies = measured() if any(s.layer_limit is not None for _, _, s in symptoms) else ()
    several = len(found.outputs) > 1
    layers = tuple(_layer_alarms(quantized, found))
    outputs = tuple(
        _explained(
            replace(symptom, text=f"output {name!r}: {symptom.text}") if several else symptom,
            output.tensor,
            quantized,
            found,
            samples,
            remedies,
        )
        for name, output, symptom in symptoms
    )
    return (*layers, *outputs)


def _layer_alarms(quantized: QuantizedGraph, found: Comparison) -> Iterator[Finding]:
    """Yield the first layer inside the network that carries nothing, if any.

    Layers after it read it; how much of it reaches the outputs, their findings say.
    """
    outputs = {output.tensor for output in found.outputs.values()} | set(quantized.outputs)
    for name, ratio in found.variation_snr.items():
        if name in outputs:
            continue
        if name in found.constant:
            yield Finding(
                "constant-layer",
                name,
                f"layer {name!r} gives the same values for all inputs, unlike the float model's",
                {"layer_snr_db": float(found.snr[name])},
                (_OTHER_INPUTS, _OTHER_RANGES),
            )
            return
        if -np.inf < ratio < LEAST_LAYER_SNR_DB:
            yield Finding(
                "noisy-layer",
                name,
                f"layer {name!r} carries more noise than signal: what differs from input to input "
                f"has an SNR of {ratio:.1f} dB (limit {LEAST_LAYER_SNR_DB:g} dB)",
                {"snr_db": float(ratio), "limit_snr_db": LEAST_LAYER_SNR_DB},
                (*_more_bits(quantized, name), _OTHER_INPUTS),
            )
            return


def _more_bits(quantized: QuantizedGraph, layer: str) -> tuple[Remedy, ...]:
    """Return what gives a layer more bits: of its weights, or else of its values."""
    node = next(n for n in quantized.nodes if layer in (t.name for t in n.outputs))
    if isinstance(node.op, QWeighted) and node.op.weights.bits < 8:
        return (Remedy(f'give it more bits: bits = 8 under [layers."{layer}"]'),)
    if node.outputs[0].dtype == "int8":
        return (
            _OTHER_RANGES,
            Remedy(f'or give its values 16 bits: "{layer}" = 16 under [tensors]'),
        )
    return (_OTHER_RANGES,)


def _symptom(
    quantized: QuantizedGraph, found: Comparison, output: OutputComparison
) -> Symptom | None:
    """Return what is wrong with an output, if anything."""
    quality = output.quality
    if output.constant:
        text = "the output is the same for all inputs, unlike the float model's"
        return Symptom("constant-output", text, {}, LEAST_SNR_DB)
    if quality.agreement is not None and quality.divergence > MOST_DIVERGENCE:
        text = (
            f"the outputs diverge from the float model's by {quality.divergence:.2g} nats "
            f"(limit {MOST_DIVERGENCE:g})"
        )
        figures = {"divergence": quality.divergence, "limit_divergence": MOST_DIVERGENCE}
        return Symptom("diverging-output", text, figures, LEAST_SNR_DB)
    label = max(quality.labels, key=lambda one: one.divergence, default=None)
    if label is not None and label.divergence > MOST_DIVERGENCE:
        text = (
            f"label {label.label} of the outputs diverges from the float model's by "
            f"{label.divergence:.2g} nats (limit {MOST_DIVERGENCE:g})"
        )
        figures = {"divergence": label.divergence, "limit_divergence": MOST_DIVERGENCE}
        return Symptom("diverging-output", text, figures, LEAST_SNR_DB)
    # Labels may all be near 0, where their own ratio tells nothing; what they answer counts.
    ratio = quality.snr_db if label is None else None
    whole = found.snr.get(output.tensor, np.inf)
    return _noise(ratio, output.variation_snr, whole, _has_fewer_bits(quantized))


def _noise(
    given: float | None, variation: float | None, judged: float, fewer_bits: bool
) -> Symptom | None:
    """Return whether the noise of an output is too much.

    Args:
        given: SNR of values; None for classes.
        variation: SNR of what varies from input to input, if anything does.
        judged: SNR of the tensor that is judged.
        fewer_bits: Whether any weights have fewer than 8 bits.
    """
    ratio = np.inf if given is None else given
    varied = np.inf if variation is None else variation
    if varied < LEAST_SNR_DB and judged > LEAST_SNR_DB_OF_8_BITS:
        text = (
            "the float model's outputs hardly differ from input to input: what does has an SNR of "
            f"{varied:.1f} dB (limit {LEAST_SNR_DB:g})"
        )
        figures = {"snr_db": float(varied), "limit_snr_db": LEAST_SNR_DB}
        return Symptom("hardly-varying-output", text, figures, None)
    least = float(min(ratio, varied))
    if least < LEAST_SNR_DB:
        text = f"the outputs have an SNR of {least:.1f} dB (limit {LEAST_SNR_DB:g})"
        figures = {"snr_db": least, "limit_snr_db": LEAST_SNR_DB}
        return Symptom("noisy-output", text, figures, LEAST_SNR_DB)
    limit = LEAST_SNR_DB_OF_8_BITS
    if judged < limit and not fewer_bits:
        text = f"the outputs have an SNR of {judged:.1f} dB (limit {limit:g} at 8 bits)"
        figures = {"snr_db": float(judged), "limit_snr_db": limit}
        return Symptom("noisy-output", text, figures, limit)
    return None


def _explained(
    symptom: Symptom,
    tensor: str,
    quantized: QuantizedGraph,
    found: Comparison,
    samples: Batch | None,
    measured: tuple[Remedy, ...],
) -> Finding:
    """Return the finding of a symptom: with the layer where it begins, the cause and remedies.

    `tensor` is what the output is judged by.
    """
    code, text, figures = symptom.code, symptom.text, symptom.figures
    if symptom.layer_limit is None:
        return Finding(code, "", text, figures, (_UNTRAINED,))
    layer = _first_bad_layer(quantized, found, tensor, symptom.layer_limit)
    cause, own = _cause(quantized, found, layer, samples)
    ratio = float(found.snr[layer])
    return Finding(
        code,
        layer,
        f"{text}; it begins at layer {layer!r} (SNR {ratio:.1f} dB): {cause}",
        {**figures, "layer_snr_db": ratio},
        (*own, *measured, _OTHER_INPUTS),
    )


def _has_fewer_bits(quantized: QuantizedGraph) -> bool:
    """Return whether any weights have fewer than 8 bits."""
    ops = (node.op for node in quantized.nodes)
    return any(op.weights.bits < 8 for op in ops if isinstance(op, QWeighted))


def _first_bad_layer(
    quantized: QuantizedGraph, found: Comparison, tensor: str, limit: float
) -> str:
    """Return the first layer below the limit, or else the one with the largest loss of SNR.

    Only layers that `tensor` depends on count.
    """
    makers = {made.name: node for node in quantized.nodes for made in node.outputs}
    read, waiting = set[str](), [tensor]
    while waiting:
        name = waiting.pop()
        if name in makers and name not in read:
            read.add(name)
            waiting += makers[name].inputs
    names = [name for name in found.snr if name in read] or list(found.snr)
    for name in names:
        if found.snr[name] < limit:
            return name

    def loss(name: str) -> float:
        # Inputs of the network have no ratio; what rounding takes of this layer is not a loss.
        best = min(found.rounding_snr[name], 100.0)
        before = [found.snr.get(source, best) for source in makers[name].inputs]
        return min(*before, 100.0) - min(found.snr[name], 100.0)

    return max(names, key=loss)


def _cause(
    quantized: QuantizedGraph, found: Comparison, layer: str, samples: Batch | None
) -> tuple[str, tuple[Remedy, ...]]:
    """Return the most likely cause, and the remedies for it that are not measured."""
    node = next(n for n in quantized.nodes if layer in (t.name for t in n.outputs))
    given = {} if samples is None else samples.arrays
    for tensor in quantized.inputs:
        x = given.get(tensor.name)
        features = [] if x is None else unlike_features(x, tensor.quantized)
        if features:
            listed = ", ".join(map(str, features[:_LISTED])) + ", ..." * (len(features) > _LISTED)
            text = (
                f"input features differ too much in scale: {len(features)} of {tensor.shape[-1]} "
                f"({listed}) span few of the input's steps of {tensor.quantized.scale:.3g}"
            )
            return text, (_SCALE_ALIKE,)
    if found.rounding_snr[layer] < found.snr[layer] + _NEAR_DB:
        low, high = quantized_range(node.quantization, node.outputs[0].dtype)
        steps = 1 << (8 * node.outputs[0].bytes // node.outputs[0].size)
        text = f"its values use few of the {steps} steps of the range {low:.3g} to {high:.3g}"
        return text, (_OTHER_RANGES,)
    if isinstance(node.op, QWeighted) and node.op.weights.bits < 8:
        return f"its weights have {node.op.weights.bits} bits", ()
    if not _has_fewer_bits(quantized):
        return "errors of int8 activations in the layers before it add up", ()
    return "errors of the layers before it add up", ()
