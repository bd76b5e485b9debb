"""The benchmark of CMSIS-NN's unit tests, on cases that are made here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.weights import QuantizedWeights

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import case_records
import cmsis_nn_cases as bench
from cmsis_nn_lstm import GivenLstm
from cnn_operators import CNN, is_cnn
from documents import read_table

_BATCHES = 2
CELL = {
    "CELL_SCALE_POWER": -9,
    "FORGET_TO_CELL_MULTIPLIER": 1 << 30,
    "FORGET_TO_CELL_SHIFT": -14,
    "INPUT_TO_CELL_MULTIPLIER": 1197688178,
    "INPUT_TO_CELL_SHIFT": -20,
}


def dense_case(root: Path, name: str, wrong: int = 0, filter_offset: int = 0) -> None:
    """Write a fully connected layer as the unit tests have it; `wrong` is added to an output."""
    rng = np.random.default_rng(list(name.encode()))
    inputs, units, in_offset, out_offset = 7, 5, 12, -9
    x = rng.integers(-128, 128, (_BATCHES, inputs))
    weights = rng.integers(-128, 128, (units, inputs))
    bias, factor = rng.integers(-999, 999, units), quantize_multiplier(0.0021)
    total = (x + in_offset) @ (weights + filter_offset).T + bias
    made = np.clip(multiply(total, factor.multiplier, factor.shift) + out_offset, -128, 127)
    made[0, 0] += wrong
    arrays = {"input": x, "weights": weights, "biases": bias, "output_ref": made}
    numbers = {
        "OUT_CH": units,
        "IN_CH": inputs,
        "INPUT_OFFSET": in_offset,
        "FILTER_OFFSET": filter_offset,
        "OUTPUT_OFFSET": out_offset,
        "OUTPUT_MULTIPLIER": factor.multiplier,
        "OUTPUT_SHIFT": factor.shift,
        "OUT_ACTIVATION_MIN": -128,
        "OUT_ACTIVATION_MAX": 127,
    }
    write(root, name, arrays, numbers)


def write(
    root: Path, name: str, arrays: dict[str, np.ndarray], numbers: dict[str, int], kind: str = "8"
) -> None:
    folder = root / "Tests/UnitTest/TestCases/TestData" / name
    folder.mkdir(parents=True)
    lines = [f"#define {name.upper()}_{key} {value}" for key, value in numbers.items()]
    (folder / "config_data.h").write_text("\n".join(lines) + "\n")
    for key, values in arrays.items():
        dtype = "32" if key == "biases" else kind
        texts = ", ".join(map(str, np.ravel(values).tolist()))
        text = f"const int{dtype}_t {name}_{key}[{values.size}] =\n    {{{texts}}};\n"
        (folder / f"{key}_data.h").write_text(text)
    names = ["config_data", *(f"{key}_data" for key in arrays)]
    text = "".join(f'#include "{each}.h"\n' for each in names)
    (folder / "test_data.h").write_text(text)


def test_cases_are_equal_different_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dense_case(tmp_path, "fully_connected")
    dense_case(tmp_path, "fully_connected_wrong", wrong=-1)
    dense_case(tmp_path, "fully_connected_w_zp", filter_offset=-15)
    write(tmp_path, "svdf", {"input": np.zeros(3, int)}, {"RANK": 1})
    write(tmp_path, "lstm_s16", {"input_tensor": np.zeros(3, int)}, CELL, kind="16")
    write(tmp_path, "add_f32", {"input": np.zeros(3, int)}, {})
    page = tmp_path / "page.md"
    page.write_text(f"<!-- made by benchmarks/{bench.SCRIPT} -->\n<!-- end -->\n")
    monkeypatch.setattr(bench, "PAGE", page)
    monkeypatch.setattr(case_records, "RESULTS", tmp_path)
    monkeypatch.setattr(case_records, "PAGE", tmp_path / "models.md")
    assert bench.main([str(tmp_path), "--write"]) == 0  # the difference is one of the case
    records = case_records.load(bench.SUITE)
    assert {name: (record.status, record.reason) for name, record in records.items()} == {
        "fully_connected": ("equal", ""),
        "fully_connected_w_zp": ("equal", ""),
        "fully_connected_wrong": ("different", "1 of 10 values differ, by 1 at most"),
        "lstm_s16": (
            "refused",
            "scales its cell state by other multipliers than those of its power of two",
        ),
        "svdf": ("refused", "there is no SVDF"),
    }
    assert "| fully connected | 2 | 1 |" in page.read_text()


def test_other_bytes_of_c_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dense_case(tmp_path, "fully_connected")
    ran = bench.run_batch
    monkeypatch.setattr(bench, "run_batch", lambda *given: [y ^ 1 for y in ran(*given)])
    assert bench.main([str(tmp_path)]) == 1


def test_lstm_has_the_multipliers_of_the_case():
    own, hidden = (tuple(quantize_multiplier(0.001 * (n + i)) for i in range(4)) for n in (1, 5))
    made = quantize_multiplier(0.3)
    source, output = (Tensor(n, (2, 3), "int8", Quantization(0.1, 0)) for n in "xy")
    weights = QuantizedWeights(
        (12, 6), 8, np.ones((12, 6), np.uint8), None, np.ones(12, np.float32)
    )
    bias = np.zeros(12, np.int32)
    op = GivenLstm(
        *(weights, (1.0,) * 4, bias, bias, "lstm", -12, True, False, False),
        of_gates=(own, hidden),
        of_hidden=made,
    )
    assert op.factors(source, output) == (own, hidden)
    assert op.parameters(source, output).made == made


def test_cnn_is_what_convolutional_networks_have():
    assert is_cnn(["Conv", "Relu", "Constant"])
    assert not is_cnn(["Constant"])
    assert not is_cnn([])
    assert not is_cnn(["Conv", "LSTM"])
    assert {"MaxPool", "QLinearConv", "ReduceMean", "Resize"} < CNN


def test_page_is_what_the_records_say():
    wanted = bench.text(case_records.load(bench.SUITE)).rstrip()
    assert read_table(bench.PAGE, bench.SCRIPT).rstrip() == wanted
