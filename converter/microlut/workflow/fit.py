"""Fit levels to the weights of a model."""

from __future__ import annotations

from microlut.conversion.fits import LayerFit, fit_layers
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.keras.custom import Custom
from microlut.ops.weights import Granularity
from microlut.quantize.levels.codebook import DensityChoice
from microlut.quantize.weights import WeightConfig
from microlut.support.arguments import PathLike
from microlut.support.shown import Listing


def fit(
    model: PathLike | object,
    *,
    layer: str | None = None,
    bits: int | None = None,
    granularity: Granularity | None = None,
    density: DensityChoice = "auto",
    custom: Custom | None = None,
) -> Listing[LayerFit]:
    """Fit levels to the weights of each layer, without data: density, clipping range and errors.

    Args:
        model: A .keras or .h5 file, a SavedModel folder, or a `keras.Model`.
        layer: Only the layer of this name.
        bits: The fit has 2^bits levels; 4 by default.
        granularity: What shares a scale: an output "channel" (by default) or a whole "tensor".
        density: "gaussian", "laplace", or the one that fits better, "auto".
        custom: What classes, activations and layers of the model are, by their names.

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong with the inputs.
    """
    built_in = WeightConfig()
    config = WeightConfig(
        bits=built_in.bits if bits is None else bits,
        granularity=built_in.granularity if granularity is None else granularity,
    )
    graph = run_passes(import_model(model, custom=custom))
    return fit_layers(graph, config.bits, config.granularity, layer, density)
