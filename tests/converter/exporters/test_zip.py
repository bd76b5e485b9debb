"""The plain sources as one archive: its example by the command of its README, its entries."""

from __future__ import annotations

import re
import subprocess
import zipfile

from building import RIGHT, need

from microlut.machine.tools import HOST_CC


def test_command_of_the_readme_runs_the_example(exported, tmp_path):
    need(HOST_CC)
    with zipfile.ZipFile(exported("zip")) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "pair"
    readme = (folder / "README.md").read_text()
    command = re.search(r"cc .*?(?=```)", readme, re.DOTALL)
    assert command is not None
    done = subprocess.run(["sh", "-c", command[0]], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == RIGHT


def test_archive_has_one_folder_and_no_trace_of_time_or_machine(exported):
    with zipfile.ZipFile(exported("zip")) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert all(entry.filename.startswith("pair/") for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.create_system for entry in entries} == {3}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
