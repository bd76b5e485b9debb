"""Builds: errors are exact, and earlier results stay."""

from __future__ import annotations

from pathlib import Path

import pytest

import microlut
from digits_example import conversion
from microlut.board.board import load_board
from microlut.board.schema import Region
from microlut.errors import BuildFailed, DoesNotFit, InvalidInput, ToolMissing
from microlut.machine import tools
from microlut.machine.tools import ARM_GCC, HOST_CC, NEWLIB, find_tool
from microlut.toolchain.build import build
from microlut.toolchain.image import measure

FAKE_MODEL = Path(__file__).resolve().parents[2] / "boards" / "fake_model"


@pytest.fixture
def host():
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host builds not tested: cc is missing ({HOST_CC.apt_command})")
    return load_board("host")


@pytest.fixture
def small_board():
    """A Cortex-M4 board with the given memory sizes in bytes."""
    for tool in (ARM_GCC, NEWLIB):
        if find_tool(tool) is None:
            pytest.skip(f"Cortex-M builds not tested: {tool.name} missing ({tool.apt_command})")

    def make(flash_bytes: int, ram_bytes: int):
        board = load_board("mps2-an386")
        memory = board.memory.model_copy(
            update={
                "flash": Region(origin=0, size=flash_bytes),
                "ram": Region(origin=0x2000_0000, size=ram_bytes),
            }
        )
        return board.model_copy(update={"memory": memory})

    return make


def _broken_model(folder: Path, line: str) -> Path:
    folder.mkdir()
    for source in FAKE_MODEL.iterdir():
        text = source.read_text(encoding="utf-8")
        (folder / source.name).write_text(text + (line if source.name == "model.c" else ""))
    return folder


# What CMake, Ninja, the shell, make, linkers and Python would each read otherwise.
ODD = """-a;b"c'd\\e|f$g${h}#i `j` (k)[l]*? m,n=o:p@q%r&s<t>u\tv\nw \u00e4 \udce9"""


