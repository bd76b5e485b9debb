"""The Renode platforms: they agree with the board files, and are complete."""

from __future__ import annotations

import re

import pytest

from microlut.board.board import list_boards, load_board
from microlut.support.resources import data_folder

FOLDER = data_folder("boards") / "renode"
PLATFORMS = sorted(FOLDER.glob("*.repl"))
BOARDS = [board for board in map(load_board, list_boards()) if board.emulators.renode]

_MEMORY = re.compile(r"^\w+: Memory\.MappedMemory @ sysbus (0x\w+).*\n +size: (0x\w+)$", re.M)


def _frequencies(text: str) -> set[int]:
    """Return what a platform says of the core's speed, in Hz."""
    mips = re.findall(r"PerformanceInMips: (\d+)", text)
    ticks = re.findall(r"systickFrequency: (\d+)", text)
    cycles = re.findall(r"Miscellaneous\.DWT .*\n +frequency: (\d+)", text)
    return {int(n) * 1_000_000 for n in mips} | {int(n) for n in ticks + cycles}


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.stem)
def test_platform_needs_no_network_and_no_other_file(platform):
    text = platform.read_text()
    for word in ("http", "ApplySVD", "using", "@@"):
        assert word not in text


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.stem)
def test_platform_has_one_speed_so_that_cycle_counters_count_instructions(platform):
    assert len(_frequencies(platform.read_text())) == 1


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.id)
def test_platform_runs_at_the_speed_of_the_board(board):
    text = (FOLDER / f"{board.emulators.renode.platform}.repl").read_text()
    mips = board.emulators.renode.mips or board.clock_hz // 1_000_000
    assert _frequencies(text) == {board.clock_hz} == {mips * 1_000_000}


def _memories(platform: str) -> list[tuple[int, int]]:
    text = (FOLDER / f"{platform}.repl").read_text()
    return [(int(origin, 16), int(size, 16)) for origin, size in _MEMORY.findall(text)]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.id)
def test_platform_has_the_memories_of_the_board(board):
    memories = _memories(board.emulators.renode.platform)
    memory = board.memory
    for region in filter(None, (memory.flash, memory.ram, memory.preload)):
        assert any(o <= region.origin and region.end <= o + size for o, size in memories)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda path: path.stem)
def test_platform_has_the_whole_flash_of_a_board(platform):
    """Others that share the platform may leave the start of it to a boot loader."""
    flashes = [
        board.memory.flash for board in BOARDS if board.emulators.renode.platform == platform.stem
    ]
    assert {(flash.origin, flash.size) for flash in flashes} & set(_memories(platform.stem))
