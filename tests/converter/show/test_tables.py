"""Results as text: aligned columns, nothing cut, numbers with their units."""

from pathlib import Path

import pytest

from microlut.board.board import load_board
from microlut.machine.doctor import ToolStatus
from microlut.running.profile import LayerProfile, Profile
from microlut.show import runs as tables
from microlut.toolchain.image import Image
from microlut.verification.compare import Difference, FormResult
from microlut.workflow.outcomes import RunOutcome, VerifyOutcome

DIFFERENCE = Difference(sample=3, position=1, expected=5, found=-7)


def test_table_never_wraps_and_leaves_no_spaces_at_the_end():
    text = tables.table(("a", "b"), [("x" * 200, ""), ("y", "z")])
    assert text.splitlines() == [f"a{' ' * 201}b", "x" * 200, f"y{' ' * 201}z"]


def outcome(**changes: object) -> RunOutcome:
    values = {
        "image": Image("mine", None, None),
        "measured_on": "mine",
        "samples": 1234,
        "outputs": None,
        "bit_exact": True,
        "first_difference": None,
        "top1": 12.345,
        "instructions": (1000, 999, 1001),
    }
    return RunOutcome(**{**values, **changes})


def test_run_text_tells_everything():
    assert [line.split("  ")[-1].strip() for line in tables.run_text(outcome()).splitlines()] == [
        *("12.35 %", "1,234", "yes", "1,000 (999 to 1,001)")
    ]


def test_run_text_tells_where_outputs_differ():
    text = tables.run_text(outcome(bit_exact=False, first_difference=DIFFERENCE))
    assert "input 3, output 1: -7 instead of 5" in text


def test_run_text_has_a_line_for_each_kernel_call():
    conv = LayerProfile("conv", "conv2d", ("add",), 4, 72, 500, 1234)
    pool = LayerProfile("pool", "pool2d", (), None, 0, 0, 266)
    lines = tables.run_text(outcome(profile=Profile((conv, pool), 500))).splitlines()
    assert [line.split("  ")[0] for line in lines[:5]] == [
        *("layer", "conv + add", "pool", "outside kernels", "all")
    ]
    assert lines[1].split()[3:] == ["conv2d", "4", "72", "500", "1,234", "61.70", "%", "2.468"]
    assert lines[2].split() == ["pool", "pool2d", "266", "13.30", "%"]
    assert lines[4].split() == ["all", "72", "500", "2,000", "100.00", "%", "4.000"]


def test_run_text_has_times_of_a_board():
    conv = LayerProfile("conv", "conv2d", (), 4, 72, 500, 12)
    lines = tables.run_text(outcome(profile=Profile((conv,), 3, "microseconds"))).splitlines()
    assert "microseconds" in lines[0]
    assert lines[0].endswith("ns per MAC")
    assert lines[1].split()[-4:] == ["12", "80.00", "%", "24.000"]


def test_run_text_leaves_out_what_is_unknown():
    text = tables.run_text(outcome(top1=None, instructions=None))
    assert "accuracy" not in text
    assert "instructions" not in text


@pytest.mark.parametrize(
    ("compiler", "why"),
    [
        (None, "cc is missing (sudo apt-get install -y build-essential)"),
        (Path("/usr/bin/cc"), "this QEMU has no plugins"),
    ],
)
def test_run_text_tells_why_instructions_are_not_counted(compiler, why, monkeypatch):
    monkeypatch.setattr(tables, "find_tool", lambda tool: compiler)
    image = Image("mine", None, None, flash_bytes=1, ram_bytes=1)
    last = tables.run_text(outcome(image=image, instructions=None)).splitlines()[-1]
    assert last.split(maxsplit=3) == ["instructions", "per", "inference", f"not counted: {why}"]


def test_run_text_does_not_blame_qemu_for_what_labwired_lacks():
    image = Image("mine", None, None, flash_bytes=1, ram_bytes=1)
    text = tables.run_text(outcome(image=image, instructions=None, emulator="labwired"))
    assert text.splitlines()[-1].endswith("not counted: LabWired counts none")


def test_verify_text_tells_rounding_apart():
    forms = (
        FormResult("interpreter", 5, 0, None, True),
        FormResult("desktop", 5, 2, DIFFERENCE, True, "rounds once"),
        FormResult("host", 5, 9, DIFFERENCE, False),
    )
    skipped = (("a", "qemu is missing"), ("b", "is too small"), ("c", "qemu is missing"))
    text = tables.verify_text(VerifyOutcome(5, forms, skipped, None))
    lines = text.splitlines()
    assert [line[:38].split()[2] for line in lines[1:4]] == ["yes", "by", "NO"]
    assert "desktop: 2 bytes differ; rounds once" in lines
    assert "host: 9 bytes differ; nothing explains that" in lines
    assert "a, c: skipped, qemu is missing" in lines
    assert "b: skipped, is too small" in lines
    assert lines[-1].split() == ["bit-exact", "NO"]


def test_image_text_compares_with_the_boards_memory():
    board = load_board("mps2-an386")
    files = {ending: Path(f"x.{ending}") for ending in ("elf", "map", "bin", "uf2")}
    image = Image("mps2-an386", **files, flash_bytes=12345, ram_bytes=678)
    text = tables.image_text(image, board)
    assert text.endswith("Image: x.elf (and .bin, .uf2, .map)")
    assert "flash 12,345 of 4,194,304 bytes, RAM 678 of 4,194,304 bytes" in text


def test_tools_text_says_how_to_install_what_is_missing():
    install = (("apt", "sudo apt-get install -y x"), ("brew", "brew install x"))
    text = tables.tools_text([ToolStatus("x", None, None, "testing", install)])
    assert text.splitlines()[1].split() == ["x", "MISSING", "testing"]
    assert text.splitlines()[2:] == [
        *("To install x:", "  apt: sudo apt-get install -y x", "  brew: brew install x")
    ]