def test_build_takes_any_path(tmp_path, host, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = _broken_model(Path(ODD), "")
    image = build(model, "fake", host, Path(ODD, "build", "host"))
    assert image.elf.is_file()
    assert sorted(path.name for path in image.elf.parent.iterdir()) == [
        *("fake.elf", "fake.json", "fake.map")
    ]
    assert [path.name for path in image.elf.parents[1].iterdir()] == ["host"]


@pytest.mark.qemu
def test_firmware_in_any_path_runs_and_is_the_same(tmp_path, small_board):
    board = small_board(0x40_0000, 0x40_0000)
    images = [
        build(_broken_model(tmp_path / name, ""), "fake", board, tmp_path / name / "build")
        for name in ("plain", ODD)
    ]
    assert len({image.elf.read_bytes() for image in images}) == 1
    assert len({image.map.read_bytes() for image in images}) == 1


def test_build_takes_any_place_for_temporary_files(tmp_path, host, monkeypatch):
    place = tmp_path / ODD
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert build(FAKE_MODEL, "fake", host, tmp_path / "out").elf.is_file()


def test_build_without_a_usable_place_for_temporary_files_is_refused(tmp_path, host, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a b"))
    monkeypatch.setattr("microlut.support.files._TEMPORARY", ())
    with pytest.raises(InvalidInput, match=r"a b: temporary files go there.*set TMPDIR"):
        build(FAKE_MODEL, "fake", host, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a;b", 'a"b', "a\\b", "a|b", "a\nb"])
def test_build_with_a_compiler_that_cmake_cannot_start_is_refused(
    name, tmp_path, host, monkeypatch
):
    compiler = tmp_path / name / "cc"
    compiler.parent.mkdir()
    compiler.symlink_to(find_tool(HOST_CC))
    monkeypatch.setenv("PATH", str(compiler.parent))
    with pytest.raises(InvalidInput, match="CMake cannot use a program with"):
        build(FAKE_MODEL, "fake", host, tmp_path / "out")


def test_build_quotes_the_first_compiler_error(tmp_path, host):
    model = _broken_model(tmp_path / "model", "int mlut_x = undeclared;\n")
    with pytest.raises(BuildFailed, match=r"model for host: model\.c:\d+:\d+: error: .undeclared"):
        build(model, "fake", host, tmp_path / "out")


def test_build_keeps_the_log_beside_the_output(tmp_path, host):
    model = _broken_model(tmp_path / "model", "int mlut_x = undeclared;\n")
    with pytest.raises(BuildFailed, match=r"out-build\.log"):
        build(model, "fake", host, tmp_path / "out")
    assert "undeclared" in (tmp_path / "out-build.log").read_text()


def test_build_treats_warnings_in_generated_code_as_errors(tmp_path, host):
    model = _broken_model(tmp_path / "model", "static int unused;\n")
    with pytest.raises(BuildFailed, match="unused"):
        build(model, "fake", host, tmp_path / "out")


def test_build_quotes_the_linker(tmp_path, host):
    line = "int absent(void);\nint present(void);\nint present(void)\n{\n    return absent();\n}\n"
    model = _broken_model(tmp_path / "model", line.replace("present", "mlut_port_read"))
    with pytest.raises(BuildFailed, match=r"multiple definition of .mlut_port_read"):
        build(model, "fake", host, tmp_path / "out")


def test_build_failure_leaves_the_earlier_result(tmp_path, host):
    earlier = build(FAKE_MODEL, "fake", host, tmp_path / "out").elf.read_bytes()
    model = _broken_model(tmp_path / "model", "#error\n")
    with pytest.raises(BuildFailed):
        build(model, "fake", host, tmp_path / "out")
    assert (tmp_path / "out" / "fake.elf").read_bytes() == earlier


def test_build_leaves_nothing_but_its_results(tmp_path, host):
    build(FAKE_MODEL, "fake", host, tmp_path / "out")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
        *("out", "out/fake.elf", "out/fake.json", "out/fake.map")
    ]


def test_build_ignores_the_users_compiler_flags(tmp_path, host, monkeypatch):
    monkeypatch.setenv("CFLAGS", "-DMLUT_ABI=77 --nonsense")
    assert build(FAKE_MODEL, "fake", host, tmp_path / "out").elf.is_file()


def test_build_needs_a_converted_model(tmp_path, host):
    with pytest.raises(InvalidInput, match=r"has no model\.h"):
        build(tmp_path, "fake", host, tmp_path / "out")


def test_build_names_a_missing_compiler(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "_search_path", lambda: str(tmp_path))
    with pytest.raises(ToolMissing, match="sudo apt-get install -y gcc-arm-none-eabi"):
        build(FAKE_MODEL, "fake", load_board("mps2-an386"), tmp_path / "out")


@pytest.mark.qemu
def test_build_tells_how_much_flash_is_missing(tmp_path, small_board):
    need = build(FAKE_MODEL, "fake", small_board(65536, 65536), tmp_path / "out").flash_bytes
    with pytest.raises(DoesNotFit, match=rf"flash {need:,} of 4,096 bytes \({need - 4096:,} too"):
        build(FAKE_MODEL, "fake", small_board(4096, 65536), tmp_path / "out")


@pytest.mark.qemu
def test_build_tells_how_much_of_both_memories_is_missing(tmp_path, small_board):
    fitting = build(FAKE_MODEL, "fake", small_board(65536, 65536), tmp_path / "out")
    with pytest.raises(DoesNotFit) as caught:
        build(FAKE_MODEL, "fake", small_board(4096, 2048), tmp_path / "out")
    assert f"flash {fitting.flash_bytes:,} of 4,096 bytes" in str(caught.value)
    assert f"RAM {fitting.ram_bytes:,} of 2,048 bytes" in str(caught.value)


@pytest.mark.qemu
def test_build_fits_exactly(tmp_path, small_board):
    need = build(FAKE_MODEL, "fake", small_board(65536, 65536), tmp_path / "first")
    tight = small_board(need.flash_bytes, need.ram_bytes)
    image = build(FAKE_MODEL, "fake", tight, tmp_path / "second")
    assert (image.flash_bytes, image.ram_bytes) == (need.flash_bytes, need.ram_bytes)


@pytest.mark.qemu
def test_measure_adds_up_the_sections(tmp_path, small_board):
    board = small_board(65536, 65536)
    image = build(FAKE_MODEL, "fake", board, tmp_path / "out")
    sizes = measure(image.elf, board)
    assert sum(dict(sizes.sections).values()) == sizes.flash_bytes + sizes.ram_bytes


@pytest.mark.qemu
def test_stack_of_firmware_that_times_its_calls_is_known(tmp_path):
    board = load_board("mps2-an386")
    for tool in board.toolchain.needs:
        if tools.find_tool(tool) is None:
            pytest.skip(f"nothing built: {tool.name} is missing ({tool.apt_command})")
    project = microlut.write(conversion(), tmp_path / "digits").path
    plain, timed = (
        build(project, "digits", board, tmp_path / f"out{profile:d}", profile=profile)
        for profile in (False, True)
    )
    assert plain.stack is not None
    assert timed.stack is not None
    assert plain.stack.used <= timed.stack.used < plain.stack.used + 64
    assert plain.engine_code_bytes == timed.engine_code_bytes
