"""Refuse a model that cannot fit the memory of a board, before it is converted."""

from __future__ import annotations

from microlut.board.board import Board
from microlut.conversion.settings import Budget
from microlut.errors import DoesNotFit, InvalidInput
from microlut.graph.ir import Graph
from microlut.quantize.shared import stored_layers

_FEWEST_BITS = 2  # per weight


def check_budget(board: Board, budget: Budget | None, max_ram: int | None) -> None:
    """Raise InvalidInput if a budget exceeds the memory of the board."""
    if board.memory is None:
        return
    flash_bytes = None if budget is None else budget.flash_bytes
    for what, given, name, there in (
        ("flash budget", flash_bytes, "flash", board.memory.size_of("flash")),
        ("max RAM", max_ram, "RAM", board.memory.size_of("ram")),
    ):
        if given is not None and given > there:
            raise InvalidInput(
                f"{what} is {given:,} bytes, but {board.id} has {there:,} of {name}; "
                "give less, or a larger board"
            )


def check_room(board: Board, graph: Graph, bits: int | None, streamed: bool = False) -> None:
    """Raise DoesNotFit if the network's weights or its input alone exceed the board's memory.

    Args:
        board: The board.
        graph: The network.
        bits: Bits of all weights, if given.
        streamed: Whether a run takes a part of the input only.
    """
    if board.memory is None:
        return
    weights = sum(op.kernel.size for op in stored_layers(graph).values())
    whole = sum(tensor.size for tensor in graph.inputs)
    bits = bits or _FEWEST_BITS
    for what, least, name, there in (
        (f"{weights:,} weights at {bits} bits", weights * bits // 8, "flash", _for_code(board)),
        ("input", 0 if streamed else whole, "RAM", board.memory.size_of("ram")),
    ):
        if least > there:
            raise DoesNotFit(
                f"{graph.name} does not fit on {board.id}: its {what} take {least:,} bytes, and "
                f"there are {there:,} of {name}; use a smaller model or a larger board"
            )


def _for_code(board: Board) -> int:
    """Return the bytes available to code and constants, which a loader may copy to RAM."""
    assert board.memory is not None
    loaded = board.memory.code_origin is not None
    return board.memory.ram.size if loaded else board.memory.size_of("flash")
