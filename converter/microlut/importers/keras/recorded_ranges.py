"""Put the ranges that training has recorded between the steps of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from microlut.importers.keras.config import Recorded
from microlut.importers.keras.layer_use import PREVIOUS, Step
from microlut.ops.identity import Identity


def ranged(steps: Sequence[Step], ranges: Recorded) -> tuple[Step, ...]:
    """Return a layer's steps, with an Identity that has a range behind what it is the range of.

    That before the activation is that of the last step but one; a layer whose activation is fused
    into it has none.
    """
    found = list(steps)
    if "before" in ranges and len(found) > 1 and found[-1].inputs == (PREVIOUS,):
        before, last = found[-2], found[-1]
        found[-1:] = [_range(before, ranges["before"], f"{last.suffix}_given"), last]
    if "output" in ranges:
        found.append(_range(found[-1], ranges["output"], "_ranged"))
    return tuple(found)


def _range(step: Step, limits: tuple[float, float], suffix: str) -> Step:
    return replace(step, op=Identity(limits), inputs=(PREVIOUS,), suffix=suffix)
