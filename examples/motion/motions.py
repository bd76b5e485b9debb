"""Movements to tell apart, made here: at rest, walking, shaking, and circles in the air.

An accelerometer of +-4 g gives 16-bit values of 1 / 8192 g for three axes, 50 times per second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 50
WINDOW = 100  # frames that the network sees
NAMES = ("rest", "walk", "shake", "circle")
SCALE = 1 / 8192  # g per step
_Frames = NDArray[np.int16]


def motion(name: str, random: np.random.Generator, seconds: float = 4.0) -> _Frames:
    """Return raw values [frames, 3] of a movement."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = random.uniform(0, 2 * np.pi)
    made = np.zeros((len(time), 3))
    if name == "walk":
        step = 2 * np.pi * random.uniform(1.6, 2.2) * time + phase
        made[:, 2] = random.uniform(0.2, 0.4) * np.maximum(np.sin(step), -0.2)
        made[:, 0] = random.uniform(0.1, 0.2) * np.sin(step / 2)
    elif name == "shake":
        turn = 2 * np.pi * random.uniform(4.0, 6.0) * time + phase
        made[:, 0] = random.uniform(1.0, 2.0) * np.sin(turn)
    elif name == "circle":
        turn = 2 * np.pi * random.uniform(0.8, 1.3) * time + phase
        radius = random.uniform(0.5, 1.0)
        made[:, 0], made[:, 1] = radius * np.cos(turn), radius * np.sin(turn)
    made[:, 2] += 1.0  # gravity
    made += random.normal(0, random.uniform(0.01, 0.05), made.shape)
    return np.clip(np.round(made / SCALE), -32768, 32767).astype(np.int16)


def windows(count: int, seed: int) -> tuple[_Frames, NDArray[np.int64]]:
    """Return windows [count, WINDOW, 3] of raw values, and class numbers [count]."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, len(NAMES), count)
    made = [motion(NAMES[c], random, WINDOW / RATE) for c in classes]
    return np.stack(made), classes


def sequence(*names: str, seed: int = 5) -> _Frames:
    """Return four seconds of each movement, one after the other."""
    random = np.random.default_rng(seed)
    return np.concatenate([motion(name, random) for name in names])
