"""Translate layers that merge tensors and become more than one operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, limited
from microlut.importers.keras.registered import REGISTERED
from microlut.ops.arrays import frozen_array
from microlut.ops.batch_norm import BatchNorm


@limited("with broadcasting; the sum's scale is divided by the number of tensors")
def _average(use: LayerUse) -> tuple[Step, ...]:
    *before, total = REGISTERED["Add"](use)
    return (*before, *mean_of(total, len(use.shapes)))


def mean_of(total: Step, count: int) -> tuple[Step, ...]:
    """Return a sum, and its quotient by the number of its terms, which passes fold."""
    channels = total.shape[-1]
    share = frozen_array(np.full(channels, 1.0 / count))
    norm = BatchNorm(share, frozen_array(np.zeros(channels)))
    return replace(total, suffix="_sum"), Step(norm, total.shape, (PREVIOUS,))


MERGES: Mapping[str, Handler] = {"Average": _average}
