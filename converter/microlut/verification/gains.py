"""Measure what more bits in one layer alone would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from microlut.errors import MicrolutError
from microlut.graph.batch import Arrays
from microlut.graph.ir import Graph
from microlut.integer import QNode, QuantizedGraph
from microlut.integer.packing import stored_weights, weight_bytes
from microlut.ops.linear import Linear
from microlut.ops.tensor import Tensor
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.figures import Task
from microlut.quantize.quality import integer_quality, spread
from microlut.quantize.storable import scale_rule, with_biases
from microlut.quantize.weights import WeightConfig, quantize_weights
from microlut.support.progress import Progress
from microlut.support.shown import Shown

_INPUTS = 32  # to tell layers apart
_LAYERS = 12  # those with the largest errors are tried
_WORTH = 0.98  # of the divergence: less is chance


@dataclass(frozen=True, slots=True, repr=False)
class Gain(Shown):
    """What 8 bits per weight in one layer alone would give.

    Attributes:
        layer: The layer.
        before: Divergence of the outputs now, on these inputs.
        after: Divergence with 8 bits in this layer.
        bytes: Bytes of flash that its weights would take more.
    """

    layer: str
    before: float
    after: float
    bytes: int

    def as_json(self) -> dict[str, object]:
        """Return the gain as JSON values."""
        return asdict(self)


def weight_gains(
    graph: Graph, quantized: QuantizedGraph, samples: Arrays, task: Task, progress: Progress
) -> tuple[Gain, ...]:
    """Return the layers with fewer than 8 bits that are worth more, the best first.

    Each of them is given its nearest bytes and the biases of the float network; the rest of the
    integer network stays as it is.

    Args:
        graph: The float network, with the tensors of the integer one; see `float_network`.
        quantized: The integer network.
        samples: Real inputs [n, ...].
        task: What the outputs are.
        progress: Called with ("8 bits", layers done, layers).
    """
    few = spread(samples, _INPUTS)
    stored = stored_weights(quantized)
    narrow = [
        (node.name, node.op)
        for node in graph.nodes
        if isinstance(node.op, Linear) and node.name in stored and stored[node.name].bits < 8
    ]
    tried = sorted(narrow, key=lambda each: -_lost(stored[each[0]]))[:_LAYERS]
    now = integer_quality(graph, quantized, few, task).divergence
    found = []
    for done, (name, op) in enumerate(tried):
        progress("8 bits", done, len(tried))
        try:
            plain, more = _with_bytes(quantized, name, op)
        except MicrolutError:  # a form of the operator may not take these scales
            continue
        after = integer_quality(graph, plain, few, task).divergence
        if after < _WORTH * now:
            found.append(Gain(name, now, after, more))
    return tuple(sorted(found, key=lambda gain: gain.after))


def _lost(weights: QuantizedWeights) -> float:
    """Return about how much of a layer's weights is lost, by their number and relative error."""
    return weights.indices.size * (1.0 if weights.fit is None else weights.fit.error)


def _with_bytes(quantized: QuantizedGraph, name: str, op: Linear) -> tuple[QuantizedGraph, int]:
    """Return the network with plain bytes as the weights of a layer, and the bytes they add."""
    tensors: Mapping[str, Tensor] = quantized.tensors()
    node = next(node for node in quantized.nodes if node.name == name)
    source, end = tensors[node.inputs[0]].quantized, tensors[node.output]
    config = WeightConfig(bits=8, method="fitted")
    rule = scale_rule(op, source, end.quantized)
    weights = quantize_weights(op.kernel, op.channel_axis, config, None, rule)
    draft = op.unbiased(weights, source, end.quantized, end.dtype)
    biases = op.bias / (source.scale * weights.scales.astype(float))
    made = with_biases(draft, biases, source, end.quantized)
    nodes = tuple(
        QNode(name, made, node.inputs, node.outputs) if other.name == name else other
        for other in quantized.nodes
    )
    more = weight_bytes(weights) - weight_bytes(stored_weights(quantized)[name])
    return replace(quantized, nodes=nodes), more
