"""Fit a codebook to the weights of every layer by the published method.

It needs no data. It fits the same weights as the conversion: unchanged, or with each output channel
divided by its root mean square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.ops.arrays import Shape
from microlut.ops.weighted import Weighted
from microlut.ops.weights import Granularity
from microlut.quantize.levels.codebook import (
    Codebook,
    DensityChoice,
    channel_spreads,
    check_bits,
    fit_codebook,
)
from microlut.quantize.levels.densities import Array
from microlut.support.arguments import check_choice, check_text
from microlut.support.shown import Listing, Record, Shown


@dataclass(frozen=True, slots=True, repr=False)
class LayerFit(Shown):
    """A layer's fit.

    Attributes:
        name: The layer's name.
        shape: Shape of its kernel in TensorFlow Lite's layout.
        granularity: "channel" if every output channel was divided by its root mean square.
        weights: [channels, n] the fitted weights, without channels of zeros.
        book: The codebook.
    """

    name: str
    shape: Shape
    granularity: Granularity
    weights: Array
    book: Codebook

    @property
    def title(self) -> str:
        """Return the title of a picture of the fit."""
        return f"{self.name}, by {self.granularity}, {self.book.levels.size} levels"

    def records(self) -> list[Record]:
        """Return the fit as one record, without the levels."""
        low, high = self.book.clipping
        return [
            {
                "name": self.name,
                "shape": self.shape,
                "granularity": self.granularity,
                "density": self.book.density.value,
                "ks_gaussian": self.book.ks_gaussian,
                "ks_laplace": self.book.ks_laplace,
                "levels": self.book.levels.size,
                "clipping_low": low,
                "clipping_high": high,
                "predicted_mse": self.book.predicted_mse,
                "mse": self.book.mse,
            }
        ]

    def as_json(self) -> dict[str, object]:
        """Return the fit as JSON values."""
        book = self.book
        return {
            "name": self.name,
            "shape": list(self.shape),
            "granularity": self.granularity,
            "density": book.density.value,
            "ks_gaussian": book.ks_gaussian,
            "ks_laplace": book.ks_laplace,
            "levels": book.levels.tolist(),
            "thresholds": book.thresholds.tolist(),
            "predicted_mse": book.predicted_mse,
            "mse": book.mse,
        }


def fit_layers(
    graph: Graph,
    bits: int,
    granularity: Granularity,
    layer: str | None = None,
    density: DensityChoice = "auto",
) -> Listing[LayerFit]:
    """Fit every layer that has weights, or only the one named `layer`.

    Raises:
        InvalidInput: There is no such layer, bits are outside 1 to 8, or the weights have NaN or
            infinity.
    """
    check_bits(bits)
    check_choice("granularity", granularity, get_args(Granularity))
    check_choice("density", density, get_args(DensityChoice))
    check_text("layer", layer, "the name of a layer")
    layers = [(n.name, n.op) for n in graph.nodes if isinstance(n.op, Weighted)]
    if layer is not None:
        names = ", ".join(name for name, _ in layers)
        layers = [(name, op) for name, op in layers if name == layer]
        if not layers:
            raise InvalidInput(
                f"model {graph.name}: no layer {layer!r} has weights; give one of {names}"
            )
    return Listing(_fit_layer(name, op, bits, granularity, density) for name, op in layers)


def _fit_layer(
    name: str, op: Weighted, bits: int, granularity: Granularity, density: DensityChoice
) -> LayerFit:
    kernel = op.kernel.astype(np.float64)
    axis = op.channel_axis
    by_channel = np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)
    try:
        weights = normalized_weights(by_channel, granularity)
        book = fit_codebook(weights, bits, density)
    except InvalidInput as error:
        raise InvalidInput(f"layer {name}: {error}") from error
    return LayerFit(name, kernel.shape, granularity, weights, book)


def normalized_weights(by_channel: Array, granularity: Granularity) -> Array:
    """Return the weights [channels, n] to fit; one zero if all of them are zero.

    Raises:
        InvalidInput: They have NaN or infinity.
    """
    if not np.isfinite(by_channel).all():
        raise InvalidInput("weights hold NaN or infinity; finite weights are needed")
    spread = channel_spreads(by_channel, granularity)
    used = spread > 0
    return by_channel[used] / spread[used, None] if used.any() else np.zeros((1, 1))
