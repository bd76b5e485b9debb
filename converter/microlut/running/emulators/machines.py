"""Choose what runs a board's firmware: its emulator, or another machine with the same core."""

from __future__ import annotations

from dataclasses import dataclass

from microlut.board.board import Board, Core, boards
from microlut.errors import InvalidBoard
from microlut.machine.tools import LABWIRED, RENODE, Tool, find_tool, require_tool
from microlut.running.emulators import choose_emulator, emulators_of
from microlut.toolchain.build import check_tools


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that runs inputs for a board.

    Attributes:
        board: The board itself, or an emulated one with the same core.
        emulator: The emulator of that board.
        why: Why it is not the board itself; "" if it is.
    """

    board: Board
    emulator: str
    why: str = ""

    @property
    def note(self) -> str:
        """Return a note on its results; "" if it is the board itself."""
        if not self.why:
            return ""
        core = self.board.core.value
        return f"{self.board.id}, an emulated machine for the same code ({core}), since {self.why}"

    @property
    def tool(self) -> Tool | None:
        """Return the emulator's program; None for a program of this computer."""
        qemu = self.board.toolchain.qemu
        return {"qemu": qemu, "renode": RENODE, "labwired": LABWIRED}.get(self.emulator)


def choose_machine(board: Board, emulator: str | None = None, *, calls: bool = False) -> Machine:
    """Return the machine that runs the board's firmware.

    If the board has no emulator, or only Renode and that is not installed, it is QEMU's board with
    the same core and the most memory.

    Args:
        board: The board.
        emulator: Name of the board's emulator to use, without any substitute.
        calls: Whether to count instructions call by call, which only QEMU can.

    Raises:
        InvalidBoard: The board does not have that emulator, or no machine has its core.
    """
    why = "" if emulator is not None else _why_not(board, calls)
    other = _with_core(board.core) if why else None
    if other is not None:
        return Machine(other, "qemu", why)
    if calls:
        check_countable(board)
        emulator = emulator or "qemu"
    return Machine(board, choose_emulator(board, emulator))


def machine_with(core: Core, why: str) -> Machine | None:
    """Return the emulated machine with a core, and why it stands for a board; None without one."""
    other = _with_core(core)
    return None if other is None else Machine(other, "qemu", why)


def check_machine(machine: Machine) -> None:
    """Raise ToolMissing if firmware for a machine cannot be built and run on this computer."""
    check_tools(machine.board)
    if machine.tool is not None:
        require_tool(machine.tool)


def check_measurable(board: Board) -> None:
    """Raise an error early if the board's emulator is not installed."""
    machine = choose_machine(board)
    if not machine.why:
        check_machine(machine)


def check_countable(board: Board) -> None:
    """Raise InvalidBoard if nothing counts instructions call by call on this board."""
    if board.emulators.qemu is None:
        raise InvalidBoard(
            f"{board.id}: instructions are not counted call by call there; profile on a board that "
            "`microlut boards` says runs in qemu"
        )


def available_boards() -> tuple[tuple[Board, ...], tuple[tuple[str, str], ...]]:
    """Return the boards that can be built for and emulated here, and why others cannot."""
    available, skipped = [], []
    for board in boards():
        if not emulators_of(board):
            skipped.append((board.id, "has no emulator"))
            continue
        emulator = Machine(board, choose_emulator(board)).tool
        needed = (*board.toolchain.needs, *((emulator,) if emulator else ()))
        missing = [tool for tool in needed if find_tool(tool) is None]
        if missing:
            why = f"{missing[0].name} is missing: {missing[0].install_command}"
            skipped.append((board.id, why))
        else:
            available.append(board)
    return tuple(available), tuple(skipped)


def _why_not(board: Board, calls: bool) -> str:
    """Return why a board's emulators cannot be used; "" if one can."""
    names = emulators_of(board)
    if not names:
        who = "no emulator" if board.emulators.labwired is None else "no emulator that counts"
        return f"{who} has {board.id}"
    if calls and "qemu" not in names:
        return f"{board.id} is not in QEMU, which counts instructions call by call"
    if names == ("renode",) and find_tool(RENODE) is None:
        return f"Renode, which has {board.id}, is not installed (`microlut doctor` says how to)"
    return ""


def _with_core(core: Core) -> Board | None:
    others = [other for other in boards() if other.core is core]
    emulated = [other for other in others if other.emulators.qemu and other.memory]
    return max(emulated, key=_room, default=None)


def _room(board: Board) -> tuple[int, int]:
    assert board.memory is not None
    return board.memory.ram.size, board.memory.flash.size
