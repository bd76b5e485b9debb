"""The same bits for all layers: what allocations layer by layer are measured against."""

from __future__ import annotations

from dataclasses import replace

from microlut.conversion.prepared import Prepared
from microlut.quantize.bits.sensitivity import Candidates
from microlut.quantize.shared import stored_layers
from microlut.quantize.weights import BIT_WIDTHS, LayerConfigs

_ROUNDING = 1e-6  # bits per weight


def uniform_configs(prepared: Prepared, bits: int) -> LayerConfigs:
    """Return the configurations with which all layers have these bits, but pinned ones theirs."""
    return {
        name: layer.config if layer.pinned else replace(layer.config, bits=bits)
        for name, layer in prepared.layers.items()
    }


def average_bits(prepared: Prepared, configs: LayerConfigs) -> float:
    """Return the mean bits per weight, 0 without weights."""
    sizes = {name: op.kernel.size for name, op in stored_layers(prepared.graph).items()}
    total = sum(sizes.values())
    return (
        sum(size * configs[name].mean_bits for name, size in sizes.items()) / total
        if total
        else 0.0
    )


def uniform_within_average(prepared: Prepared, average: float) -> LayerConfigs | None:
    """Return the most uniform bits with at most this mean; None if pinned layers have more."""
    every = (uniform_configs(prepared, bits) for bits in sorted(BIT_WIDTHS, reverse=True))
    limit = average + _ROUNDING
    return next((found for found in every if average_bits(prepared, found) <= limit), None)


def uniform_within_bytes(
    prepared: Prepared, measured: Candidates, budget: int
) -> LayerConfigs | None:
    """Return the most uniform bits whose weights and codebooks take at most these bytes."""
    for bits in sorted(BIT_WIDTHS, reverse=True):
        configs = uniform_configs(prepared, bits)
        taken = sum(
            choice.bytes
            for name, choices in measured.items()
            for choice in choices
            if choice.config == configs[name]
        )
        if taken <= budget:
            return configs
    return None
