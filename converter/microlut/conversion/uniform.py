"""The same bits for all layers: what allocations layer by layer are measured against."""

from __future__ import annotations

from dataclasses import replace

from microlut.conversion.prepared import Prepared
from microlut.quantize.shared import stored_layers
from microlut.quantize.weights import LayerConfigs


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
    return sum(size * configs[name].bits for name, size in sizes.items()) / total if total else 0.0
