"""The Python part on Windows: as far as this system can look like one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import on_windows
import pytest


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Return what on_windows.py prints, and its messages."""
    folder = tmp_path_factory.mktemp("windows")
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", on_windows.__file__, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(on_windows.CHECKOUT / "converter")},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_every_module_can_be_imported(seen):
    result, _ = seen
    assert result["failed"] == {}


@pytest.mark.parametrize("verb", ["analyze", "convert", "again", "report", "export", "boards"])
def test_verb_works(seen, verb):
    result, messages = seen
    assert result[verb] == 0, messages


def test_conversion_leaves_nothing_beside_it(seen):
    result, _ = seen
    assert result["left"] == ["exported", "out"]


def test_damaged_file_is_refused_by_one_line(seen):
    result, messages = seen
    assert result["damaged"] == 2
    assert f"microlut: {Path(on_windows.__file__)}: neither a zip nor an HDF5 file" in messages


@pytest.mark.parametrize("verb", ["build", "run"])
def test_what_needs_another_system_says_so(seen, verb):
    result, messages = seen
    assert result[verb] == 2
    assert messages.count("building firmware is not possible on Windows; use Linux, macOS") == 2
