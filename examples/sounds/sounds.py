"""Sounds to tell apart, made here: a whistle, a clap, a doorbell, and background noise."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16000
NAMES = ("background", "whistle", "clap", "doorbell")
_Sound = NDArray[np.int16]


def sound(name: str, random: np.random.Generator) -> _Sound:
    """Return a second of a sound, somewhere in it, with noise around it."""
    time = np.arange(RATE) / RATE
    since = time - random.uniform(0.1, 0.5)
    if name == "whistle":
        pitch = random.uniform(900, 1500) * (1 + random.uniform(0.2, 0.6) * since)
        made = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * ((since > 0) & (since < 0.4))
    elif name == "clap":
        made = random.normal(0, 1, RATE) * np.exp(-np.maximum(since, 0) * 40) * (since > 0)
    elif name == "doorbell":
        high = random.uniform(600, 800)
        second = since - 0.25
        made = np.sin(2 * np.pi * high * since) * np.exp(-6 * np.maximum(since, 0)) * (since > 0)
        lower = np.sin(2 * np.pi * high / 1.25 * second) * np.exp(-6 * np.maximum(second, 0))
        made = made + lower * (second > 0)
    else:
        made = np.zeros(RATE)
    loud, noise = 10 ** random.uniform(-1.2, -0.2), 10 ** random.uniform(-3, -2)
    mixed = loud * made + random.normal(0, noise, RATE)
    return np.clip(np.round(32767 * mixed), -32768, 32767).astype(np.int16)


def sounds(count: int, seed: int) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Return samples [count, rate] and class numbers [count]."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, len(NAMES), count)
    return np.stack([sound(NAMES[c], random) for c in classes]), classes


def write_wav(path: Path, samples: _Sound) -> None:
    """Write samples as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def sequence(*names: str, seed: int = 9) -> _Sound:
    """Return sounds one after the other, with a second of background before each."""
    random = np.random.default_rng(seed)
    both = [sound(part, random) for name in names for part in ("background", name)]
    return np.concatenate([*both, sound("background", random)])
