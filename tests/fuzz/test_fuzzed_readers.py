"""Changed files of all formats: errors that are documented, in bounded time and memory."""

from __future__ import annotations

import zlib
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from reader_mutations import mutated
from reader_seeds import write_seeds
from reader_trials import Trials

from sweeps import in_sweeps


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    if find_spec("tf_keras") is None:  # another process imports it: it has threads
        pytest.skip("needs Keras 2; install it: pip install tf-keras")
    pytest.importorskip("onnx", reason="needs the package onnx: pip install onnx")
    return write_seeds(tmp_path_factory.mktemp("seeds"))


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("count", [150, *in_sweeps(5000)])
def test_changed_files_do_nothing_bad(seeds, tmp_path, monkeypatch, count):
    trials = Trials(seeds, zlib.crc32(b"readers"), tmp_path / "work")
    monkeypatch.chdir(tmp_path)
    outcome = trials.batch(0, count)
    assert outcome.found == []
    assert outcome.tried == count
    assert len(outcome.codes) >= 3  # some are sound, and they are wrong in several ways


@pytest.mark.keras
def test_what_must_not_happen_is_noticed(seeds, tmp_path, monkeypatch):
    trials = Trials(seeds, 0, tmp_path / "work")
    kind, path, content = next(
        trials.content(n) for n in range(99) if trials.content(n)[0] == "board"
    )
    outside = tmp_path / "work" / "left"
    bad = {
        "ZeroDivisionError at": lambda *_: 1 / 0,
        "SIGSEGV": lambda *_: __import__("os").kill(__import__("os").getpid(), 11),
        "takes": lambda *_: bytearray(b"x") * (3 << 29),
        "leaves": lambda *_: outside.touch(),
    }
    for expected, action in bad.items():
        with monkeypatch.context() as patch:
            patch.setattr("reader_trials.load_board", action)
            if expected == "takes":  # whatever tests before it took in this process
                patch.setattr(trials, "_peak", 0)
            assert expected in str(trials.fault(kind, path, content))
        outside.unlink(missing_ok=True)
    monkeypatch.setattr("reader_trials.load_board", lambda *_: None)
    assert trials.fault(kind, path, content) is None


def test_mutations_are_those_of_their_seed(seeds):
    contents = [path.read_bytes() for paths in seeds.values() for path in paths]
    for content in contents:
        first, again = (mutated(content, Random(f"0/{n}"), contents) for n in (5, 5))
        assert first == again or content.startswith(b"PK")  # an archive has the time in it
    changed = sum(
        mutated(content, Random(n), contents) != content for n in range(20) for content in contents
    )
    assert changed > 15 * len(contents)


def test_seeds_are_of_all_formats(seeds):
    endings = {path.suffix for paths in seeds.values() for path in paths}
    assert endings == {
        *(".keras", ".h5", ".pb", ".index", ".tflite", ".onnx", ".npz", ".npy", ".toml", ".json")
    }
    assert all(isinstance(path, Path) for paths in seeds.values() for path in paths)
