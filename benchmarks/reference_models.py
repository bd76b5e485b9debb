"""The reference models of the tables of accuracy, and how their inputs are read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Reference:
    """A model and its inputs.

    Attributes:
        model: Its file below the data's folder, and its name in tables.
        samples: What the names of its files of inputs begin with: .npz files, or .zip files of
            pictures.
        prepare: Makes what the network was trained on from what the files hold.
    """

    model: str
    samples: str
    prepare: Callable[[FloatArray], FloatArray] = lambda x: x

    def calibration(self, data: Path) -> FloatArray:
        """Return the calibration inputs [n, ...]."""
        return self.prepare(_read(data / f"{self.samples}_calibration")[0])

    def test(self, data: Path, limit: int | None = None) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return the test inputs [n, ...] and their classes [n]; `limit` takes the first ones."""
        x, y = _read(data / f"{self.samples}_test")
        assert y is not None
        return self.prepare(x[:limit]), y[:limit]


CIFAR10 = (
    Reference("resnet8_cifar10.h5", "cifar10"),
    Reference("resnet8_cifar10jpeg.keras", "cifar10jpeg"),
)
KEYWORDS = Reference("kws_dscnn_savedmodel", "kws01")
LARGE = (
    Reference("cifar100_resnet32.h5", "cifar100", lambda x: x / np.float32(255)),
    Reference(
        "imagenet_mobilenetv1_025_224.h5",
        "imagenet",
        lambda x: x / np.float32(127.5) - np.float32(1),
    ),
)
REFERENCES = (*CIFAR10, KEYWORDS, *LARGE)


def _read(path: Path) -> tuple[FloatArray, NDArray[np.int64] | None]:
    if path.with_suffix(".zip").exists():
        return _pictures(path.with_suffix(".zip"))
    with np.load(path.with_suffix(".npz")) as file:
        labels = file["y"].astype(np.int64) if "y" in file else None
        return file["x"].astype(np.float32), labels


def _pictures(path: Path) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the pictures of an archive, 0 to 255, and their classes: the numbers of the files."""
    from PIL import Image

    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    classes = np.array([int(Path(name).name[:3]) for name in names], np.int64)
    return np.stack(pictures).astype(np.float32), classes
