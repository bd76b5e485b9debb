"""Format fits of densities to the weights of layers as plain text."""

from __future__ import annotations

import numpy as np

from microlut.conversion.fits import LayerFit
from microlut.show.table import table


def fits_text(fits: tuple[LayerFit, ...]) -> str:
    """Return a table of fits; errors are shares of the fitted weights' mean square."""
    headers = (
        "layer",
        "kernel",
        "density",
        "KS Gaussian",
        "KS Laplace",
        "clipping range",
        "predicted",
        "measured",
        "ratio",
    )
    return table(headers, map(_cells, fits), "<<<>>>>>>")


def _cells(fit: LayerFit) -> tuple[str, ...]:
    book = fit.book
    power = float(np.mean(fit.weights**2)) or 1.0
    low, high = book.clipping
    return (
        fit.name,
        "x".join(map(str, fit.shape)),
        book.density,
        f"{book.ks_gaussian:.4f}",
        f"{book.ks_laplace:.4f}",
        f"{low:.3g} to {high:.3g}",
        f"{100 * book.predicted_mse / power:.3g} %",
        f"{100 * book.mse / power:.3g} %",
        f"{book.mse / book.predicted_mse:.2f}" if book.predicted_mse > 0 else "",
    )
