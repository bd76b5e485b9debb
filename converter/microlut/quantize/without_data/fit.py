"""Quantize weights and set ranges without data, by synthetic inputs.

Levels are fitted to the weights. The assignment of weights to levels, the scales, the biases and
the ranges follow from the means and covariances of the activations that
`quantize.without_data.synthetic` makes, and so do final corrections of levels if indices overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from microlut.graph.batch import Arrays
from microlut.graph.ir import Graph
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.mean import Mean
from microlut.ops.transpose_conv2d import TransposeConv2D
from microlut.ops.weights import QuantizedWeights
from microlut.ops.windows import patches
from microlut.quantize.assign.feedback import assign_with_feedback, damped, feedback_factor
from microlut.quantize.assign.prune import prune
from microlut.quantize.assign.reconstruct import InputMoments, ScaleRule
from microlut.quantize.levels.densities import Array
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.weight_error import real_kernel, with_error
from microlut.quantize.weights import WeightConfig, index_overlap, quantize_weights
from microlut.quantize.without_data.synthetic import InputRanges, walk

_Number = TypeVar("_Number", bound=np.generic)

# Deviations from the mean that a range includes. Of 4 to 12, on three reference models, 8 keeps
# the outputs nearest to the float ones overall, because real activations have heavy tails.
_REACH = 8.0
# Covariances are computed among that many columns. Time and memory stay linear in the weights, and
# the outputs of the reference models are as near to the float ones as with all columns.
_BLOCK_COLUMNS = 256
# Weights and columns up to which rows are assigned as a whole. Time is the reason: feedback takes
# weights times columns, and a dense layer at both limits takes 13 seconds of a core at 2 bits, ten
# times as long as block by block.
_MOST_OVERLAPPING = 1 << 17
_WIDEST_OVERLAPPING = 640
_DOUBT = 0.05  # of the mean variance of a layer's inputs, added to all variances
_POSITIONS = 1 << 13  # most output positions for a covariance
_LARGEST_TO_SQUARE = 1e15  # of which single precision can sum many squares
_POSITIONS_A_COLUMN = 4  # fewest, or the block is made narrower


@dataclass(frozen=True, slots=True)
class _Block:
    """Input channels whose inputs, at all taps, have a `covariance` [groups, columns, columns].

    `factor` is what feedback takes of it.
    """

    channels: slice
    covariance: Array
    factor: Array


def expected_ranges(graph: Graph, inputs: Arrays, input_ranges: InputRanges) -> Ranges:
    """Return the expected range of every tensor: that of its channel with the widest range.

    Args:
        graph: Float graph after the passes.
        inputs: Its `synthetic_inputs`.
        input_ranges: Smallest and largest value of real inputs, by their names.
    """
    limits = dict(input_ranges)
    for step in walk(graph, inputs):
        for tensor, values in zip(step.node.outputs, step.outputs, strict=True):
            low, high = _expected_range(values)
            activation = getattr(step.node.op, "activation", ActivationKind.LINEAR)
            if activation is not ActivationKind.LINEAR:
                low = 0.0
            if activation is ActivationKind.RELU6:
                high = min(high, 6.0)
            if isinstance(step.node.op, Mean):  # noise does not show how means vary
                low, high = limits[step.node.inputs[0]]
            limits[tensor.name] = (low, high)
    return Ranges(MappingProxyType(limits))


def _expected_range(values: FloatArray) -> tuple[float, float]:
    """Return how far the channels of [samples, ..., channels] are expected to reach."""
    flat = values.reshape(-1, values.shape[-1])
    mean = flat.mean(axis=0, dtype=np.float64)
    square = np.einsum("ij,ij->j", flat, flat, dtype=np.float64) / len(flat)
    reach = _REACH * np.sqrt(np.maximum(square - mean**2, 0.0))
    return float(np.min(mean - reach)), float(np.max(mean + reach))


def fit_weights(
    op: Linear, inputs: FloatArray, config: WeightConfig, allowed: ScaleRule
) -> QuantizedWeights:
    """Quantize a layer's weights by the synthetic inputs [n, ...] that it reads.

    `allowed` rounds requested scales to ones that can be stored.
    """
    axis = op.channel_axis
    if config.method == "published":
        return quantize_weights(op.kernel, axis, config, None, allowed)
    small = op.kernel.size <= _MOST_OVERLAPPING and op.columns <= _WIDEST_OVERLAPPING
    overlaps = small and not config.sparsity and index_overlap(op.kernel.shape, config.bits) > 0
    moments = _moments(op, inputs) if overlaps else None
    blocks = [] if overlaps or (config.bits == 8 and not config.sparsity) else _blocks(op, inputs)
    kernel = _pruned(op, blocks, config.sparsity) if config.sparsity else op.kernel
    weights = quantize_weights(kernel, axis, config, moments, allowed)
    if moments is None and weights.codebook is not None:
        zeros = kernel == 0 if config.sparsity else None
        weights = _reassigned(op, weights, blocks, zeros)
        if config.granularity == "channel":
            scales = allowed(_refitted(op, weights, blocks)).astype(np.float32)
            weights = _reassigned(op, replace(weights, scales=scales), blocks, zeros)
    return with_error(weights, op, config.granularity)


def fitted_bias(op: Linear, weights: QuantizedWeights, inputs: FloatArray) -> Array:
    """Return the real biases [channels] that keep the expected output means of a layer.

    Args:
        op: The layer with its float weights.
        weights: Its quantized weights.
        inputs: [n, ...] synthetic inputs that it reads.
    """
    return op.bias - _mean_shift(op, _error(op, weights), inputs)


def _moments(op: Linear, inputs: FloatArray) -> InputMoments:
    """Return moments of the inputs to a layer's weights, shrunk since real inputs may differ."""
    seen = _seen(op, inputs)
    covariance = damped(_covariance(seen.reshape(1, len(seen), -1)), _DOUBT)
    return InputMoments(covariance, covariance)


