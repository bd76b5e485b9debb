"""The region of preloaded inputs, and their division into parts that fit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from microlut.board.schema import Region
from microlut.errors import InvalidInput, RunFailed
from microlut.running.emulators.preload import chunks, preload_of


def test_chunks_fill_the_region():
    inputs = np.arange(70, dtype=np.int8).reshape(7, 10)
    parts = list(chunks(inputs, Region(origin=0, size=16 + 35)))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert np.array_equal(np.concatenate(parts), inputs)


def test_chunks_refuse_an_input_larger_than_the_region():
    with pytest.raises(InvalidInput, match="an input has 10 bytes and the preload region 25"):
        list(chunks(np.zeros((1, 10), dtype=np.int8), Region(origin=0, size=25)))


def test_preload_of_a_file_without_the_symbols():
    with pytest.raises(RunFailed, match="build the firmware again"):
        preload_of(Path(sys.executable).resolve())
