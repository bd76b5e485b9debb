"""Model files are read in a process of its own, which is confined."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from microlut.errors import InvalidInput, Obstacle, UnsupportedModel
from microlut.importers import apart, files
from microlut.importers.apart import answers, confined, processes, seccomp
from microlut.importers.keras.config import KerasModel

needs_seccomp = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.uname().machine not in seccomp._PROCESSORS,
    reason="not tested: seccomp is Linux's, on x86-64 and AArch64",
)


@pytest.fixture
def forks(monkeypatch):
    """Let a fork do the work, though TensorFlow may have been imported by another test."""
    monkeypatch.setattr(processes, "_may_fork", lambda: True)


def run_in_reader(monkeypatch, path: Path, action):
    """Return what `apart.read` makes of a reader that does something else instead."""
    monkeypatch.setattr(files, "read", lambda path, custom: action())
    return apart.read(path)


def empty(*obstacles: Obstacle) -> KerasModel:
    return KerasModel({"class_name": "Functional"}, {}, "m", obstacles)


@needs_seccomp
@pytest.mark.parametrize(
    "action",
    [
        lambda folder: (folder / "new").write_text("x"),
        lambda folder: (folder / "new").touch(),
        lambda folder: (folder / "old").unlink(),
        lambda folder: (folder / "old").rename(folder / "new"),
        lambda folder: (folder / "old").chmod(0o777),
        lambda folder: (folder / "new").mkdir(),
        lambda folder: (folder / "new").symlink_to("old"),
        lambda folder: os.truncate(folder / "old", 0),
        lambda folder: os.open(folder / "old", os.O_RDONLY | os.O_CREAT),
        lambda folder: socket.socket(),
        lambda folder: socket.socketpair(),
        lambda folder: os.fork(),
        lambda folder: os.execv("/bin/true", ["true"]),
        lambda folder: os.kill(os.getppid(), 0),
        lambda folder: threading.Thread(target=int).start(),
        lambda folder: subprocess.run(["true"], check=False),
    ],
)
def test_reader_neither_writes_nor_runs_nor_reaches_anything(forks, monkeypatch, tmp_path, action):
    (tmp_path / "old").write_text("kept")

    def tried() -> KerasModel:
        try:
            action(tmp_path)
        except (OSError, RuntimeError) as error:
            return empty(Obstacle("", "", str(error), ""))
        return empty()

    found = run_in_reader(monkeypatch, tmp_path / "old", tried)
    (obstacle,) = found.obstacles
    assert "not permitted" in obstacle.found or "can't start new thread" in obstacle.found
    assert [each.name for each in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "kept"


def test_reader_has_no_open_file_of_its_parent(forks, monkeypatch, tmp_path):
    with (tmp_path / "log").open("w") as log:

        def tried() -> KerasModel:
            try:
                os.write(log.fileno(), b"x")
            except OSError as error:
                return empty(Obstacle("", "", str(error), ""))
            return empty()

        assert "Bad file" in run_in_reader(monkeypatch, tmp_path / "m", tried).obstacles[0].found
    assert (tmp_path / "log").read_text() == ""


def test_reader_that_does_not_end_is_stopped_by_its_processor_time(forks, monkeypatch, tmp_path):
    monkeypatch.setattr(confined, "_SECONDS", 1)
    start = time.monotonic()
    with pytest.raises(InvalidInput, match=r"m: reading it has not ended after \d+ s"):
        run_in_reader(monkeypatch, tmp_path / "m", lambda: [None for _ in iter(int, 1) if _])
    assert time.monotonic() - start < 60


def test_reader_that_waits_is_stopped_by_the_clock(forks, monkeypatch, tmp_path):
    monkeypatch.setattr(confined, "_SECONDS", 1)
    monkeypatch.setattr(confined, "_WAITING", 0.5)
    with pytest.raises(InvalidInput, match="has not ended after"):
        run_in_reader(monkeypatch, tmp_path / "m", lambda: time.sleep(1000))


def test_reader_that_crashes_is_a_damaged_file(forks, monkeypatch, tmp_path):
    with pytest.raises(InvalidInput, match=r"m: cannot be read .*crashes.*damaged"):
        run_in_reader(monkeypatch, tmp_path / "m", lambda: os.abort())


def test_reader_that_takes_much_memory_is_refused(forks, monkeypatch, tmp_path):
    with pytest.raises(InvalidInput, match="m: reading it takes too much memory"):
        run_in_reader(monkeypatch, tmp_path / "m", lambda: np.ones(1 << 32))


def test_fault_of_the_reader_is_shown(forks, monkeypatch, tmp_path):
    with pytest.raises(RuntimeError, match="division by zero"):
        run_in_reader(monkeypatch, tmp_path / "m", lambda: 1 / 0)


def test_answer_without_room_is_told(forks, monkeypatch, tmp_path):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(answers.Packing, "write", full)
    with pytest.raises(InvalidInput, match="m: there is no room for what it holds"):
        run_in_reader(monkeypatch, tmp_path / "m", empty)


def test_obstacles_of_an_error_come_along(forks, monkeypatch, tmp_path):
    obstacle = Obstacle("d", "layer 'd'", "found", "advice", damaged=True)

    def refuse() -> None:
        error = UnsupportedModel("m: not supported \ud800")
        error.obstacles = (obstacle,)
        raise error

    with pytest.raises(UnsupportedModel, match="m: not supported") as caught:
        run_in_reader(monkeypatch, tmp_path / "m", refuse)
    assert caught.value.obstacles == (obstacle,)


# --- the process that forks


@pytest.fixture
def helper(monkeypatch):
    """Take the helper process, whichever threads there are; it ends with the test."""
    monkeypatch.setattr(processes, "_may_fork", lambda: False)
    monkeypatch.setattr(processes, "_HELPERS", [])
    yield processes._HELPERS
    for each in processes._HELPERS:
        each.end()


DIGITS = Path(__file__).parents[3] / "examples" / "digits" / "digits.keras"


def test_helper_reads_what_a_fork_reads(helper, monkeypatch):
    by_helper = apart.read(DIGITS)
    (first,) = helper
    monkeypatch.setattr(processes, "_may_fork", lambda: True)
    by_fork = apart.read(DIGITS)
    assert by_helper.config == by_fork.config
    assert by_helper.weights.keys() == by_fork.weights.keys()
    for path, arrays in by_fork.weights.items():
        for own, other in zip(arrays, by_helper.weights[path], strict=True):
            np.testing.assert_array_equal(own, other, strict=True)
    monkeypatch.setattr(processes, "_may_fork", lambda: False)
    apart.read(DIGITS)
    assert helper == [first]  # one for all files


def test_helper_takes_relative_paths_from_here(helper, monkeypatch, tmp_path):
    with pytest.raises(InvalidInput, match="no such file"):
        apart.read(Path("digits.keras"))
    monkeypatch.chdir(DIGITS.parent)
    assert apart.read(Path("digits.keras")).weights


def test_helper_survives_readers_that_do_not(helper, monkeypatch, tmp_path):
    crash = "files.read = lambda path, custom: custom and os.abort() or time.sleep(1000)"
    command = (
        f"import os, time; from microlut.importers import apart, files; {crash}; apart.serve()"
    )
    monkeypatch.setattr(processes, "_COMMAND", command)
    monkeypatch.setattr(confined, "_WAITING", 0.1)
    with pytest.raises(InvalidInput, match="has not ended after"):
        apart.read(tmp_path / "m")
    monkeypatch.setattr(confined, "_WAITING", 100)
    with pytest.raises(InvalidInput, match="crashes"):
        apart.read(tmp_path / "m", {"a": "b"})
    assert len(helper) == 1


def test_helper_that_was_killed_is_started_again(helper):
    apart.read(DIGITS)
    helper[0].process.kill()
    helper[0].process.wait()
    assert apart.read(DIGITS).weights


def test_helper_ends_with_its_process(tmp_path):
    code = """
        import sys, threading
        from pathlib import Path
        from microlut.importers import apart
        from microlut.importers.apart import processes
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        apart.read(Path(sys.argv[1]))
        print(processes._HELPERS[0].process.pid)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(DIGITS)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pid = int(done.stdout)
    for _ in range(200):
        try:
            ended = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            ended = True
        if ended:
            return
        time.sleep(0.05)
    pytest.fail("the helper process goes on")


