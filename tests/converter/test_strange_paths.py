"""Paths with characters that shells, CMake, TOML and terminals read: all verbs, whole runs.

Each path either works or is refused by one line before anything takes long, and nothing is left
but what a verb was asked for.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import numpy as np
import pytest

import command_line
from command_line import Answer
from stored_models import stored, write_h5

NAMES = {
    "semicolon": "a;b",
    "quotes": "a\"b'c",
    "backslash": "a\\b",
    "newline": "a\nb",
    "variable": "a$HOME ${x} $(touch hit) `touch hit`",
    "spaces": " a  b ",
    "dash": "-lead",
    "not utf-8": os.fsdecode(b"a\xff\xfeb"),
    "longest": "n" * 255,
    "escape": "a\x1b[31mb",
    "others": "a#b%s&|<>*?[x]{y}~!,:=@^é字",
}


call = command_line.call  # a fixture


def write_model(path: Path) -> Path:
    """Write a dense layer with a softmax; the name of the file may be one HDF5 does not take."""
    rng = np.random.default_rng(0)
    arrays = {"kernel": rng.normal(0, 1, (4, 3)), "bias": rng.normal(0, 1, 3)}
    layer = stored("Dense", "scores", arrays, units=3, activation="softmax")
    plain = write_h5(path.parent.parent / "plain.h5", (4,), [layer])
    return plain.replace(path)


def make_place(name: str, parent: Path) -> Path:
    """Return a folder of that name with a model of that name, and inputs."""
    folder = parent / name
    folder.mkdir()
    write_model(folder / f"{name[:-3] if len(name) > 250 else name}.h5")
    x = np.random.default_rng(1).normal(0, 1, (8, 4)).astype(np.float32)
    np.savez(folder / "x.npz", x=x)
    return folder


@pytest.fixture(params=NAMES.values(), ids=list(NAMES))
def place(request, tmp_path, monkeypatch) -> Path:
    folder = make_place(request.param, tmp_path)
    monkeypatch.chdir(folder)
    return folder


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_verbs_without_a_compiler(place, call):
    (model,) = place.glob("*.h5")
    inside, samples, name = place / "net", place / "x.npz", place.name[:200]
    there = entries(place)
    for arguments, made in (
        (("analyze", model, "--board", "host"), None),
        (("convert", model, "-o", inside, "--calibration", samples, "--bits", 8), "net"),
        (("report", inside, "-o", place / f"{name}.html"), f"{name}.html"),
        (("report", inside, "--inputs", samples, "-o", place / "p.md"), "p.md"),
        (("export", inside, "--to", "cmake", "-o", place / f"{name} lib"), f"{name} lib"),
    ):
        done = call(*arguments)
        assert done.code == 0, done.err
        there |= {made} if made else set()
        assert entries(place) == there, arguments
    assert not list(place.parent.rglob("hit"))  # no shell has read a path


def init(call, model: Path, board: str) -> Answer:
    place = model.parent
    return call(
        *("init", model, "--board", board, "--calibration", place / "x.npz"),
        *("--inputs", place / "x.npz", "--output", place / "my.toml"),
        *("--deploy-to", place / "out"),
    )


def test_init_writes_the_path_or_says_why_not(place, call):
    (model,) = place.glob("*.h5")
    there = entries(place)
    done = init(call, model, "host")
    if "\udcff" in place.name:  # a configuration file is UTF-8
        assert done.code == 2
        assert "is not UTF-8" in done.err and len(done.err.strip().splitlines()) == 1
        assert entries(place) == there
        return
    assert done.code == 0, done.err
    assert entries(place) == there | {"my.toml"}
    written = tomllib.loads((place / "my.toml").read_text(encoding="utf-8"))
    assert Path(place, written["project"]["model"]) == model


def test_relative_path_that_begins_with_a_dash(tmp_path, call, monkeypatch):
    folder = make_place("-lead", tmp_path)
    monkeypatch.chdir(folder)
    done = call("analyze", "-lead.h5", "--board", "host")
    assert done.code == 2  # an option that there is not
    assert "No such option" in done.err and "Traceback" not in done.err
    for path in ("./-lead.h5", *(("--", "-lead.h5"),)):
        words = (path,) if isinstance(path, str) else path
        done = call("analyze", "--board", "host", *words)
        assert done.code == 0, done.err


ALL = "a;b \"c\" 'd' \\ $(touch hit) `touch hit` #%s&|<>*? é -x"


@pytest.mark.parametrize(
    ("name", "board"),
    [
        (ALL + "\n", "host"),
        pytest.param(ALL, "mps2-an386", marks=pytest.mark.qemu),
        *(
            pytest.param(name, board, marks=(pytest.mark.sweep, pytest.mark.qemu))
            for name in NAMES.values()
            for board in ("host", "mps2-an386")
        ),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_deploy_build_and_run(name, board, tmp_path, call, monkeypatch):
    place = make_place(name, tmp_path)
    monkeypatch.chdir(place)
    (model,) = place.glob("*.h5")
    out, samples = place / "out", place / "x.npz"
    there = entries(place)
    done = call("deploy", model, "--board", board, "-o", out, "--bits", 8, "--calibration", samples)
    assert done.code == 0, done.err
    done = call("run", out, "--board", board, "--inputs", samples)
    assert done.code == 0, done.err
    assert entries(place) - there == {"out"}
    assert entries(out / "build") == {board}
    made = {Path(each).suffix for each in entries(out / "build" / board)}
    assert made <= {".elf", ".json", ".map", ".bin", ".hex"}
    assert not list(tmp_path.rglob("hit"))


def test_configuration_of_such_a_path_deploys(tmp_path, call, monkeypatch):
    place = make_place(ALL + "\n", tmp_path)
    monkeypatch.chdir(place)
    (model,) = place.glob("*.h5")
    assert init(call, model, "host").code == 0
    done = call("deploy", "--config", place / "my.toml")
    assert done.code == 0, done.err
    assert entries(place / "out" / "build") == {"host"}
