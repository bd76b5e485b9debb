"""Errors name options as they were typed, and sizes may have units."""

from __future__ import annotations

import numpy as np
import pytest

import command_line
from digits_example import MODEL

call = command_line.call  # a fixture
RANGE = ("--input-range", "0", "16")
X = "x.npz"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(X, x=np.random.default_rng(0).uniform(0, 16, (20, 8, 8, 1)))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--max-ram", "1k"), 5, "--max-ram is 1,024"),
        (("--max-ram", "1kb"), 2, "'--max-ram': found '1kb'; give a number of bytes"),
        (("--flash-budget", "1k"), 2, "1,024 bytes cannot hold the weights, which take "),
        (("--flash-budget", "100"), 2, "100 bytes cannot hold the weights, which take"),
        (("--flash-budget", "-132"), 2, "'--flash-budget': found '-132'; give a number of bytes"),
        (("--average-bits", "9"), 2, "microlut: --average-bits: found 9.0; it has to be less"),
        (("--min-snr=500",), 2, "microlut: --min-snr: found 500.0; it has to be less"),
        (("--max-drop", "-1"), 2, "microlut: --max-drop: found -1.0; it has to be greater"),
        (("--bits", "9"), 2, "microlut: --bits is 9; give 2 to 8"),
        (("--activations", "12"), 2, "microlut: --activations is 12; give the bits"),
        (("--sparsity", "2"), 2, "microlut: --sparsity is 2.0; give a number from 0 to 0.95"),
        (("--stream", "7"), 2, "microlut: --stream is 7, but input image has shape"),
        (("--input-range", "9", "1"), 2, "microlut: --input-range is 9 to 1; give a smallest"),
        (("--bits", "4", "--flash-budget", "3k"), 2, "--bits and --flash-budget are both given"),
        (
            ("--max-drop", "1", "--average-bits", "3"),
            2,
            "--average-bits and --max-drop are both given; give one of them",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_conversions_name_the_option_that_was_typed(call, options, code, said):
    given = RANGE if "--input-range" not in options else ()
    answer = call("convert", MODEL, "-o", "out", *given, *options)
    assert (answer.code, said in answer.err) == (code, True), answer.err
    assert "budget." not in answer.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("search", MODEL, "--calibration", X, "--jobs", "0"), "--jobs is 0; give how many"),
        (("search", MODEL, "--calibration", X, "--max-drop", "200"), "--max-drop: found 200.0"),
        (("search", MODEL, "--calibration", X, "--cluster", "host"), "--cluster is 'host'; give"),
        (("tune", MODEL, "-o", "out", "--data", X, "--epochs", "0"), "--epochs is 0; give at"),
        (("tune", MODEL, "-o", "out", "--data", X, "--rate", "-1"), "--rate is -1.0; give a"),
    ],
    ids=lambda value: " ".join(map(str, value[-2:])) if isinstance(value, tuple) else None,
)
def test_other_verbs_do_so_too(call, command, said):
    answer = call(*command)
    assert (answer.code, f"microlut: {said}" in answer.err) == (2, True), answer.err


def test_what_a_file_says_wrongly_is_named_as_the_file_has_it(call, tmp_path):
    (tmp_path / "microlut.toml").write_text("[budget]\naverage_bits = 9\n")
    answer = call("convert", MODEL, "-o", "out", *RANGE)
    assert answer.code == 2
    assert "microlut.toml: budget.average_bits: found 9" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit", str(MODEL), "--bits", "1"), "--bits is 1; give 2 to 8"),
        (("fit", str(MODEL), "--bits", "9"), "--bits is 9; give 2 to 8"),
        (("verify", "out", "--inputs", X, "--limit", "0"), "--limit is 0; give 1 or more"),
        (("run", "out", "--inputs", X, "--limit", "-3"), "--limit is -3; give 1 or more"),
        (
            ("verify", "out", "--inputs", X, "--emulator-limit", "0"),
            "--emulator-limit is 0; give 1 or more",
        ),
        (("monitor", "--port", "p", "--baud", "0"), "--baud is 0; give 1 or more"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_bounds_are_told_in_one_form(call, arguments, said):
    answer = call(*arguments)
    assert (answer.code, answer.err.strip()) == (2, f"microlut: {said}")
