"""Quantize the weights of a layer to codebook indices, int8 levels and scales."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.overlap import INDEX_BITS, engine_overlap, pair_table
from microlut.ops.weights import FitReport, Granularity, QuantizedWeights
from microlut.quantize.assign.feedback import feedback_factor, zero_level
from microlut.quantize.assign.prune import MOST_SPARSE, Pruned, prune, prune_smallest
from microlut.quantize.assign.rate import assign_at_rate
from microlut.quantize.assign.reconstruct import (
    LEVEL_MAX,
    ROUNDS,
    InputMoments,
    ScaleRule,
    float_targets,
    reconstruct,
)
from microlut.quantize.initial_levels import fitted_levels, is_pruned, least_error, own_levels
from microlut.quantize.levels.codebook import channel_spreads, fit_codebook, nearest_index
from microlut.quantize.levels.densities import Array
from microlut.quantize.weight_error import fit_error
from microlut.quantize.whole_steps import kept_scales
from microlut.support.arguments import check_choice, integer, within

Method = Literal["calibrated", "fitted", "empirical", "published"]
BIT_WIDTHS = range(2, 9)
_SCALE_REFITS = 4
# Weights up to which it does not matter that a dense layer without a table of pairs is slower.
_SMALL_DENSE = 1 << 12


@dataclass(frozen=True, slots=True)
class WeightConfig:
    """How to quantize weights.

    Attributes:
        bits: Bits per weight: 2 to 7 with a codebook, 8 for plain int8.
        granularity: What shares a scale.
        method: "calibrated" reconstructs layer outputs on calibration inputs, "fitted" uses only
            weights and batch-norm statistics; both have levels of the fitted density, or of
            k-means where many weights are 0. "empirical" is "calibrated" with k-means levels.
            "published" is the published method and nothing else (arXiv 2412.07391): each weight
            gets the nearest level of the fitted density, scales are those of the fit, and biases
            stay as they are.
        sparsity: Share of a layer's weights that become zero, up to 0.95. The others make up for
            them; indices do not overlap.
        rate: Bits per weight of entropy-coded indices, which have 2^bits uniform levels; None for
            indices of `bits` bits. It takes moments of the inputs, and other layers than
            convolutions and dense ones of a scale per channel ignore it.
    """

    bits: int = 4
    granularity: Granularity = "channel"
    method: Method = "calibrated"
    sparsity: float = 0.0
    rate: float | None = None

    def __post_init__(self) -> None:
        bits = integer("bits", self.bits, BIT_WIDTHS[0], BIT_WIDTHS[-1])
        object.__setattr__(self, "bits", bits)  # which may have been one of NumPy's
        check_choice("granularity", self.granularity, get_args(Granularity))
        check_choice("method", self.method, get_args(Method))
        share = within("sparsity", self.sparsity, 0.0, MOST_SPARSE)
        object.__setattr__(self, "sparsity", share)
        if share > 0 and not self.corrects:
            raise InvalidInput(
                f"sparsity is {share:g} and method is published, which keeps all weights; give "
                "another method, or sparsity 0"
            )

    @property
    def mean_bits(self) -> float:
        """Bits per weight that this asks for."""
        return self.bits if self.rate is None else self.rate

    @property
    def needs_data(self) -> bool:
        """Whether the method looks at calibration inputs."""
        return self.method in ("calibrated", "empirical")

    @property
    def corrects(self) -> bool:
        """Whether scales and biases make up for the errors of the weights."""
        return self.method != "published"


LayerConfigs = Mapping[str, WeightConfig]  # by the name of the layer's node


def single_precision(scales: Array) -> Array:
    """Return the nearest positive single-precision scales."""
    return np.maximum(scales, np.finfo(np.float32).tiny).astype(np.float32).astype(np.float64)


def quantize_weights(
    kernel: FloatArray,
    channel_axis: int,
    config: WeightConfig,
    moments: InputMoments | None = None,
    allowed: ScaleRule = single_precision,
    most_rounds: int = ROUNDS,
) -> QuantizedWeights:
    """Quantize a kernel in TensorFlow Lite's layout.

    Args:
        kernel: Weights of any shape.
        channel_axis: The axis of output channels: 0, or the last one of a depthwise kernel.
        config: Bits and granularity.
        moments: Moments of the layer's inputs, for reconstructing its outputs; without them, each
            weight gets its nearest level.
        allowed: Rounds the requested scales to values that can be stored.
        most_rounds: Most rounds of the reconstruction.

    Raises:
        InvalidInput: The weights have NaN or infinity.
    """
    by_channel = np.moveaxis(kernel, channel_axis, 0).reshape(kernel.shape[channel_axis], -1)
    weights = by_channel.astype(np.float64)
    if not np.all(np.isfinite(weights)):
        raise InvalidInput("weights hold NaN or infinity; finite weights are needed")
    if config.rate is not None and moments is not None and may_be_coded(kernel.shape, config):
        return _at_rate(kernel.shape, weights, config, moments, allowed)
    made = _pruned(weights, moments, config)
    kept, zeros = (weights, None) if made is None else (made.weights, made.zeros)
    if config.bits == 8:
        return _plain_int8(kernel.shape, kept, channel_axis, allowed)
    spread = channel_spreads(kept, config.granularity)
    used = spread > 0
    normalized = kept[used] / spread[used, None] if used.any() else np.zeros((1, 1))
    book = fit_codebook(normalized, config.bits)
    overlap = 0 if moments is None or made else index_overlap(kernel.shape, config.bits)
    pruned = made is not None or (config.corrects and is_pruned(normalized, overlap))
    if pruned or config.method == "empirical":
        real = own_levels(normalized, config.bits, overlap)
        if zeros is not None:
            real[zero_level(real)] = 0.0
    else:
        real = fitted_levels(book, config.bits, overlap)
    largest = float(np.max(np.abs(real))) or 1.0
    levels = np.round(real * (LEVEL_MAX / largest)).astype(np.int8)
    scales = allowed(spread * largest / LEVEL_MAX)
    if config.granularity == "tensor":
        scales = np.full_like(scales, scales.max())
    wide = levels.astype(np.float64)
    if overlap == 0:
        scales, indices = _assign(kept, wide, scales, allowed, config, zeros)
    if moments is not None:
        groups = len(moments.covariance)
        refittable = allowed if config.granularity == "channel" else None
        found = reconstruct(
            weights.reshape(groups, -1, weights.shape[1]),
            moments,
            wide,
            scales.reshape(groups, -1),
            config.bits,
            refittable,
            None if zeros is None else zeros.reshape(groups, -1, weights.shape[1]),
            most_rounds,
        )
        scales, indices = found.scales.ravel(), found.indices.reshape(weights.shape)
        levels = found.levels.astype(np.int8)
    error = (kept - scales[:, None] * levels[indices])[used] / spread[used, None]
    predicted = least_error(normalized, config.bits) if pruned else book.predicted_mse
    fit = FitReport(
        density="pruned" if pruned else book.density.value,
        ks_gaussian=book.ks_gaussian,
        ks_laplace=book.ks_laplace,
        predicted_error=predicted / (float(np.mean(normalized**2)) or 1.0),
        error=fit_error(error, normalized, config.granularity),
    )
    return QuantizedWeights(
        shape=tuple(kernel.shape),
        bits=config.bits,
        indices=_rows(indices.astype(np.uint8), kernel.shape, channel_axis),
        codebook=levels,
        scales=scales.astype(np.float32),
        fit=fit,
        overlap=overlap,
    )


def may_be_coded(shape: Shape, config: WeightConfig) -> bool:
    """Return whether a kernel may have uniform levels at a rate: there are rows with scales."""
    rows = len(shape) in (2, 4) and config.granularity == "channel"
    return rows and config.bits < 8 and not config.sparsity


def _at_rate(
    shape: Shape,
    weights: Array,
    config: WeightConfig,
    moments: InputMoments,
    allowed: ScaleRule,
) -> QuantizedWeights:
    """Return entropy-coded weights; `weights` are [channels, n]."""
    assert config.rate is not None
    found = assign_at_rate(weights[None], moments, config.rate, config.bits, allowed)
    scales, indices = found.scales[0], found.indices[0]
    error = weights - scales[:, None] * found.levels[indices]
    energy = float(np.sum(weights**2)) or 1.0
    gaussian = 4.0**-config.rate  # the least error of a Gaussian source at this rate
    return QuantizedWeights(
        shape=tuple(shape),
        bits=config.bits,
        indices=_rows(indices.astype(np.uint8), shape, 0),
        codebook=found.levels.astype(np.int8),
        scales=scales.astype(np.float32),
        fit=FitReport("uniform", 0.0, 0.0, gaussian, float(np.sum(error**2)) / energy),
        coded=True,
    )


def index_overlap(shape: Shape, bits: int) -> int:
    """Return by how many bits the indices of a kernel should overlap.

    It is 0 if the codebook would be larger than the weights, if a large layer would be slower, or
    if the engine has no code for it.
    """
    size = math.prod(shape)
    fits = size * bits >= 8 << INDEX_BITS
    slows = len(shape) == 2 and size > _SMALL_DENSE and not pair_table(bits, INDEX_BITS)
    return engine_overlap(shape, bits) if fits and not slows else 0


def _pruned(weights: Array, moments: InputMoments | None, config: WeightConfig) -> Pruned | None:
    """Return the weights [channels, n] after pruning; None if none is wanted."""
    if config.sparsity == 0:
        return None
    if moments is None:
        return prune_smallest(weights, config.sparsity)
    grouped = weights.reshape(len(moments.covariance), -1, weights.shape[1])
    factor = feedback_factor(moments.covariance)
    made = prune(float_targets(grouped, moments), factor, config.sparsity)
    return Pruned(made.weights.reshape(weights.shape), made.zeros.reshape(weights.shape))


def _assign(
    weights: Array,
    levels: Array,
    scales: Array,
    allowed: ScaleRule,
    config: WeightConfig,
    zeros: NDArray[np.bool_] | None,
) -> tuple[Array, NDArray[np.intp]]:
    """Assign weights to the nearest levels; refit per-channel scales by least squares, if wanted.

    For fixed indices the best scale is sum(w l) / sum(l^2). Both steps reduce the squared error.
    Pruned weights are `zeros`.
    """

    def nearest() -> NDArray[np.intp]:
        found = nearest_index(weights / scales[:, None], levels)
        if zeros is not None:
            found[zeros] = zero_level(levels)
        return found

    indices = nearest()
    refits = config.granularity == "channel" and config.corrects
    for _ in range(_SCALE_REFITS if refits else 0):
        chosen = levels[indices]
        energy = np.maximum(np.sum(chosen**2, axis=1), 1.0)
        refit = np.sum(weights * chosen, axis=1) / energy
        refit = np.where(refit > 0, refit, scales)
        scales = allowed(refit)
        indices = nearest()
    return scales, indices


def _plain_int8(
    shape: tuple[int, ...], weights: Array, channel_axis: int, allowed: ScaleRule
) -> QuantizedWeights:
    """Return symmetric uniform int8 weights with per-channel scales, as in TensorFlow Lite."""
    largest = np.max(np.abs(weights), axis=1)
    scales = allowed(kept_scales(weights, largest / LEVEL_MAX))
    levels = np.clip(np.round(weights / scales[:, None]), -LEVEL_MAX, LEVEL_MAX).astype(np.int8)
    return QuantizedWeights(
        shape=tuple(shape),
        bits=8,
        indices=_rows(levels.view(np.uint8), shape, channel_axis),
        codebook=None,
        scales=scales.astype(np.float32),
    )


def _rows(
    by_channel: NDArray[np.uint8], shape: tuple[int, ...], channel_axis: int
) -> NDArray[np.uint8]:
    """Return [rows, columns] as stored; rows are output channels or, if depthwise, positions."""
    rows = by_channel if channel_axis == 0 else by_channel.T
    return np.ascontiguousarray(rows)
