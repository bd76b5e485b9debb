"""Keep some calibration inputs aside, to judge a network on inputs that did not make it."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from microlut.graph.batch import Batch

# Below, each input is worth more to the ranges and biases than to a figure: a fifth of fewer than
# 20 inputs tells a share of answers to no better than ten points.
FEWEST_INPUTS = 100
_SHARE = 5  # one of so many is kept aside
_MOST = 128  # more hardly change the figures


def set_aside(inputs: Batch) -> tuple[Batch, Batch | None]:
    """Return the inputs [n, ...] to make a network by, and those to judge it on if they suffice.

    Those kept aside are evenly spaced, since inputs may be sorted by class. Copies of them judge
    nothing and make nothing.
    """
    different = distinct(inputs)
    if len(different) < FEWEST_INPUTS:
        return inputs, None
    count = min(len(different) // _SHARE, _MOST)
    places = np.linspace(0, len(different) - 1, count).round().astype(np.intp)
    judging = [different[place] for place in places]
    kept = np.ones(len(inputs), dtype=bool)
    for copies in judging:
        kept[copies] = False
    return inputs[np.flatnonzero(kept)], inputs[np.array([copies[0] for copies in judging])]


def distinct(inputs: Batch) -> list[list[int]]:
    """Return the places of each input and of its copies, in the order of the first ones."""
    arrays = list(inputs.arrays.values())
    places: dict[tuple[bytes, ...], list[int]] = {}  # by hashes, since inputs may be large
    for i in range(len(inputs)):
        places.setdefault(tuple(sha256(x[i].tobytes()).digest() for x in arrays), []).append(i)
    return list(places.values())
