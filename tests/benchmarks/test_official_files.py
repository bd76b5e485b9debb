"""The benchmark of official int8 files: its draws and its rows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import official_files


def test_draws_leave_out_a_tenth_each():
    inputs = np.arange(40, dtype=np.float32)
    first, *others = official_files.subsets_of(inputs, 4)
    assert np.array_equal(first, inputs)
    assert [len(each) for each in others] == [36] * 3
    assert all((np.diff(each) > 0).all() for each in others)
    assert len({tuple(set(inputs) - set(each)) for each in others}) == 3


def test_row_has_the_mean_and_its_error():
    row = official_files.Row(
        test=official_files.KEYWORDS,
        bits=4,
        calibrated=True,
        samples=400,
        file_top1=92.0,
        top1=(91.0, 92.0, 93.0),
        agreement=(95.0, 96.0, 97.0),
    )
    assert official_files.markdown_row(row) == (
        "| kws_dscnn_int8.tflite | kws01, 400 | 4, calibration | 3 | 92.00 | 92.00 | 0.00 ± 0.58 "
        "| -1.00 to 1.00 | 96.0 |"
    )
