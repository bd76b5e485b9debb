"""Load sample inputs and labels from `.npz` and `.npy` files and from arrays.

Files are never unpickled.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.ir import FloatArray, Shape

_INPUTS, _LABELS = "x", "y"
_BEYOND_RANGE = 0.25  # share of values outside the calibrated range; real data have fewer
_FEWEST_STEPS = 2  # of the input's 255; with fewer, all values quantize to one or two numbers
_MANY_SAMPLES = 8
_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs `x` [samples, *input_shape] and, where known, class numbers `y` [samples]."""

    x: FloatArray
    y: NDArray[np.int64] | None

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.x)


def load_samples(path: Path | str, input_shape: Shape, limit: int | None = None) -> Samples:
    """Return the samples in a file.

    Args:
        path: An `.npz` with array `x` (or one single array) and optionally `y`, or an `.npy`.
        input_shape: The model's, without the batch dimension; a missing channel dimension of 1
            is added.
        limit: Number of samples to load; all by default.

    Raises:
        InvalidInput: The file is missing or damaged, or its arrays do not fit the model.
    """
    source = Path(path)
    arrays = _read(source)
    x = _inputs(arrays, str(source))
    return _checked(x, arrays.get(_LABELS), input_shape, limit, str(source))


def as_samples(
    x: NDArray[np.generic],
    input_shape: Shape,
    y: NDArray[np.generic] | None = None,
    limit: int | None = None,
) -> Samples:
    """Return samples from arrays, checked as `load_samples` does.

    Raises:
        InvalidInput: The arrays do not fit the model.
    """
    labels = None if y is None else np.asarray(y)
    return _checked(np.asarray(x), labels, input_shape, limit, "samples")


def _read(path: Path) -> Mapping[str, NDArray[np.generic]]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise InvalidInput(f"{path}: {what}; give samples as .npz with array x, or as .npy")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {_INPUTS: loaded}
        with loaded:
            # Only the arrays in use are read: the file may have more.
            names = [n for n in (_INPUTS, _LABELS) if n in loaded.files]
            others = [n for n in loaded.files if n != _LABELS]
            if _INPUTS not in names and len(others) == 1:
                names.append(others[0])
            return {name: loaded[name] for name in names}
    except _DAMAGE as error:
        text = " ".join(str(error).split())[:200]
        reason = "it holds Python objects or is no NumPy file" if "pickle" in text else text
        raise InvalidInput(
            f"{path}: cannot be read as .npz or .npy ({reason}); write it with "
            "numpy.savez(path, x=inputs, y=labels), without Python objects"
        ) from error


def _inputs(arrays: Mapping[str, NDArray[np.generic]], source: str) -> NDArray[np.generic]:
    if _INPUTS in arrays:
        return arrays[_INPUTS]
    others = [array for name, array in arrays.items() if name != _LABELS]
    if len(others) != 1:
        raise InvalidInput(
            f"{source}: has no array x; write it with numpy.savez(path, x=inputs, y=labels)"
        )
    return others[0]


def _checked(
    x: NDArray[np.generic],
    y: NDArray[np.generic] | None,
    input_shape: Shape,
    limit: int | None,
    source: str,
) -> Samples:
    if limit is not None and limit < 1:
        raise InvalidInput(f"{source}: {limit} samples asked for; ask for at least 1")
    if x.dtype.kind not in "fiub":
        raise InvalidInput(f"{source}: x has type {x.dtype}; expected real numbers")
    if x.shape[1:] != input_shape and (*x.shape[1:], 1) == input_shape and x.ndim > 0:
        x = x[..., np.newaxis]
    if x.ndim == 0 or x.shape[1:] != input_shape or len(x) == 0:
        expected = ", ".join(map(str, input_shape))
        raise InvalidInput(
            f"{source}: x has shape {list(x.shape)}; the model expects [samples, {expected}] with "
            "at least one sample"
        )
    labels = None if y is None else _class_numbers(y, len(x), source)[:limit]
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(x[:limit], dtype=np.float32)
    if not np.isfinite(values).all():
        raise InvalidInput(
            f"{source}: x holds NaN, infinite or too large values for float32; "
            "remove or repair those samples"
        )
    return Samples(values, labels)


def _class_numbers(y: NDArray[np.generic], count: int, source: str) -> NDArray[np.int64]:
    """Return labels as int64; Keras's data sets have columns [samples, 1]."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (count,):
        raise InvalidInput(
            f"{source}: y has shape {list(y.shape)}; expected one class number for each of the "
            f"{count} samples (for one-hot labels use y.argmax(axis=-1))"
        )
    if y.dtype.kind not in "iufb" or not np.isfinite(y).all() or (y != np.floor(y)).any():
        raise InvalidInput(f"{source}: y has type {y.dtype}; expected integer class numbers")
    if y.min() < 0 or y.max() >= 1 << 31:
        raise InvalidInput(f"{source}: y holds {y.min()} to {y.max()}; expected class numbers >= 0")
    return y.astype(np.int64)


def check_scaled_alike(x: FloatArray, low: float, high: float) -> None:
    """Raise InvalidInput if inputs [n, ...] have another scale than the calibration inputs.

    Args:
        x: Inputs to run.
        low: Lower end of the calibrated range.
        high: Upper end of the calibrated range.
    """
    if not scaled_alike(x, low, high):
        raise InvalidInput(
            f"inputs span {x.min():g} to {x.max():g}, but the model was calibrated with inputs "
            f"from {low:g} to {high:g}; scale them like the calibration inputs"
        )


def scaled_alike(x: FloatArray, low: float, high: float) -> bool:
    """Return whether inputs [n, ...] may have the range `low` to `high`.

    Some values beyond it are normal, and saturate. But images of 0 to 255 for a range of 0 to 1, or
    the other way round, would run and give nonsense.
    """
    beyond = float(np.mean((x < low) | (x > high)))
    step = (high - low) / 255
    # One dark image may be almost uniform; many are not.
    flat = len(x) >= _MANY_SAMPLES and float(np.ptp(x)) < _FEWEST_STEPS * step
    return beyond <= _BEYOND_RANGE and not flat
