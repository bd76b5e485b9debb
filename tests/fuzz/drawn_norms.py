"""Random layers that normalize values by their own mean and variance."""

from __future__ import annotations

from typing import Any

from draws import Rng, Seen, Steps, axes, axis, kind, maybe, one_of


@kind("LayerNormalization", weight=1.5)
def _layer_normalization(rng: Rng, x: Seen) -> Steps:
    found = _epsilon(rng)
    if maybe(rng, 0.5):
        found["axis"] = axis(rng, x.shape) if maybe(rng) else axes(rng, x.shape)
    if maybe(rng, 0.3):
        return [("RMSNormalization", found)]
    found |= {key: False for key in ("center", "scale") if maybe(rng, 0.2)}
    return [("LayerNormalization", found)]


@kind("GroupNormalization", weight=0.8)
def _group_normalization(rng: Rng, x: Seen) -> Steps:
    along = axis(rng, x.shape) if maybe(rng, 0.3) else -1
    channels = x.shape[along - 1 if along > 0 else along]
    groups = [n for n in range(1, channels + 1) if channels % n == 0]
    found = {"groups": int(one_of(rng, -1, *groups)), **_epsilon(rng)}
    if along != -1:
        found["axis"] = along
    found |= {key: False for key in ("center", "scale") if maybe(rng, 0.2)}
    return [("GroupNormalization", found)]


def _epsilon(rng: Rng) -> dict[str, Any]:
    return {"epsilon": float(one_of(rng, 1e-6, 0.1, 2.0))} if maybe(rng, 0.3) else {}