def _pruned(op: Linear, blocks: list[_Block], sparsity: float) -> FloatArray:
    """Return the kernel with a share of each block's weights at zero, compensated by the others."""
    pruned = op.kernel.copy()
    for block in blocks:
        kernel = _grouped(op, op.kernel, block.channels)
        wanted = kernel.reshape(*kernel.shape[:2], -1).astype(np.float64)
        made = prune(wanted, block.factor, sparsity).weights
        _grouped(op, pruned, block.channels)[...] = made.reshape(kernel.shape)
    return pruned


def _reassigned(
    op: Linear,
    weights: QuantizedWeights,
    blocks: list[_Block],
    zeros: NDArray[np.bool_] | None,
) -> QuantizedWeights:
    """Return the weights with levels reassigned, with error feedback within each block.

    `zeros` are those of the kernel that are pruned.
    """
    assert weights.codebook is not None
    levels = weights.codebook.astype(np.float64)
    indices = np.empty_like(weights.indices)
    for block in blocks:
        kernel = _grouped(op, op.kernel, block.channels)
        wanted = kernel.reshape(*kernel.shape[:2], -1).astype(np.float64)
        scales = weights.scales.astype(np.float64).reshape(wanted.shape[:2])
        pruned = None
        if zeros is not None:
            pruned = _grouped(op, zeros, block.channels).reshape(wanted.shape)
        chosen = assign_with_feedback(wanted, block.factor, levels, scales, pruned)
        _grouped(op, indices, block.channels)[...] = chosen.reshape(kernel.shape)
    return replace(weights, indices=indices)


def _refitted(op: Linear, weights: QuantizedWeights, blocks: list[_Block]) -> Array:
    """Return the scales that minimize the output error for the chosen levels.

    For levels l of a channel with weights w and covariance H, the scale is (w H l) / (l H l), both
    summed over the blocks.
    """
    levels = weights.int8().reshape(weights.indices.shape)
    products, energy = np.zeros(len(weights.scales)), np.zeros(len(weights.scales))
    for block in blocks:
        wanted, chosen = (
            part.reshape(*part.shape[:2], -1).astype(np.float64)
            for part in (_grouped(op, a, block.channels) for a in (op.kernel, levels))
        )
        weighted = chosen @ block.covariance
        products += np.sum(weighted * wanted, axis=2).ravel()
        energy += np.sum(weighted * chosen, axis=2).ravel()
    fits = (energy > 0) & (products > 0)
    return np.where(fits, products / np.where(fits, energy, 1.0), weights.scales)


