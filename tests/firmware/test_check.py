"""The check of a model's constants: it sees every bit that flips, and costs nothing uncalled."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from engine_batch import (
    DSP,
    ENGINE,
    HERE,
    M0PLUS,
    M4,
    M55,
    Target,
    compile_all,
    engine_objects,
    require,
    require_tools,
    run,
    write_sources,
)

import random_graphs as rg
import random_layers as rl
from digits_example import conversion
from microlut.board.board import load_board
from microlut.codegen.contents import contents_of
from microlut.codegen.names import identifier
from microlut.codegen.render import Sources, render
from microlut.codegen.structures import macros
from microlut.errors import RunFailed
from microlut.plan import make_plan
from microlut.running.emulators import Task, run_image
from microlut.toolchain.build import build
from sweeps import in_sweeps

NAME = "every4"


@pytest.fixture(scope="module")
def sources() -> Sources:
    """The C of a network with every operator."""
    return render(make_plan(rg.every_operator_case(4).quantized()))


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("target", "flips"),
    [(M4, 20), *in_sweeps((M4, 1_000), (M0PLUS, 1_000), (M55, 1_000), (M4, 100_000))],
)
def test_every_flipped_bit_is_seen(target: Target, flips: int, sources: Sources, tmp_path: Path):
    require(target.emulator[0])
    write_sources(sources, tmp_path / "model")
    (tmp_path / "flipped.h").write_text(
        f'#include "model/model.c"\n#include "model/weights.c"\n#define FLIPS {flips}u\n'
        f"#define CONTENTS {NAME}_contents\n#define CHECK {NAME}_check\n"
    )
    command = (require(target.compiler), *target.compile_options, f"-I{tmp_path}")
    objects = compile_all(
        [HERE / "check_main.c", *target.link_sources], tmp_path / "objects", *command
    )
    program = tmp_path / "program"
    run(target.compiler, *objects, *engine_objects(target), *target.link_options, "-o", program)
    printed = target.execute(program)
    assert re.fullmatch(rf"[1-9]\d+ bytes, {flips} flips, 0 unseen\n", printed)


@pytest.mark.parametrize("flips", [3, *in_sweeps(100)])
def test_firmware_with_a_flipped_bit_reports_it_and_does_not_infer(flips: int, tmp_path: Path):
    board, made = load_board("mps2-an386"), conversion()
    require_tools(board)
    folder = write_sources(render(made.plan), tmp_path / "model")
    prefix = identifier(made.plan.graph.name)
    image = build(folder, prefix, board, tmp_path / "build")
    whole = image.elf.read_bytes()
    with image.elf.open("rb") as file:
        elf = ELFFile(file)
        text = elf.get_section_by_name(".text")
        own = [
            (symbol["st_value"] - text["sh_addr"] + text["sh_offset"], symbol["st_size"])
            for symbol in elf.get_section_by_name(".symtab").iter_symbols()
            if symbol["st_info"]["type"] == "STT_OBJECT"
            and symbol.name.startswith(f"{prefix}_")
            and text["sh_addr"] <= symbol["st_value"] < text["sh_addr"] + text["sh_size"]
        ]
    assert sum(size for _, size in own) > made.plan.weight_bytes
    places = np.concatenate([np.arange(start, start + size) for start, size in own])
    draws = np.random.default_rng(24)
    expected = re.search(r"_CRC32 (0x\w+)u", render(made.plan)["model.h"])[1].lower()
    seen = 0
    for place in draws.choice(places, flips, replace=False):
        bytes_ = bytearray(whole)
        bytes_[place] ^= 1 << draws.integers(8)
        image.elf.write_bytes(bytes_)
        inputs = np.zeros((1, 64), np.int8)
        with pytest.raises(RunFailed) as caught:
            run_image(Task(image.elf, board, inputs, 10, count_instructions=False))
        seen += f", not {expected}" in str(caught.value)
        assert "fault" in str(caught.value) or "weights: crc" in str(caught.value)
    assert seen >= flips - 1  # the list of addresses may lead to where no memory is


def test_crc_is_that_of_the_bytes_in_the_documented_order(sources: Sources):
    known = macros(sources["model.h"])
    contents = contents_of(["const uint16_t a_x[2] = {\n    1,513,\n};\n"], known)
    assert contents.crc == zlib.crc32(bytes([1, 0, 1, 2]))
    found = contents_of(
        [sources["weights.c"], sources["model.c"].partition("/* Integrity")[0]], known
    )
    assert found.crc == known[f"{NAME.upper()}_CRC32"]
    assert len(found.arrays) > 12


@pytest.mark.parametrize("options", [(), DSP], ids=["numbers", "halves"])
def test_tables_of_pairs_are_checked_in_both_forms(options: tuple[str, ...], tmp_path: Path):
    network = rl.layer_cases("dense", range(60), 24)
    plans = (make_plan(graph) for graph in network)
    plan = next(p for p in plans if "MLUT_PAIR" in render(p)["model.c"])
    written = render(plan)
    prefix = identifier(plan.graph.name)
    assert f"#if MLUT_PAIR_HALVES\n#define {prefix.upper()}_CRC32" in written["model.h"]
    folder = write_sources(written, tmp_path / "model")
    main = f'#include "model.h"\nint main(void) {{ return {prefix}_check() != 0u; }}\n'
    (tmp_path / "main.c").write_text(main)
    files = [*ENGINE, folder / "model.c", folder / "weights.c", tmp_path / "main.c"]
    objects = compile_all(
        files, tmp_path / "objects", require("gcc"), "-O1", f"-I{folder}", *options
    )
    run("gcc", *objects, "-o", tmp_path / "program")
    run(tmp_path / "program")


def test_check_that_is_not_called_takes_nothing(sources: Sources, tmp_path: Path):
    folder = write_sources(sources, tmp_path / "model")
    places = {}
    for call in (f"(uint32_t)(uintptr_t){NAME}_run({NAME}_arena)", f"{NAME}_check()"):
        main = f'#include "model.h"\nint main(void) {{ return {call} != 0u; }}\n'
        (tmp_path / "main.c").write_text(main)
        options = ("-Os", "-ffunction-sections", "-fdata-sections", f"-I{folder}")
        files = [*ENGINE, folder / "model.c", folder / "weights.c", tmp_path / "main.c"]
        objects = compile_all(files, tmp_path / "objects", require("gcc"), *options)
        run("gcc", *objects, "-Wl,--gc-sections", "-o", tmp_path / "program")
        places[call] = run("nm", tmp_path / "program")
    without, with_check = places.values()
    names = ("mlut_check", f"{NAME}_contents", f"{NAME}_pointers", f"{NAME}_fields_conv2d")
    assert [name in with_check for name in names] == [True] * 4
    assert [name in without for name in names] == [False] * 4
