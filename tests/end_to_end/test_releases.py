"""Models that earlier releases converted: docs/STABILITY.md says what holds for them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import microlut
from microlut.codegen.render import ABI
from microlut.errors import MicrolutError
from microlut.integer.evaluate import evaluate
from microlut.integer.file import load
from microlut.integer.values import quantized_inputs

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RELEASES = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
MESSAGE = "generated for another version of the microlut engine: regenerate it"

pytestmark = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)


def abi_of(release: Path) -> int:
    (number,) = re.findall(r"MLUT_ABI != (\d+)", (release / "model.h").read_text(encoding="utf-8"))
    return int(number)


def answers(release: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(release / "answers.npz") as file:
        return file["x"], file["outputs"]


def test_arithmetic_is_that_of_the_release(release):
    if abi_of(release) != ABI:
        pytest.skip("another MLUT_ABI may be another arithmetic")
    x, expected = answers(release)
    graph = load(release / "model.json")
    found = evaluate(graph, quantized_inputs(graph, x)).reshape(expected.shape)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(expected, axis=0)) > 4  # or any constant would do


def test_firmware_still_gives_the_bytes_of_the_release(release, tmp_path):
    copy = Path(shutil.copytree(release, tmp_path / "net"))
    if abi_of(release) != ABI:
        with pytest.raises(MicrolutError, match=MESSAGE):
            microlut.build(copy, "host")
        return
    x, expected = answers(release)
    outcome = microlut.run(copy, "host", x)
    assert outcome.bit_exact
    np.testing.assert_array_equal(outcome.outputs, expected)


def test_another_engine_is_refused_with_the_documented_message(release, tmp_path):
    copy = Path(shutil.copytree(release, tmp_path / "net"))
    header = (copy / "model.h").read_text(encoding="utf-8")
    (copy / "model.h").write_text(header.replace(f"MLUT_ABI != {abi_of(release)}", "MLUT_ABI != 1"))
    with pytest.raises(MicrolutError, match=MESSAGE):
        microlut.build(copy, "host")


def test_report_names_the_release(release):
    assert microlut.read(release).report["microlut"] == release.name


def test_this_version_has_its_fixture(release):
    assert (FIXTURES / microlut.__version__ / "answers.npz").is_file(), (
        "run scripts/make_release_fixture.py for the new version"
    )
