"""The folder of a converted model: written completely, replaced in one step, read carefully."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from digits_example import conversion
from microlut import project as projects
from microlut.errors import InvalidInput
from microlut.support.resources import data_folder
from sweeps import in_sweeps


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    projects.write_project(conversion(), folder)
    return folder


def contents(folder) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_write_project_gives_what_read_gives(tmp_path):
    written = projects.write_project(conversion(), tmp_path / "out")
    found = projects.read(tmp_path / "out")
    assert written.path == found.path == tmp_path / "out"
    assert written.prefix == found.prefix == "digits"
    files = {path.relative_to(found.path).as_posix() for path in found.path.rglob("*.*")}
    assert set(found.report.pop("files")) == files
    assert found.report == json.loads(json.dumps(conversion().report.as_json()))
    assert found.tflite == conversion().tflite


def test_read_takes_a_string(out):
    assert projects.read(str(out)).prefix == "digits"


def test_write_project_writes_the_sources(out):
    for name, text in conversion().sources.items():
        assert (out / name).read_text() == text


def test_write_project_copies_the_whole_engine(out):
    for part in ("include", "src"):
        assert contents(out / "engine" / part) == contents(data_folder("firmware") / part)


def test_write_project_twice_gives_equal_bytes(out, tmp_path):
    projects.write_project(conversion(), tmp_path / "again")
    assert contents(out) == contents(tmp_path / "again")


def test_write_project_replaces_an_earlier_result(out):
    (out / "build" / "host").mkdir(parents=True)
    (out / "build" / "host" / "digits.elf").touch()
    projects.write_project(conversion(8), out)
    assert projects.read(out).report["bits"] == 8
    assert not (out / "build").exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_write_project_makes_parent_folders(tmp_path):
    projects.write_project(conversion(), tmp_path / "a" / "b" / "out")
    assert projects.read(tmp_path / "a" / "b" / "out").prefix == "digits"


def test_write_project_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    projects.write_project(conversion(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert projects.read(tmp_path / "real").prefix == "digits"


def test_write_project_gives_ordinary_permissions(out, tmp_path):
    (tmp_path / "ordinary").mkdir()
    assert out.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_staged_leaves_nothing_after_an_error(tmp_path):
    with pytest.raises(KeyError), projects.staged(tmp_path / "a" / "out") as folder:
        (folder / "half").touch()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_staged_keeps_the_earlier_result_after_an_error(out):
    before = contents(out)
    with pytest.raises(KeyboardInterrupt), projects.staged(out) as folder:
        (folder / "half").touch()
        raise KeyboardInterrupt
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_staged_puts_the_earlier_result_back_when_the_exchange_fails(out, monkeypatch):
    before = contents(out)
    rename = os.rename

    def fail_once(source, target):
        if str(target) == str(out):
            monkeypatch.setattr(os, "rename", rename)
            raise OSError(16, "Device or resource busy")
        rename(source, target)

    with pytest.raises(InvalidInput, match="busy"), projects.staged(out):
        monkeypatch.setattr(os, "rename", fail_once)
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_staged_shows_the_result_only_when_it_is_whole(tmp_path):
    with projects.staged(tmp_path / "out") as folder:
        (folder / "part").touch()
        assert not (tmp_path / "out").exists()
    assert contents(tmp_path / "out") == {"part": b""}


KILLED = """
import os, sys
from pathlib import Path
from microlut import project
with project.staged(Path(sys.argv[1])) as folder:
    (folder / "half").touch()
    if sys.argv[2] == "exchanging":
        Path(sys.argv[1]).rename(folder.parent / "old")
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("moment", ["making", "exchanging"])
def test_staged_removes_what_a_killed_process_left(out, moment):
    before = contents(out)
    subprocess.run([sys.executable, "-c", KILLED, str(out), moment], check=False)
    assert len(list(out.parent.iterdir())) == (2 if moment == "making" else 1)
    with pytest.raises(KeyError), projects.staged(out):
        raise KeyError
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


REMOVING = """
import os, sys
from pathlib import Path
from microlut import project
last = int(sys.argv[2])
def ending(call):
    def counted(*arguments, **options):
        global last
        last -= 1
        return os.kill(os.getpid(), 9) if last < 0 else call(*arguments, **options)
    return counted
with project.staged(Path(sys.argv[1])) as folder:
    (folder / "microlut.json").touch()
    os.unlink, os.rmdir = ending(os.unlink), ending(os.rmdir)
"""


@pytest.mark.parametrize("calls", [0, 1, 5, *in_sweeps(*range(2, 5), *range(6, 100, 7))])
def test_staged_removes_what_a_process_left_that_was_killed_while_it_removed(calls, out):
    command = [sys.executable, "-c", REMOVING, str(out), str(calls)]
    killed = subprocess.run(command, check=False).returncode == -9
    left = [*out.parent.glob(".out-*")]
    assert bool(left) == killed
    for folder in left:  # one in which a place was tried has no lock
        os.utime(folder, (0, 0))
    with pytest.raises(KeyError), projects.staged(out, lambda *_: None):
        raise KeyError
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_staged_leaves_the_folders_of_living_processes(tmp_path):
    out = tmp_path / "[out]"
    with projects.staged(out) as first:
        (first / "first").touch()
        with projects.staged(out) as second:
            (second / "second").touch()
        assert contents(out) == {"second": b""}
        assert (first / "first").exists()
        shutil.rmtree(out)
    assert contents(out) == {"first": b""}


