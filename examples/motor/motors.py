"""The sound of a motor, made here: as it should be, and with a bearing that begins to fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.signal import Spectrum

RATE = 16000
FEATURES = Spectrum(frame=1024, hop=512, bands=32, low=50.0, high=7000.0, power=2, offset=1e-5)


def motor(
    random: np.random.Generator, seconds: float = 1.0, fault: float = 0.0
) -> NDArray[np.int16]:
    """Return samples of a motor; `fault` is the loudness of its bearing, from 0 on."""
    time = np.arange(round(seconds * RATE)) / RATE
    turns = 2 * np.pi * random.uniform(48, 52) * time
    made = sum(np.sin(k * turns + random.uniform(0, 6)) / k for k in range(1, 9))
    knock = (np.modf(time * 161)[0] < 0.08) * np.sin(2 * np.pi * 3300 * time)
    mixed = 0.1 * made + 0.02 * random.normal(0, 1, len(time)) + fault * knock
    return np.clip(np.round(32767 * mixed), -32768, 32767).astype(np.int16)


def frames(count: int, seed: int, fault: float = 0.0) -> NDArray[np.float32]:
    """Return features [frames, bands] of as many seconds of motors."""
    random = np.random.default_rng(seed)
    return np.concatenate([FEATURES(motor(random, 1.0, fault)) for _ in range(count)])


def sequence(seed: int = 3) -> NDArray[np.int16]:
    """Return ten seconds of a motor of which the bearing fails after six."""
    random = np.random.default_rng(seed)
    return np.concatenate([motor(random, 6.0), motor(random, 4.0, 0.1)])
