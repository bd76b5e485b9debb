"""The progress that `make demo` reports while pip works."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "install_packages.py"

PIP = """
import sys
print("Collecting small")
print("  Downloading small-1.0-py3-none-any.whl (96 kB)")
print("  Downloading tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl (572.4 MB)")
print("Installing collected packages: small, tensorflow")
print(sys.argv[1:])
"""


def run_with(pip: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with another pip; the times are left out of what it says."""
    (folder / "pip").mkdir()
    (folder / "pip" / "__init__.py").touch()
    (folder / "pip" / "__main__.py").write_text(pip)
    done = subprocess.run(
        [sys.executable, SCRIPT, "packages: 1 GB", "--editable", "."],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    lines = [line.split(" s  ")[-1] for line in done.stdout.splitlines()]
    return subprocess.CompletedProcess(done.args, done.returncode, "\n".join(lines), done.stderr)


def test_says_how_much_is_fetched_in_a_few_lines(tmp_path):
    done = run_with(PIP, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "packages: 1 GB",
        "fetching tensorflow-2.21.0 (572.4 MB)",
        "572 MB fetched; unpacking 2 packages",
        "done",
    ]


def test_failure_shows_what_pip_printed_and_keeps_its_code(tmp_path):
    done = run_with(f"{PIP}print('ERROR: no such thing')\nsys.exit(23)\n", tmp_path)
    assert done.returncode == 23
    lines = done.stdout.splitlines()
    assert lines.count("ERROR: no such thing") == 2  # at once, and with all the rest
    assert "Collecting small" in lines
    assert "['install', '--disable-pip-version-check', '--progress-bar', 'off'" in done.stdout
    assert lines[-1] == "pip failed; what it printed is above"


def test_silence_is_told(monkeypatch):
    spec = importlib.util.spec_from_file_location("install_packages", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "_SILENCE_SECONDS", 0.01)
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream:
        lines = script._lines(stream)
        assert next(lines) is None
        os.write(writer, b"a\nb\n")
        threading.Timer(0.05, os.close, [writer]).start()
        assert [line for line in lines if line is not None] == ["a\n", "b\n"]


def test_no_package_is_installed_in_silence():
    text = (SCRIPT.parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "--quiet" not in text
    assert text.count("$(INSTALL) ") == 6
