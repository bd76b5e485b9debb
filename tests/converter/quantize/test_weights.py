"""Weights of a layer: nearest levels, scales of one channel or of all, and odd channels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microlut.errors import InvalidInput
from microlut.ops.dense import Dense
from microlut.ops.weights import Granularity, QuantizedWeights
from microlut.quantize.assign.reconstruct import InputMoments, ScaleRule
from microlut.quantize.levels.codebook import fit_codebook
from microlut.quantize.weight_error import relative_error
from microlut.quantize.weights import WeightConfig, quantize_weights, single_precision

CODEBOOK_BITS = range(2, 8)
GAUSSIAN_ERROR = {2: 0.118, 3: 0.035, 4: 0.0095, 5: 0.0025}  # of the best levels (Max 1960)
GRANULARITIES: tuple[Granularity, ...] = ("tensor", "channel")
CONFIGS = [WeightConfig(bits, g) for bits in range(2, 9) for g in GRANULARITIES]
CODEBOOKS = [config for config in CONFIGS if config.bits < 8]
config_id = "{0.bits}-{0.granularity}".format


def kernel(shape: tuple[int, ...] = (6, 3, 3, 5), seed: int = 0) -> np.ndarray:
    """Return bell-shaped weights, [channels, ...], whose channels differ in scale."""
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.uniform(-2, 1, (shape[0], *[1] * (len(shape) - 1)))
    return (rng.laplace(size=shape) * spread).astype(np.float32)


def real(weights: QuantizedWeights, channel_axis: int = 0) -> np.ndarray:
    """Return the real weights that the quantized ones stand for."""
    shape = [1] * len(weights.shape)
    shape[channel_axis] = -1
    return weights.int8() * weights.scales.astype(np.float64).reshape(shape)


@pytest.mark.parametrize("config", CONFIGS, ids=config_id)
@pytest.mark.parametrize("axis", [0, 2])
def test_shapes_and_types_are_the_documented_ones(config: WeightConfig, axis: int):
    shape = (4, 3, 7)
    weights = quantize_weights(np.moveaxis(kernel((shape[axis], 5, 3)), 0, axis), axis, config)
    rows = weights.shape[0] if axis == 0 else weights.shape[0] * weights.shape[1]
    assert weights.indices.shape == (rows, np.prod(weights.shape) // rows)
    assert (weights.indices.dtype, weights.scales.dtype) == (np.uint8, np.float32)
    assert weights.scales.shape == (shape[axis],)
    assert weights.int8().shape == weights.shape
    assert weights.int8().dtype == np.int8


@pytest.mark.parametrize("config", CODEBOOKS, ids=config_id)
def test_codebook_is_ascending_and_uses_the_whole_of_int8(config: WeightConfig):
    book = quantize_weights(kernel(), 0, config).codebook
    assert book is not None
    assert book.dtype == np.int8
    assert len(book) == 2**config.bits
    assert np.all(np.diff(book.astype(int)) >= 0)
    assert np.abs(book.astype(int)).max() == 127


@pytest.mark.parametrize("config", CODEBOOKS, ids=config_id)
def test_every_weight_has_its_nearest_level(config: WeightConfig):
    weights = quantize_weights(kernel(), 0, config)
    assert weights.codebook is not None
    flat = kernel().reshape(6, -1).astype(np.float64)
    levels = weights.scales.astype(np.float64)[:, None] * weights.codebook.astype(np.float64)
    nearest = np.abs(flat[:, :, None] - levels[:, None, :]).min(axis=2)
    chosen = np.abs(flat - real(weights).reshape(6, -1))
    assert chosen == pytest.approx(nearest, rel=1e-9, abs=1e-9 * np.abs(flat).max())


def pruned(share: float, columns: int = 400) -> np.ndarray:
    """Return bell-shaped weights [8, columns] of which the smallest `share` are 0."""
    weights = np.random.default_rng(1).normal(size=(8, columns)).astype(np.float32)
    weights[np.abs(weights) < np.quantile(np.abs(weights), share)] = 0
    return weights


@pytest.mark.parametrize("bits", range(2, 6))
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_pruned_weights_stay_zero(share: float, bits: int):
    weights = quantize_weights(pruned(share), 0, WeightConfig(bits))
    assert weights.fit is not None
    assert weights.fit.density == "pruned"
    assert not weights.int8()[pruned(share) == 0].any()
    error = np.mean((real(weights) - pruned(share)) ** 2) / np.mean(pruned(share) ** 2)
    assert error < GAUSSIAN_ERROR[bits]


@pytest.mark.parametrize("bits", [2, 3])
def test_much_pruned_weights_are_nearer_with_levels_of_their_own(bits: int):
    """Indices overlap here: of weights 90 % of which are pruned, a tenth of the error is left."""
    moments = InputMoments(np.eye(400)[None], np.eye(400)[None])
    weights = quantize_weights(pruned(0.9), 0, WeightConfig(bits), moments)
    assert weights.overlap > 0
    error = np.mean((real(weights) - pruned(0.9)) ** 2) / np.mean(pruned(0.9) ** 2)
    assert error < {2: 0.02, 3: 0.005}[bits]


@pytest.mark.parametrize("bits", CODEBOOK_BITS)
def test_depthwise_kernel_equals_its_transpose(bits: int):
    config, by_channel = WeightConfig(bits), kernel((5, 3, 2))
    plain = quantize_weights(by_channel, 0, config)
    depthwise = quantize_weights(np.moveaxis(by_channel, 0, -1), 2, config)
    assert np.array_equal(np.moveaxis(depthwise.int8(), -1, 0), plain.int8())
    assert np.array_equal(depthwise.scales, plain.scales)


@pytest.mark.parametrize("bits", CODEBOOK_BITS)
def test_tensor_granularity_has_equal_scales(bits: int):
    scales = quantize_weights(kernel(), 0, WeightConfig(bits, "tensor")).scales
    assert len(set(scales.tolist())) == 1


def test_scaling_a_channel_scales_only_its_scale():
    weights, config = kernel(), WeightConfig(4)
    scaled = weights.copy()
    scaled[2] *= 8
    before = quantize_weights(weights, 0, config)
    after = quantize_weights(scaled, 0, config)
    assert np.array_equal(before.indices, after.indices)
    assert after.scales == pytest.approx(before.scales * [1, 1, 8, 1, 1, 1], rel=1e-6)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_eight_bits_are_plain_int8_a_channel(granularity: Granularity):
    weights = quantize_weights(kernel(), 0, WeightConfig(8, granularity))
    flat = kernel().reshape(6, -1).astype(np.float64)
    assert weights.codebook is None
    assert weights.scales == pytest.approx(np.abs(flat).max(axis=1) / 127, rel=1e-6)
    assert np.array_equal(np.abs(weights.int8().astype(int)).reshape(6, -1).max(axis=1), [127] * 6)
    error = np.abs(flat - real(weights).reshape(6, -1)) / weights.scales[:, None]
    assert error.max() <= 0.5001


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 7))
def test_refitting_scales_does_not_raise_the_error(seed: int, bits: int):
    weights = kernel((4, 30), seed)
    spread = np.sqrt(np.mean(weights.astype(np.float64) ** 2, axis=1, keepdims=True))
    book = fit_codebook(weights / spread, bits)
    unit = np.abs(book.levels).max() / 127
    levels = np.round(book.levels / unit) * unit * spread  # what there is before any refit
    before = np.abs(weights[:, :, None] - levels[:, None, :]).min(axis=2) ** 2
    after = (weights - real(quantize_weights(weights, 0, WeightConfig(bits)))) ** 2
    assert np.all(after.sum(axis=1) <= before.sum(axis=1) * (1 + 1e-6))


@pytest.mark.parametrize("config", CODEBOOKS, ids=config_id)
def test_fit_report_has_the_measured_relative_error(config: WeightConfig):
    weights = quantize_weights(kernel(), 0, config)
    assert weights.fit is not None
    spread = 1.0
    if config.granularity == "channel":
        spread = np.sqrt(np.mean(kernel() ** 2.0, axis=(1, 2, 3), keepdims=True))
    power = np.mean((kernel() / spread) ** 2)
    error = np.mean(((kernel() - real(weights)) / spread) ** 2) / power
    assert weights.fit.error == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("bits", range(2, 9))
def test_channel_of_zeros_stays_zero(bits: int):
    weights = kernel()
    weights[3] = 0
    quantized = quantize_weights(
        weights, 0, WeightConfig(bits), allowed=at_least(np.full(6, 1e-12))
    )
    assert np.abs(real(quantized)[3]).max() <= 127 * 1.0001e-12


@pytest.mark.parametrize("bits", CODEBOOK_BITS)
def test_channel_of_zeros_does_not_change_the_others(bits: int):
    padded = np.concatenate([kernel(), np.zeros((1, 3, 3, 5), np.float32)])
    plain = quantize_weights(kernel(), 0, WeightConfig(bits))
    assert np.array_equal(quantize_weights(padded, 0, WeightConfig(bits)).int8()[:6], plain.int8())


@pytest.mark.parametrize("config", CONFIGS, ids=config_id)
def test_kernel_of_zeros_is_zero(config: WeightConfig):
    weights = quantize_weights(
        np.zeros((3, 4), np.float32), 0, config, allowed=at_least(np.full(3, 1e-12))
    )
    assert np.abs(real(weights)).max() <= 127 * 1.0001e-12
    assert np.all(weights.scales > 0)


@pytest.mark.parametrize("bits", range(2, 9))
def test_single_weight_a_channel_is_nearly_exact(bits: int):
    weights = np.array([[0.5], [-3.0], [0.001]], np.float32)
    quantized = quantize_weights(weights, 0, WeightConfig(bits))
    assert real(quantized) == pytest.approx(weights.astype(np.float64), rel=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=config_id)
def test_scales_respect_their_lower_bounds(config: WeightConfig):
    smallest = np.array([0.0, 1e3, 1e-9, 2.0, 1e6, 0.0])
    scales = quantize_weights(kernel(), 0, config, allowed=at_least(smallest)).scales
    assert np.all(scales >= smallest.astype(np.float32))


@pytest.mark.parametrize("config", CONFIGS, ids=config_id)
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_extreme_weights_keep_their_relative_error(config: WeightConfig, factor: float):
    plain = real(quantize_weights(kernel(), 0, config))
    extreme = real(quantize_weights(kernel() * np.float32(factor), 0, config)) / factor
    assert extreme == pytest.approx(plain, rel=1e-3, abs=1e-3 * np.abs(plain).max())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_weights_whose_scales_must_be_huge_are_lost_and_no_more(granularity):
    """Inputs that are almost zero need such scales; an error of 1e30 would tell nobody anything."""
    weights = quantize_weights(kernel((6, 45)), 0, WeightConfig(2, granularity))
    huge = replace(weights, scales=np.full(6, 4e21, np.float32))
    op = Dense(kernel((6, 45)), np.zeros(6, np.float32))
    assert relative_error(op, huge, granularity) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("method", ["calibrated", "empirical"])
def test_channel_of_dust_counts_as_lost_and_no_more(granularity, method):
    dust = kernel((6, 45))
    dust[2] *= 1e-12
    raised = at_least(np.full(6, 1e-9))
    config = WeightConfig(2, granularity, method)
    plain, found = (
        quantize_weights(k, 0, config, allowed=raised).fit.error for k in (kernel((6, 45)), dust)
    )
    most = plain + 1 / 6 if granularity == "channel" else 2 * plain
    assert 0 < found <= 1.2 * most


@pytest.mark.parametrize("bits", [2, 8])
def test_not_finite_weights_are_refused(bits: int):
    weights = kernel()
    weights[0, 0, 0, 0] = np.nan
    with pytest.raises(InvalidInput, match="NaN or infinity"):
        quantize_weights(weights, 0, WeightConfig(bits))


@pytest.mark.parametrize("bits", [0, 1, 9, -4])
def test_bits_out_of_range_are_refused(bits: int):
    with pytest.raises(InvalidInput, match="give 2 to 8"):
        WeightConfig(bits)


def at_least(smallest: np.ndarray) -> ScaleRule:
    return lambda scales: single_precision(np.maximum(scales, smallest))


def moments_of(x: np.ndarray) -> InputMoments:
    covariance = np.cov(x.T, bias=True)[None]
    return InputMoments(covariance, covariance)


@pytest.mark.parametrize("config", CODEBOOKS[:8], ids=config_id)
def test_error_feedback_lowers_the_error_of_the_output(config: WeightConfig):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 20)) @ rng.normal(size=(20, 60)) + rng.normal(size=(500, 60)) * 0.1
    weights = kernel((8, 60))
    centered = x - x.mean(axis=0)

    def output_error(moments: InputMoments | None) -> float:
        quantized = quantize_weights(weights, 0, config, moments)
        return float(np.mean((centered @ (weights - real(quantized)).T) ** 2))

    assert output_error(moments_of(x)) < 0.8 * output_error(None)


@pytest.mark.parametrize("config", CODEBOOKS, ids=config_id)
def test_inputs_that_never_vary_give_nearest_levels(config: WeightConfig):
    weights = kernel((4, 20))
    fed = quantize_weights(weights, 0, config, moments_of(np.zeros((3, 20))))
    plain = quantize_weights(weights, 0, config)
    # Two more refits may still move a scale, and a weight half-way between two levels with it.
    assert np.mean(fed.indices != plain.indices) < 0.2
    assert np.sum((weights - real(fed)) ** 2) <= np.sum((weights - real(plain)) ** 2) * 1.0001