def _grouped(op: Linear, weights: NDArray[_Number], channels: slice) -> NDArray[_Number]:
    """Return a view [groups, rows, taps, channels] of weights, in the kernel's layout or in rows.

    A depthwise layer has one group per input channel, others have one group.
    """
    if isinstance(op, DepthwiseConv2D):
        by_channel = weights.reshape(math.prod(op.window.size), -1, op.depth_multiplier)
        return by_channel[:, channels].transpose(1, 2, 0)[..., None]
    return weights.reshape(1, len(op.kernel), -1, op.kernel.shape[-1])[..., channels]


def _blocks(op: Linear, inputs: FloatArray) -> list[_Block]:
    """Return the blocks of a layer's input channels; a depthwise layer is one block."""
    seen = _seen(op, inputs)
    count, taps, channels = seen.shape
    if isinstance(op, DepthwiseConv2D):
        return [_block(slice(channels), np.moveaxis(seen, 2, 0))]
    columns = min(_BLOCK_COLUMNS, count // _POSITIONS_A_COLUMN)
    width = max(1, columns // taps)
    parts = [slice(i, i + width) for i in range(0, channels, width)]
    return [_block(part, seen[..., part].reshape(1, count, -1)) for part in parts]


def _block(channels: slice, rows: FloatArray) -> _Block:
    """Return a block whose inputs are [groups, positions, columns]."""
    covariance = _covariance(rows)
    return _Block(channels, covariance, feedback_factor(covariance))


def _seen(op: Linear, inputs: FloatArray) -> FloatArray:
    """Return the layer's inputs at some of its output positions: [positions, taps, channels]."""
    if isinstance(op, Dense):
        rows = inputs.reshape(-1, 1, inputs.shape[-1])
        return rows[_some(len(rows))]
    if isinstance(op, TransposeConv2D):
        seen = op.fields(inputs)
    elif isinstance(op, Conv2D | DepthwiseConv2D):
        seen = patches(inputs, op.window, 0.0)
    else:
        raise TypeError(f"{type(op).__name__} cannot be fitted without data")
    chosen = np.unravel_index(_some(math.prod(seen.shape[:3])), seen.shape[:3])
    return seen[chosen].reshape(len(chosen[0]), -1, seen.shape[-1])


def _some(count: int) -> NDArray[np.intp]:
    """Return which of `count` positions to use; random ones share no column of the image."""
    if count <= _POSITIONS:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, _POSITIONS, replace=False))


def _covariance(rows: FloatArray) -> Array:
    """Return the covariance [groups, columns, columns] of [groups, positions, columns]."""
    centered = rows - rows.mean(axis=1, keepdims=True)
    if np.abs(centered).max(initial=0.0) > _LARGEST_TO_SQUARE:
        centered = centered.astype(np.float64)
    squares = np.swapaxes(centered, 1, 2) @ centered
    return np.asarray(squares.astype(np.float64) / rows.shape[1])


def _error(op: Linear, weights: QuantizedWeights) -> FloatArray:
    """Return the error of the quantized weights, in the kernel's layout."""
    error = real_kernel(weights, op.channel_axis)
    error -= op.kernel
    return error


def _mean_shift(op: Linear, error: FloatArray, inputs: FloatArray) -> Array:
    """Return how far an error of the weights moves the mean of every output channel.

    The layer is linear, so this is its output for the mean input, borders included.
    """
    linear = op.with_weights(error, np.zeros_like(op.bias))
    mean = inputs.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    shift = linear.linear([mean])
    return np.asarray(shift.reshape(-1, shift.shape[-1]).mean(axis=0, dtype=np.float64))