def test_check_replaceable_accepts_new_and_empty_folders_and_earlier_results(out, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new", tmp_path / "empty", out):
        projects.check_replaceable(folder)


@pytest.mark.parametrize("name", ["notes.txt", "src", "main.c"])
def test_check_replaceable_refuses_a_result_with_files_of_the_user(out, name):
    (out / name).touch()
    with pytest.raises(InvalidInput, match=f"holds {name}"):
        projects.check_replaceable(out)


def test_check_replaceable_refuses_a_folder_that_only_looks_alike(tmp_path):
    (tmp_path / "build").mkdir()
    with pytest.raises(InvalidInput, match="holds build"):
        projects.check_replaceable(tmp_path)


@pytest.mark.parametrize("name", ["engine/my_kernel.c", "build/thesis.txt", "build/host/notes"])
def test_check_replaceable_refuses_files_of_the_user_deep_in_a_result(out, name):
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).touch()
    with pytest.raises(InvalidInput, match=f"holds {name}"):
        projects.check_replaceable(out)


@pytest.mark.parametrize("name", ["report.json", "model.json", "model.tflite"])
def test_check_replaceable_refuses_foreign_files_of_our_names(tmp_path, name):
    (tmp_path / name).write_text('{"arch": 1}')
    with pytest.raises(InvalidInput, match=f"holds {name}"):
        projects.check_replaceable(tmp_path)


def test_check_replaceable_refuses_the_current_folder(out, monkeypatch):
    for folder in (out, out / "engine"):
        monkeypatch.chdir(folder)
        with pytest.raises(InvalidInput, match="current folder or above it"):
            projects.check_replaceable(out)


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"files": 3}'])
def test_check_replaceable_refuses_a_result_without_its_record(content, out):
    (out / "microlut.json").unlink()
    if content is not None:
        (out / "microlut.json").write_text(content)
    with pytest.raises(InvalidInput, match="did not write and would delete"):
        projects.check_replaceable(out)


WRITTEN = [
    "model.h",
    "model.c",
    "weights.h",
    "weights.c",
    "model.tflite",
    "model.json",
    "report.json",
]


@pytest.mark.parametrize(
    "name", [*WRITTEN, "engine/src/unpack.c", "engine/include/microlut/microlut.h"]
)
def test_edited_file_is_named_and_kept(name, out):
    with (out / name).open("ab") as file:
        file.write(b"\n")
    before = contents(out)
    message = rf"out: holds {name}, which was changed since microlut wrote it"
    with pytest.raises(InvalidInput, match=message):
        projects.write_project(conversion(), out)
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["model.c", "report.json", "engine/src/unpack.c"])
def test_edited_file_is_replaced_by_force(name, out):
    before = contents(out)
    with (out / name).open("ab") as file:
        file.write(b"\n")
    projects.write_project(conversion(), out, force=True)
    assert contents(out) == before


@pytest.mark.parametrize("name", ["main.c", "engine/src/mine.c"])
def test_file_of_the_user_is_kept_from_force(name, out):
    (out / name).write_text("mine")
    with pytest.raises(InvalidInput, match=f"holds {name}, which microlut did not write.*folder$"):
        projects.write_project(conversion(), out, force=True)
    assert (out / name).read_text() == "mine"


def test_force_is_a_flag(out):
    with pytest.raises(InvalidInput, match="force is 1; give True or False"):
        projects.write_project(conversion(), out, force=1)


def test_file_that_is_edited_while_the_new_result_is_made_is_kept(out):
    with (
        pytest.raises(InvalidInput, match=r"holds model\.c, which was changed"),
        projects.staged(out),
    ):
        (out / "model.c").write_text("/* mine */")
    assert (out / "model.c").read_text() == "/* mine */"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_link_in_the_place_of_a_file_or_folder_is_kept(out, tmp_path):
    (out / "engine").rename(tmp_path / "engine")
    (out / "engine").symlink_to(tmp_path / "engine")
    with pytest.raises(InvalidInput, match="holds engine, which microlut did not write"):
        projects.check_replaceable(out)


@pytest.mark.parametrize("name", ["digits.uf2", "digits.renode.log", "digits.hex"])
def test_what_builds_and_runs_leave_is_replaced(name, out):
    (out / "build" / "board").mkdir(parents=True)
    (out / "build" / "board" / name).touch()
    projects.check_replaceable(out)


def test_file_called_build_is_kept(out):
    (out / "build").write_text("mine")
    with pytest.raises(InvalidInput, match="holds build, which microlut did not write"):
        projects.check_replaceable(out)


def test_record_follows_what_a_later_step_adds_to_the_report(out):
    project = projects.read(out)
    project.report["board"] = "host"
    projects.write_report(project)
    projects.check_replaceable(out)


def test_place_where_a_file_system_is_mounted_is_refused_before_the_conversion(monkeypatch, out):
    monkeypatch.setattr(os.path, "ismount", lambda path: path == out)
    with pytest.raises(InvalidInput, match=r"out: is where a file system is mounted"):
        projects.check_replaceable(out)


@pytest.mark.parametrize("place", ["file/out", "x" * 300, "new/../file/out"])
def test_check_replaceable_refuses_what_cannot_be_written(place, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="cannot be written"):
        projects.check_replaceable(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_check_replaceable_leaves_nothing(tmp_path):
    projects.check_replaceable(tmp_path / "a" / ".." / "b" / "out")
    assert list(tmp_path.iterdir()) == []


def test_read_names_the_version_that_wrote_another_report(out):
    report = json.loads((out / "report.json").read_text())
    del report["macs"]
    (out / "report.json").write_text(json.dumps(report | {"microlut": "0.0.7"}))
    with pytest.raises(InvalidInput, match=r"was written by microlut 0\.0\.7, and this is"):
        projects.read(out)


def test_read_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="microlut convert MODEL -o"):
        projects.read(tmp_path / "none")


def test_build_folder_is_one_for_each_board(out):
    project = projects.read(out)
    assert project.build_folder("host") == out / "build" / "host"
