"""What the published method makes of a model's weights: a graph in, a fit for every layer out.

It needs no data, and what it fits is what the conversion fits: the weights as they are, or each
output channel divided by its root mean square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microlut.errors import InvalidInput
from microlut.graph.ir import Graph, Shape, Weighted, channel_axis
from microlut.integer import Granularity
from microlut.quantize.levels.codebook import (
    Codebook,
    DensityChoice,
    channel_spreads,
    fit_codebook,
)
from microlut.quantize.levels.densities import Array


@dataclass(frozen=True, slots=True)
class LayerFit:
    """A layer's fit.

    Attributes:
        name: The layer's name.
        shape: Its kernel's, in TensorFlow Lite's layout.
        granularity: "channel" if every output channel was divided by its root mean square.
        weights: [channels, n] weights as they were fitted; channels of zeros are left out.
        book: The codebook.
    """

    name: str
    shape: Shape
    granularity: Granularity
    weights: Array
    book: Codebook

    @property
    def title(self) -> str:
        """What a picture of the fit is called."""
        return f"{self.name}, by {self.granularity}, {self.book.levels.size} levels"

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
) -> tuple[LayerFit, ...]:
    """Fit every layer that has weights, or the one that is named `layer`.

    Raises:
        InvalidInput: there is no such layer, bits outside 1 to 8, or NaN or infinity among the
            weights.
    """
    layers = [(n.name, n.op) for n in graph.nodes if isinstance(n.op, Weighted)]
    if layer is not None:
        names = ", ".join(name for name, _ in layers)
        layers = [(name, op) for name, op in layers if name == layer]
        if not layers:
            raise InvalidInput(
                f"model {graph.name}: no layer {layer!r} has weights; give one of {names}"
            )
    return tuple(_fit_layer(name, op, bits, granularity, density) for name, op in layers)


def _fit_layer(
    name: str, op: Weighted, bits: int, granularity: Granularity, density: DensityChoice
) -> LayerFit:
    kernel = op.kernel.astype(np.float64)
    axis = channel_axis(op)
    by_channel = np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)
    try:
        weights = normalized_weights(by_channel, granularity)
        book = fit_codebook(weights, bits, density)
    except InvalidInput as error:
        raise InvalidInput(f"layer {name}: {error}") from error
    return LayerFit(name, kernel.shape, granularity, weights, book)


def normalized_weights(by_channel: Array, granularity: Granularity) -> Array:
    """Return weights [channels, n] as they are fitted; one zero where all of them are zero.

    Raises:
        InvalidInput: NaN or infinity among them.
    """
    if not np.isfinite(by_channel).all():
        raise InvalidInput("weights hold NaN or infinity; finite weights are needed")
    spread = channel_spreads(by_channel, granularity)
    used = spread > 0
    return by_channel[used] / spread[used, None] if used.any() else np.zeros((1, 1))
