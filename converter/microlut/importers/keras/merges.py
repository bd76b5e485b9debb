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
    """Return the sum of the tensors, and its quotient by their number, which passes fold."""
    *before, total = REGISTERED["Add"](use)
    channels = total.shape[-1]
    share = frozen_array(np.full(channels, 1.0 / len(use.shapes)))
    norm = BatchNorm(share, frozen_array(np.zeros(channels)))
    return (*before, replace(total, suffix="_sum"), Step(norm, total.shape, (PREVIOUS,)))


MERGES: Mapping[str, Handler] = {"Average": _average}
