"""docs/reference/python.md: its examples run, and it names every function with its arguments."""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path

import pytest

import microlut
from digits_example import CALIBRATION, MODEL, TEST
from microlut.machine.tools import HOST_CC, find_tool

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs/reference/python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NAMED = {
    name: set(re.findall(r"\w+", arguments)) if arguments else set()
    for row in re.findall(r"^\| `.*$", PAGE.partition("## What")[0], re.MULTILINE)
    for name, arguments in re.findall(r"`(\w+)\(([^`]*)\)`", row)
}


def test_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"the examples build for the host: cc is missing ({HOST_CC.apt_command})")
    for source, name in (
        (MODEL, "net.keras"),
        (CALIBRATION, "calibration.npz"),
        (TEST, "test.npz"),
    ):
        shutil.copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(EXAMPLES) >= 7
    names: dict[str, object] = {}
    for number, example in enumerate(EXAMPLES):
        exec(compile(example, f"python.md, example {number + 1}", "exec"), names)
        assert capsys.readouterr().out.strip(), f"example {number + 1} prints nothing"
    assert names["outcome"].bit_exact
    assert (tmp_path / "fit.svg").is_file()


def test_every_function_has_a_row():
    functions = {name for name in microlut.__all__ if inspect.isfunction(getattr(microlut, name))}
    assert functions == {*NAMED}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_arguments_are_those_that_functions_have(name):
    parameters = inspect.signature(getattr(microlut, name)).parameters
    options = {"bits"} if name == "deploy" else set()
    assert NAMED[name] <= {*parameters} | options


def test_classes_of_the_page_are_in_the_package():
    code = set(re.findall(r"`([A-Z]\w+)`", PAGE))
    assert {"Board", "Conversion", "Samples"} <= code
    assert code <= {*microlut.__all__}
