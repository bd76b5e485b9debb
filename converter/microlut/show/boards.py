"""Format boards as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from microlut.board.board import Board
from microlut.board.schema import Console, Memory
from microlut.show.table import size_text, table
from microlut.support.toml_file import Table

_LABEL_WIDTH = 18


def boards_text(boards: Iterable[Board]) -> str:
    """Return a table of boards."""
    rows = []
    for board in boards:
        memory = board.memory
        sizes = (kib(memory.size_of("flash")), kib(memory.size_of("ram"))) if memory else ("", "")
        tools = " ".join(tool.name for tool in board.flash_tools)
        emulators = " ".join(board.emulators.names)
        rows.append((board.id, board.core.value, *sizes, emulators, tools, board.title))
    headers = ("board", "core", "flash", "RAM", "runs in", "flashed by", "title")
    return table(headers, rows, "<<>><<<")


def board_text(board: Board) -> str:
    """Return everything known about a board, one line per fact."""
    facts = [("board", board.id), ("title", board.title), ("microcontroller", board.mcu)]
    facts += [("core", board.core.value), ("port", board.port)]
    if board.clock_hz is not None:
        facts.append(("clock", f"{board.clock_hz / 1e6:g} MHz"))
    if board.oscillator is not None:
        kind = "clock from outside" if board.oscillator.bypass else "crystal"
        facts.append((kind, f"{board.oscillator.hz / 1e6:g} MHz"))
    facts += _memory_facts(board.memory) if board.memory is not None else []
    if board.stack_bytes is not None:
        facts.append(("stack", size_text(board.stack_bytes)))
    facts += _console_facts(board.console) if board.console is not None else []
    for name in board.emulators.names:
        facts.append(("runs in", " ".join((name, *_values(getattr(board.emulators, name))))))
    facts += [("flashed by", " ".join(_values(tool))) for tool in board.flash_tools]
    if board.probe is not None:
        facts.append(("USB ids", ", ".join(board.probe.usb)))
    if board.uf2 is not None:
        facts.append(("UF2 family", f"{board.uf2.family:#010x}"))
    return "\n".join(f"{label:<{_LABEL_WIDTH}}  {value}" for label, value in facts)


def _memory_facts(memory: Memory) -> list[tuple[str, str]]:
    named = (("flash", memory.flash), ("ram", memory.ram), ("preload", memory.preload))
    facts = [(n, f"{size_text(r.size)} at {r.origin:#010x}") for n, r in named if r is not None]
    for name, other in memory.others.items():
        place = f"{size_text(other.size)} at {other.origin:#010x}"
        facts.append((name, f"{place}, {other.kind}, an access costs {other.cost:g}"))
    if memory.code_origin is not None:
        facts.append(("code", f"loaded to ram, fetched at {memory.code_origin:#010x}"))
    return facts


def _console_facts(console: Console) -> list[tuple[str, str]]:
    pins = f", tx {console.tx}, rx {console.rx}" if console.tx is not None else ""
    return [("console", f"{console.uart}{pins}, {console.baud:,} baud, 8N1")]


def _values(settings: Table) -> list[str]:
    """Return the values of a table, and those of its lists, as text."""
    values = [value for _, value in settings if value is not None]
    parts = [value if isinstance(value, tuple) else (value,) for value in values]
    return [str(value) for part in parts for value in part]


def kib(size: int) -> str:
    """Return a number of bytes in KiB."""
    return f"{size / 1024:,.0f} KiB"
