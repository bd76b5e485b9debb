"""The Renode runner: its script, and its judgement of runs that a stand-in for Renode plays."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.board.board import load_board
from microlut.board.schema import Emulators, Region, RenodeEmulator
from microlut.errors import InvalidBoard, InvalidInput, RunFailed, ToolMissing
from microlut.machine import tools
from microlut.running.emulators import Task, chunks, renode, run_image

INPUTS = np.arange(12, dtype=np.int8).reshape(2, 6)
PRELOAD = Region(origin=0x21000000, size=0x1000)

# What a good run leaves: console, counts, and the log on standard output.
CONSOLE = "m-init-done\r\nm-ready\r\nm-output-0102\r\nm-output-03ff\r\nm-ready\r\n"
COUNTS = "123\n456\n"
LOG = "Renode, version 1.16.1 (abc)\n12:00:00.0 [INFO] machine: Machine started.\n"


@pytest.fixture
def task(tmp_path, monkeypatch):
    """Two inputs for a board that names a platform of ours; there is no image to look into."""
    monkeypatch.setattr(renode, "probes_of", lambda _: (0x82C, 0x82E))
    monkeypatch.setattr(renode, "preload_of", lambda _: PRELOAD)
    monkeypatch.setattr(chunks, "preload_of", lambda _: PRELOAD)
    monkeypatch.setattr(renode, "vectors_of", lambda _: 0x100)
    board = load_board("mps2-an386").model_copy(
        update={"emulators": Emulators(renode=RenodeEmulator(platform="mps2-an386"))}
    )
    return Task(tmp_path / "image.elf", board, INPUTS, 2, timeout_seconds=5.0)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A function that puts a stand-in for Renode on PATH: what it writes, and what it does then."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(tools, "_search_path", lambda: f"{folder}:/usr/bin:/bin")

    def put(console: str = CONSOLE, counts: str = COUNTS, log: str = LOG, then: str = "exit 0"):
        for name, text in (("console.txt", console), ("counts.txt", counts), ("log", log)):
            (folder / name).write_bytes(text.encode())
        program = folder / "renode"
        program.write_text(
            '#!/bin/sh\nfor last; do :; done\nto=$(dirname "$last")\n'
            f'cp {folder}/counts.txt "$to"\ncat {folder}/log\n'
            f'cat {folder}/console.txt >"$to/console.txt"\n{then}\n'
        )
        program.chmod(0o755)

    return put


def test_run_returns_outputs_and_counts(task, fake):
    fake()
    seen = []
    result = run_image(task, lambda: seen.append(1))
    assert result.outputs.tolist() == [[1, 2], [3, -1]]
    assert result.instructions == (123, 456)
    assert result.log == "m-init-done\nm-ready\nm-ready"
    assert len(seen) == 2


def test_run_keeps_the_log_beside_the_image(task, fake):
    fake()
    run_image(task)
    assert task.elf.with_suffix(".renode.log").read_text() == LOG


@pytest.mark.parametrize(
    ("played", "message"),
    [
        ({"console": ""}, "ended before the firmware had answered; last line: 'none'"),
        (
            {"console": "m-ready\r\nm-output-0102\r\n"},
            "ended before the firmware had answered; last line: 'm-output-0102'",
        ),
        (
            {"log": LOG + "1 [WARNING] sysbus: [cpu: 0x92A] ReadDoubleWord from non existing "
             "peripheral at 0x50000018.\n"},
            r"left the board's memory: sysbus: \[cpu: 0x92A\] ReadDoubleWord from non existing",
        ),
        (
            {"log": LOG + "There was an error executing command 'sysbus Odd'\nNo such thing\n"},
            "a command failed: 'sysbus Odd' No such thing",
        ),
        (
            {"log": LOG + "1 [ERROR] cpu: CPU abort [PC=0x0].\n"},
            "Renode reports an error: cpu: CPU abort",
        ),
        ({"log": "Fatal error:\nno assembly\n", "console": ""}, "Renode crashed: no assembly"),
        ({"counts": "123\n"}, "counted 1 of 2 inferences"),
        ({"counts": "123\n456\n789\n"}, "counted 3 of 2 inferences"),
        ({"console": CONSOLE.replace("m-output-03ff\r\n", "")}, "printed 1 outputs for 2 inputs"),
        ({"console": CONSOLE.replace("03ff", "03")}, "has 1 bytes and the model 2 outputs"),
        (
            {"console": "m-ready\r\nm-fault-[exception 3 pc=0x0]\r\n", "then": "sleep 60"},
            r"the firmware reports: exception 3 pc=0x0",
        ),
        (
            {"console": "m-ready\r\ne-[No preloaded inputs]\r\n", "then": "sleep 60"},
            "the firmware reports: No preloaded inputs",
        ),
    ],
    ids=[
        *("nothing", "early_end", "unmapped", "command", "error", "crash", "few_counts"),
        *("many_counts", "few_outputs", "short_output", "fault", "refusal"),
    ],
)  # fmt: skip
def test_run_that_fails_is_a_failure_whatever_its_exit_status(task, fake, played, message):
    fake(**played)
    with pytest.raises(RunFailed, match=message):
        run_image(task)


def test_silence_is_a_failure(task, fake):
    fake(console="m-ready\r\n", then="sleep 60")
    hurried = Task(task.elf, task.board, INPUTS, 2, timeout_seconds=0.3)
    with pytest.raises(
        RunFailed, match=r"renode: the console was silent for 0\.3 s; .*renode\.log"
    ):
        run_image(hurried)


def test_unmapped_access_explains_a_silence(task, fake):
    log = "1 [WARNING] sysbus: WriteByte to non existing peripheral at 0x1, value 0x2.\n"
    fake(console="m-ready\r\n", log=log, then="sleep 60")
    hurried = Task(task.elf, task.board, INPUTS, 2, timeout_seconds=4.0)
    with pytest.raises(RunFailed, match="left the board's memory: sysbus: WriteByte"):
        run_image(hurried)


def test_script_places_inputs_and_counts_between_the_probes(task, tmp_path):
    script = renode.script_of(tmp_path, task, 2)
    assert f"sysbus LoadBinary @{tmp_path}/inputs.bin 0x21000000\n" in script
    assert "cpu VectorTableOffset 0x100\n" in script
    assert "cpu.AddHook(0x82c, begin)\ncpu.AddHook(0x82e, end)\n" in script
    assert "for each in 'bulk 2%':" in script
    assert "silent < 5:" in script
    assert script.endswith("quit\n")


def test_script_without_counting_has_no_hooks(task, tmp_path):
    uncounted = Task(task.elf, task.board, INPUTS, 2, count_instructions=False)
    script = renode.script_of(tmp_path, uncounted, 2)
    assert "AddHook" not in script
    assert "counts.txt" not in script


def test_run_without_counting_returns_none(task, fake):
    fake(counts="")
    uncounted = Task(task.elf, task.board, INPUTS, 2, count_instructions=False)
    assert run_image(uncounted).instructions is None


def test_run_names_a_missing_renode(task, tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "_search_path", lambda: str(tmp_path))
    with pytest.raises(ToolMissing, match=r"renode is not installed .* install -c conda-forge"):
        run_image(task)


def test_run_refuses_a_platform_that_is_not_there(task, fake):
    fake()
    emulators = Emulators(renode=RenodeEmulator(platform="nowhere"))
    board = task.board.model_copy(update={"emulators": emulators})
    with pytest.raises(InvalidBoard, match=r"platform: found 'nowhere'; allowed are .*mps2-an386"):
        run_image(Task(task.elf, board, INPUTS, 2))


def test_run_refuses_to_count_calls(task):
    with pytest.raises(InvalidInput, match="does not count call by call"):
        run_image(Task(task.elf, task.board, INPUTS, 2, caller="model_run"))
