"""Random and guided inputs of the console application: all are answered, and faults are noticed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from microlut.machine.tools import HOST_CC, find_tool
from sweeps import in_sweeps

CHECKOUT = Path(__file__).resolve().parents[2]


def fuzzed(count: int, firmware: Path = CHECKOUT / "firmware") -> subprocess.CompletedProcess:
    if find_tool(HOST_CC) is None:
        pytest.skip(f"not tested: cc is missing ({HOST_CC.apt_command})")
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / "fuzz_console.py"), "--seconds", "1000",
         "--count", str(count), "--firmware", str(firmware)],
        capture_output=True, check=False, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("count", [3000, *in_sweeps(3_000_000)])
def test_random_commands_are_answered(count):
    done = fuzzed(count)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f": {count} commands, ") == 2


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("file", "sound", "broken"),
    [
        ("app/console.c", "< COMMAND_BYTES", "< 2u * COMMAND_BYTES"),  # writes behind the buffer
        ("app/console.c", 'mlut_print("m-ready\\r\\n");\n}', "}"),  # does not answer
    ],
    ids=["overflow", "silent"],
)
def test_faults_of_the_console_are_noticed(file, sound, broken, tmp_path):
    shutil.copytree(CHECKOUT / "firmware", tmp_path / "firmware")
    source = tmp_path / "firmware" / file
    text = source.read_text()
    before, found, after = text.rpartition(sound)
    assert found
    source.write_text(before + broken + after)
    done = fuzzed(20_000, tmp_path / "firmware")
    assert done.returncode == 1
    assert (
        "AddressSanitizer" in done.stderr
        or "runtime error" in done.stderr
        or "no m-ready" in (done.stderr)
    )


def guided(
    only: str, findings: Path, firmware: Path = CHECKOUT / "firmware"
) -> subprocess.CompletedProcess:
    clang = shutil.which("clang")
    if clang is None or shutil.which("llvm-cov") is None:
        pytest.skip("not tested: clang or llvm-cov is missing (sudo apt-get install clang llvm)")
    command = [clang, "-print-file-name=libclang_rt.fuzzer-x86_64.a"]
    library = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    if not Path(library).is_file():
        pytest.skip("not tested: libFuzzer is missing (sudo apt-get install libclang-rt-dev)")
    words = ["--count", "20000", "--only", only, "--findings", findings, "--firmware", firmware]
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / "fuzz_guided.py"), *map(str, words)],
        capture_output=True, check=False, text=True,
    )  # fmt: skip


@pytest.mark.sweep
@pytest.mark.keras
def test_guided_inputs_find_nothing_and_cover_the_console(tmp_path):
    done = guided("", tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("20000 inputs") == 6
    for file in ("arena", "buffer", "console", "words"):
        (line,) = [line for line in done.stdout.splitlines() if f"app/{file}.c" in line]
        covered, _, lines = line.partition("lines ")[2].partition(",")[0].partition(" of ")
        assert covered == lines, line


@pytest.mark.sweep
@pytest.mark.keras
def test_guided_inputs_find_a_fault_that_needs_several_commands(tmp_path):
    shutil.copytree(CHECKOUT / "firmware", tmp_path / "firmware")
    source = tmp_path / "firmware" / "app" / "buffer.c"
    sound = "*digits != '\\0' && buffer.loaded < buffer.expected; digits"
    text = source.read_text()
    assert text.count(sound) == 1
    source.write_text(text.replace(sound, "*digits != '\\0'; digits"))
    done = guided("console-plain", tmp_path / "findings", tmp_path / "firmware")
    assert done.returncode == 1
    assert "runtime error" in done.stdout or "AddressSanitizer" in done.stdout
    assert list((tmp_path / "findings").glob("console-plain-crash-*-smaller"))
