"""Quantize recurrent layers: weights, biases, and the scale of an LSTM's cell state.

A step multiplies the rows of one kernel with the input and the last hidden state, side by side. So
the weights are reconstructed as those of a dense layer whose inputs are both, over all steps, with
the hidden states of the float network on the quantized inputs. A GRU's candidate reads its hidden
state after the reset; its weights are reconstructed as if it were not reset.

All gates share a codebook. Before that, the weights of each gate, and of input and hidden state,
are brought to one spread; the factors are part of their scales. TensorFlow Lite has one scale per
gate, of each kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.graph.ir import Node
from microlut.integer import QNode
from microlut.ops.arrays import FloatArray, IntArray, frozen_array
from microlut.ops.base import IntegerOp
from microlut.ops.cells import GATES
from microlut.ops.dense import Dense
from microlut.ops.integer_cells import ANY_STATE
from microlut.ops.recurrent import Recurrent
from microlut.ops.recurrent_integer import LARGEST_POWER, SMALLEST_POWER, QRecurrent
from microlut.ops.tensor import Quantization, Tensor, dequantize_array
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.assign.covariance import reconstruction_moments
from microlut.quantize.levels.densities import Array
from microlut.quantize.shared import kernel_key
from microlut.quantize.weights import WeightConfig, quantize_weights, single_precision

_UNIT = Quantization(1.0, 0)
_LARGEST_BIAS = 1 << 30
_STATE_LIMIT = 32767


@dataclass(frozen=True, slots=True)
class Chosen:
    """Weights in the rows of a recurrent layer, and the ratio of the scales (`QRecurrent`)."""

    weights: QuantizedWeights
    ratio: float

    def own_scales(self, gates: int) -> tuple[float, ...]:
        """Return the scale of each gate's weights of the input, in single precision."""
        recurrent = self.weights.scales[:: len(self.weights.scales) // gates]
        return tuple((recurrent * np.float32(self.ratio)).tolist())

    def kernel(self, inputs: int) -> Array:
        """Return the real weights in float64; `inputs` columns are those of the input."""
        scales = self.weights.scales[:, None].astype(np.float64)
        ratios = np.where(np.arange(self.weights.shape[1]) < inputs, self.ratio, 1.0)
        real: Array = self.weights.int8() * (scales * ratios)
        return real


def recurrent_weights(
    op: Recurrent, x: FloatArray, rounded: FloatArray, config: WeightConfig
) -> Chosen:
    """Return the quantized weights of a layer.

    Args:
        op: The layer.
        x: [n, steps, inputs] its inputs in the float network.
        rounded: The same in the quantized network, as real values.
        config: How to quantize them; there is one scale per gate, whatever the granularity.
    """
    kernel = op.kernel.astype(np.float64)
    gates = GATES[op.cell]
    parts = kernel[:, : op.inputs], kernel[:, op.inputs :]
    own, recurrent = (math.sqrt(float(np.mean(part**2))) for part in parts)
    ratio = float(np.float32(own / recurrent)) if own > 0 and recurrent > 0 else 1.0
    even = kernel.copy()
    even[:, : op.inputs] /= ratio
    spreads = np.sqrt(np.mean(even.reshape(gates, -1) ** 2, axis=1))
    spreads = np.repeat(np.where(spreads > 0, spreads, 1.0), op.units)
    even /= spreads[:, None]
    if config.bits == 8:
        flat = quantize_weights(frozen_array(even.reshape(1, -1)), 0, config)
        shape = kernel.shape
        found = replace(flat, shape=shape, indices=flat.indices.reshape(shape))
    else:
        moments = None
        if config.needs_data:
            dense = Dense(frozen_array(even), op.bias)
            columns = _columns(op, x, ratio), _columns(op, rounded, ratio)
            moments = reconstruction_moments(dense, columns[1], _UNIT, columns[0])  # type: ignore[arg-type]
        one = replace(config, granularity="tensor")
        found = quantize_weights(frozen_array(even), 0, one, moments)
    scales = single_precision(found.scales[0] * spreads).astype(np.float32)
    return Chosen(replace(found, scales=scales), ratio)


def _columns(op: Recurrent, x: FloatArray, ratio: float) -> FloatArray:
    """Return what balanced rows are multiplied with, [n, steps, inputs + units]."""
    columns = op.fields(x, op.run(x)[0]).copy()
    columns[:, :, : op.inputs] *= np.float32(ratio)
    return columns


def with_weights(op: Recurrent, chosen: Chosen, x: FloatArray, rounded: FloatArray) -> Recurrent:
    """Return the layer with quantized weights and biases that keep the means of the gates' sums."""
    kernel = chosen.kernel(op.inputs)
    wanted, found = (
        op.fields(values, op.run(values)[0]).mean(axis=(0, 1), dtype=np.float64)
        for values in (x, rounded)
    )
    bias = op.bias + op.kernel.astype(np.float64) @ wanted - kernel @ found
    return replace(op, kernel=frozen_array(kernel), bias=frozen_array(bias))


def integer_form(
    op: Recurrent,
    chosen: Chosen,
    x: FloatArray,
    ends: tuple[Tensor, Tensor],
    stored: QRecurrent | None,
) -> QRecurrent:
    """Return the integer form of a layer whose weights and biases are those of `with_weights`.

    Args:
        op: The layer.
        chosen: Its quantized weights.
        x: [n, steps, inputs] inputs, on which the range of an LSTM's cell state is observed.
        ends: The quantized tensors that it reads and makes.
        stored: The layer with the integers that came with the model, if there are any.

    Raises:
        UnsupportedModel: The engine's 32-bit numbers do not suffice. The message has no name.
    """
    source, output = ends
    if stored is not None:
        power = stored.power
    else:
        power = _power(op.run(x)[1]) if op.cell == "lstm" else SMALLEST_POWER
    made = QRecurrent(
        weights=chosen.weights,
        own_scales=chosen.own_scales(GATES[op.cell]),
        bias=np.zeros(len(op.bias), np.int32),
        recurrent_bias=np.zeros(len(op.bias), np.int32),
        cell=op.cell,
        power=power,
        sequences=op.sequences,
        backwards=op.backwards,
        flipped=op.flipped,
        zero_point=output.zero_point if op.cell == "lstm" else 0,
        clip=min(int(op.clip * 2.0**-power), 32767) if op.clip else ANY_STATE,
    )
    own, recurrent = (np.repeat(scales, op.units).astype(np.float64) for scales in made.scales())
    split = np.arange(len(op.bias)) >= 2 * op.units if op.cell == "gru" else False
    before = np.where(split, op.bias, op.bias + op.recurrent_bias)
    after = np.where(split, op.recurrent_bias, 0.0)
    made = replace(
        made,
        bias=_rounded(before / (own * source.scale)),
        recurrent_bias=_rounded(after / (recurrent * made.hidden_scale(output))),
    )
    if not made.fits(source, output):
        raise UnsupportedModel(
            "its sums may need more than 32 bits; use fewer units, or scale the inputs: put a "
            "Normalization layer before it and train again"
        )
    return made


def quantize_recurrent(
    node: Node,
    stored: IntegerOp | None,
    reads: tuple[FloatArray, IntArray],
    tensors: Mapping[str, Tensor],
    config: WeightConfig,
    known: dict[tuple[object, ...], Chosen],
) -> QNode:
    """Return the quantized node of a recurrent layer.

    Args:
        node: The layer's node.
        stored: The layer with the integers that came with the model, if there are any.
        reads: Its inputs in the float network, and in the quantized one.
        tensors: The quantized tensors by name.
        config: How to quantize its weights.
        known: Weights by their kernels, to which those of this one are added.

    Raises:
        UnsupportedModel: As for `integer_form`, with the layer's name.
    """
    op, ends = node.op, (tensors[node.inputs[0]], tensors[node.output])
    assert isinstance(op, Recurrent)
    assert stored is None or isinstance(stored, QRecurrent)
    real, rounded = reads[0], dequantize_array(reads[1], ends[0].quantized)
    key = kernel_key(op)
    if key not in known:
        known[key] = recurrent_weights(op, real, rounded, config)
    fitted = with_weights(op, known[key], real, rounded)
    try:
        made = integer_form(fitted, known[key], rounded, ends, stored)
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{node.name}: {error}") from error
    return QNode(node.name, made, node.inputs, (tensors[node.output],))


def _power(states: FloatArray) -> int:
    """Return the power of two whose 32767-fold covers the observed cell states."""
    largest = float(np.abs(states).max(initial=0.0))
    wanted = math.ceil(math.log2(max(largest, 2.0**-15) / _STATE_LIMIT))
    return min(max(wanted, SMALLEST_POWER), LARGEST_POWER)


def _rounded(biases: Sequence[float] | Array) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    wanted = np.round(np.asarray(biases, np.float64))
    if np.abs(wanted).max(initial=0.0) > _LARGEST_BIAS:
        raise UnsupportedModel(
            "its biases are too large for the range of its inputs; use calibration inputs on which "
            "these are not almost constant"
        )
    return wanted.astype(np.int32)
