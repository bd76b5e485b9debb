"""Pictures of signs to tell apart, made here: six shapes in any colour before a busy background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIDE = 32
NAMES = ("circle", "ring", "square", "triangle", "cross", "stripes")
_FINE = 4  # each pixel is the mean of so many points in either direction
_Mask = NDArray[np.bool_]
_Pictures = NDArray[np.uint8]


def _shape(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> _Mask:
    """Return which points belong to a shape of about radius 1."""
    far = np.hypot(x, y)
    if name == "circle":
        return far < 0.9
    if name == "ring":
        return (far < 1.0) & (far > 0.6)
    if name == "square":
        return np.maximum(abs(x), abs(y)) < 0.8
    if name == "triangle":
        return (y < 0.6) & (y > 2 * abs(x) - 1.0)
    if name == "cross":
        return (np.minimum(abs(x), abs(y)) < 0.28) & (np.maximum(abs(x), abs(y)) < 0.95)
    return (far < 1.0) & (np.mod(x, 0.66) < 0.33)


def picture(name: str, random: np.random.Generator) -> _Pictures:
    """Return a picture [SIDE, SIDE, 3] of a shape of any size, place, angle and colour."""
    grid = (np.arange(SIDE * _FINE) + 0.5) / (SIDE * _FINE) * 2 - 1
    x, y = np.meshgrid(grid, grid)
    radius, turn = random.uniform(0.4, 0.75), random.uniform(-0.35, 0.35)
    x, y = x - random.uniform(-0.25, 0.25), y - random.uniform(-0.25, 0.25)
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    points = _shape(name, x / radius, y / radius)
    cover = points.reshape(SIDE, _FINE, SIDE, _FINE).mean(axis=(1, 3))[..., None]
    front, back, other = random.uniform(0, 255, (3, 3))
    while abs(front - back).sum() < 150 or abs(front - other).sum() < 150:
        front, back, other = random.uniform(0, 255, (3, 3))
    slope = np.linspace(0, 1, SIDE)[:, None, None]
    made = cover * front + (1 - cover) * (slope * back + (1 - slope) * other)
    made = made + random.normal(0, random.uniform(4, 20), made.shape)
    return np.clip(np.round(made), 0, 255).astype(np.uint8)


def pictures(count: int, seed: int) -> tuple[_Pictures, NDArray[np.int64]]:
    """Return pictures [count, SIDE, SIDE, 3] and their class numbers [count]."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, len(NAMES), count)
    return np.stack([picture(NAMES[number], random) for number in classes]), classes


def save(path: str, count: int, seed: int) -> None:
    """Write labelled pictures as microlut reads them."""
    x, y = pictures(count, seed)
    np.savez_compressed(path, x=x, y=y.astype(np.uint8))


def camera(path: str, seed: int = 12) -> None:
    """Write a picture of each shape, one after the other, as a camera of 64x64 pixels sends it."""
    random = np.random.default_rng(seed)
    seen = [picture(name, random).repeat(2, axis=0).repeat(2, axis=1) for name in NAMES]
    Path(path).write_bytes(b"".join(each.tobytes() for each in seen))
