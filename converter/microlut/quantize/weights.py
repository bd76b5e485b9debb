"""One layer's float weights in, packed-ready codebook indices, int8 levels and scales out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.ir import FloatArray
from microlut.quantize.codebook import fit_codebook, nearest_index
from microlut.quantize.densities import Array
from microlut.quantize.feedback import assign_with_feedback, refit_scales
from microlut.quantized import FitReport, Granularity, QuantizedWeights

LEVEL_MAX = 127
_SCALE_REFITS = 4
_FEEDBACK_REFITS = 2


@dataclass(frozen=True, slots=True)
class WeightConfig:
    """Bits an index (2 to 7 with a codebook, 8 plain int8) and what shares a scale."""

    bits: int = 4
    granularity: Granularity = "channel"

    def __post_init__(self) -> None:
        if not isinstance(self.bits, int) or self.bits not in range(2, 9):
            raise InvalidInput(f"bits is {self.bits}; microlut has 2 to 8 bits a weight")
        if self.granularity not in get_args(Granularity):
            allowed = " or ".join(map(repr, get_args(Granularity)))
            raise InvalidInput(f"granularity is {self.granularity!r}; give {allowed}")


def quantize_weights(
    kernel: FloatArray,
    channel_axis: int,
    config: WeightConfig,
    smallest_scale: Array,
    covariance: Array | None = None,
) -> QuantizedWeights:
    """Quantize a kernel in TensorFlow Lite's layout.

    Args:
        kernel: Weights of any shape.
        channel_axis: The axis of output channels: 0, or the last one of a depthwise kernel.
        config: Bits and granularity.
        smallest_scale: [channels] lower bounds on the scales, which keep biases within 32 bits.
        covariance: [groups, columns, columns] of the layer's inputs, as `input_covariance` gives
            it; then weights are assigned with error feedback, else each to its nearest level.

    Raises:
        InvalidInput: NaN or infinity among the weights.
    """
    smallest_scale = np.maximum(smallest_scale, np.finfo(np.float32).tiny)
    by_channel = np.moveaxis(kernel, channel_axis, 0).reshape(kernel.shape[channel_axis], -1)
    weights = by_channel.astype(np.float64)
    if not np.all(np.isfinite(weights)):
        raise InvalidInput("weights hold NaN or infinity; finite weights are needed")
    if config.bits == 8:
        return _plain_int8(kernel.shape, weights, channel_axis, smallest_scale)
    spread = _spreads(weights, config.granularity)
    used = spread > 0
    normalized = weights[used] / spread[used, None] if used.any() else np.zeros((1, 1))
    book = fit_codebook(normalized, config.bits)
    largest = float(np.max(np.abs(book.levels))) or 1.0
    levels = np.round(book.levels * (LEVEL_MAX / largest)).astype(np.int8)
    scales = np.maximum(spread * largest / LEVEL_MAX, smallest_scale)
    if config.granularity == "tensor":
        scales = np.full_like(scales, scales.max())
    wide = levels.astype(np.float64)
    scales, indices = _assign(weights, wide, scales, smallest_scale, config)
    if covariance is not None:
        scales, indices = _assign_by_output(
            weights, covariance, wide, scales, smallest_scale, config
        )
    power = float(np.mean(normalized**2)) or 1.0
    error = (weights - scales[:, None] * levels[indices])[used] / spread[used, None]
    fit = FitReport(
        density=book.density.value,
        ks_gaussian=book.ks_gaussian,
        ks_laplace=book.ks_laplace,
        predicted_error=book.predicted_mse / power,
        error=float(np.sum(error**2)) / normalized.size / power,
    )
    return QuantizedWeights(
        shape=tuple(kernel.shape),
        bits=config.bits,
        indices=_rows(indices.astype(np.uint8), kernel.shape, channel_axis),
        codebook=levels,
        scales=scales.astype(np.float32),
        fit=fit,
    )


def _spreads(weights: Array, granularity: Granularity) -> Array:
    """Return the spread that each channel is divided by before the common fit.

    It is 0 for a channel of zeros: that takes no part in the fit and gets the smallest scale, for
    a codebook need not have a level at 0.
    """
    if granularity == "tensor":
        return np.full(len(weights), 1.0 if weights.any() else 0.0)
    largest = np.max(np.abs(weights), axis=1, keepdims=True)
    scaled = weights / np.where(largest > 0, largest, 1.0)  # squares cannot underflow
    root_mean_square: Array = largest[:, 0] * np.sqrt(np.mean(scaled**2, axis=1))
    return root_mean_square


def _assign(
    weights: Array, levels: Array, scales: Array, smallest_scale: Array, config: WeightConfig
) -> tuple[Array, NDArray[np.intp]]:
    """Assign weights to the nearest levels; with a scale a channel, refit it by least squares.

    For fixed indices the best scale is sum(w l) / sum(l^2). Both steps lower the squared error.
    """
    scales = scales.astype(np.float32).astype(np.float64)
    indices = nearest_index(weights / scales[:, None], levels)
    for _ in range(_SCALE_REFITS if config.granularity == "channel" else 0):
        chosen = levels[indices]
        energy = np.maximum(np.sum(chosen**2, axis=1), 1.0)
        refit = np.sum(weights * chosen, axis=1) / energy
        refit = np.where(refit > 0, refit, scales)
        scales = np.maximum(refit, smallest_scale).astype(np.float32).astype(np.float64)
        indices = nearest_index(weights / scales[:, None], levels)
    return scales, indices


def _assign_by_output(
    weights: Array,
    covariance: Array,
    levels: Array,
    scales: Array,
    smallest_scale: Array,
    config: WeightConfig,
) -> tuple[Array, NDArray[np.intp]]:
    """Assign with error feedback; with a scale a channel, refit it by the same measure."""
    groups = len(covariance)
    grouped = weights.reshape(groups, -1, weights.shape[1])
    fitted = scales.reshape(groups, -1)
    for _ in range(_FEEDBACK_REFITS if config.granularity == "channel" else 0):
        chosen = levels[assign_with_feedback(grouped, covariance, levels, fitted)]
        refit = np.maximum(
            refit_scales(grouped, covariance, chosen, fitted).ravel(), smallest_scale
        )
        fitted = refit.astype(np.float32).astype(np.float64).reshape(groups, -1)
    indices = assign_with_feedback(grouped, covariance, levels, fitted)
    return fitted.ravel(), indices.reshape(weights.shape)


def _plain_int8(
    shape: tuple[int, ...], weights: Array, channel_axis: int, smallest_scale: Array
) -> QuantizedWeights:
    """Return symmetric uniform int8 weights, a scale a channel, as TensorFlow Lite has them."""
    largest = np.max(np.abs(weights), axis=1)
    scales = np.maximum(largest / LEVEL_MAX, smallest_scale).astype(np.float32)
    levels = np.clip(np.round(weights / scales[:, None]), -LEVEL_MAX, LEVEL_MAX).astype(np.int8)
    return QuantizedWeights(
        shape=tuple(shape),
        bits=8,
        indices=_rows(levels.view(np.uint8), shape, channel_axis),
        codebook=None,
        scales=scales,
    )


def _rows(
    by_channel: NDArray[np.uint8], shape: tuple[int, ...], channel_axis: int
) -> NDArray[np.uint8]:
    """Return [rows, columns] as stored: output channels, or kernel positions when depthwise."""
    rows = by_channel if channel_axis == 0 else by_channel.T
    return np.ascontiguousarray(rows)
