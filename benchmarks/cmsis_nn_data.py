"""Read the headers of CMSIS-NN's unit tests: arrays and numbers in C."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ARRAY = re.compile(r"const\s+u?(int\d+)_t\s+(\w+)\s*\[[^\]]*\]\s*=\s*\{(.*?)\}\s*;", re.S)
_DEFINE = re.compile(r"^#define\s+(\w+)\s+(.+?)\s*$", re.M)
_INCLUDE = re.compile(r'#include\s+"(\w+\.h)"')
_REAL = re.compile(r"_f(16|32)(_|$)")
_TRUTH = {"true": 1, "false": 0}
# By the beginning of names: what the cases are of, the first one that fits.
_FAMILIES: Mapping[str, str] = {
    "reverse_transpose_conv": "transposed convolution",
    "transpose_conv": "transposed convolution",
    "transpose": "transpose",
    "depthwise": "depthwise convolution",
    "dw_": "depthwise convolution",
    "fully_connected": "fully connected",
    "fc_": "fully connected",
    "grouped": "grouped convolution",
    "avgpool": "average pool",
    "maxpool": "maximum pool",
    "maximum": "maximum and minimum",
    "minimum": "maximum and minimum",
    "softmax": "softmax",
    "svdf": "SVDF",
    "lstm": "LSTM",
    "batch_matmul": "product of two tensors",
    "pad": "padding",
    "add": "sum",
    "mul": "product",
}


@dataclass(frozen=True)
class Case:
    """A case: its arrays, and its numbers or lists of them, by name without that of the case."""

    name: str
    arrays: Mapping[str, NDArray[np.int64]]
    dtypes: Mapping[str, str]
    numbers: Mapping[str, int | tuple[int, ...]]

    @property
    def family(self) -> str:
        """What it is of."""
        return family(self.name)

    def array(self, *names: str) -> NDArray[np.int64]:
        """Return the array of the first of these names that is there; raise KeyError if none is."""
        return self.arrays[self.key(*names)]

    def key(self, *names: str) -> str:
        """Return the first of these names that an array has; raise KeyError if none has."""
        for name in names:
            if name in self.arrays:
                return name
        raise KeyError(names[0])

    def number(self, name: str, default: int | None = None) -> int:
        """Return a number; raise KeyError if it is not there and has no default."""
        found = self.numbers[name] if default is None else self.numbers.get(name, default)
        assert isinstance(found, int)
        return found


def family(name: str) -> str:
    """Return what a case is of, by its name."""
    found = (what for begin, what in _FAMILIES.items() if name.startswith(begin))
    return next(found, "convolution")


def read(folder: Path) -> Case | None:
    """Return the case in a folder; None if it is one of real numbers, or of a whole network."""
    main = folder / "test_data.h"
    if _REAL.search(folder.name) or not main.exists() or not (folder / "config_data.h").exists():
        return None
    included = _INCLUDE.findall(main.read_text(encoding="utf-8"))
    texts = [(folder / name).read_text(encoding="utf-8") for name in included]
    arrays: dict[str, NDArray[np.int64]] = {}
    dtypes: dict[str, str] = {}
    numbers: dict[str, int | tuple[int, ...]] = {}
    for text in texts:
        for dtype, name, values in _ARRAY.findall(text):
            key = name.removeprefix(f"{folder.name}_")
            arrays[key] = np.array(re.findall(r"-?\d+", values), np.int64)
            dtypes[key] = dtype
        for name, value in _DEFINE.findall(text.replace("\\\n", " ")):
            found = re.findall(r"-?\d+", value)
            key = name.removeprefix(f"{folder.name.upper()}_")
            if value.startswith("{"):
                numbers[key] = tuple(map(int, found))
            elif value in _TRUTH:
                numbers[key] = _TRUTH[value]
            elif re.fullmatch(r"\(?-?\d+\)?", value):
                numbers[key] = int(found[0])
    return Case(folder.name, arrays, dtypes, numbers)