# --- answers


def test_answer_holds_arrays_once_and_as_they_were(tmp_path):
    shared = np.arange(6, dtype="<f4").reshape(2, 3)
    given = [shared, shared, shared[1:], shared.T, np.zeros((0, 3), "i8"), np.float16(2),
             np.arange(3, dtype=">i2"), np.array([True, False])]  # fmt: skip
    packing = answers.Packing()
    numbers = [packing.add(each) for each in given]
    number = processes.answer_file()
    packing.write(number, {"of": numbers, "text": "\ud800"})
    content, arrays = answers.unpacked(number)
    assert content == {"of": list(range(len(given))), "text": "\ud800"}
    for own, other in zip(given, arrays, strict=True):
        np.testing.assert_array_equal(other, own)
        assert other.dtype == np.asarray(own).dtype
    assert np.shares_memory(arrays[0], arrays[1])
    os.close(number)


@pytest.mark.parametrize(
    ("dtype", "shape", "place"),
    [("|O8", [1], 0), ("<U4", [1], 0), ("<f4", [-1], 0), ("<f4", [1 << 40], 0), ("<f4", [1], -8),
     ("<f4", [1], 1 << 30)],
)  # fmt: skip
def test_answer_with_a_strange_array_is_refused(dtype, shape, place):
    packing = answers.Packing()
    packing.add(np.zeros(4, np.float32))
    packing._arrays[0] = [dtype, shape, place]
    number = processes.answer_file()
    packing.write(number, None)
    with pytest.raises(ValueError, match=r"array|buffer|offset"):
        answers.unpacked(number)
    os.close(number)


def test_layers_that_share_an_array_go_on_sharing_it(forks, monkeypatch, tmp_path):
    array = np.ones(3, np.float32)
    model = KerasModel({}, {("a",): (array,), ("b",): (array, array + 1)}, "m")
    found = run_in_reader(monkeypatch, tmp_path / "m", lambda: model)
    assert found.weights["a",][0] is found.weights["b",][0]
