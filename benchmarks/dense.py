"""Compare the dense layers of MLPerf Tiny with CMSIS-NN's int8 ones, for all bits and cores.

    .venv/bin/python benchmarks/dense.py --cmsis-nn CHECKOUT [--bits 2 3 4 5 6 7 8]
        [--boards mps2-an385 ...] [--write]

The layers of the autoencoder, DS-CNN and ResNet8 are one network with random weights. It runs in
QEMU once for each width, and once on CMSIS-NN (see cmsis_nn.py). The tables have what each layer
takes in relation to CMSIS-NN: modelled cycles on a Cortex-M4, and instructions on all others.
`--write` replaces those of docs/measurements/engine.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from cycles import Cost
from documents import MEASUREMENTS, replace_table
from engine import layer_costs, run
from random_dense import ENDS, random_dense
from rivals import Subject, engines_of

import microlut
from microlut.board.board import Core
from microlut.codegen.render import render
from microlut.integer import QNode, QuantizedGraph
from microlut.ops.tensor import Tensor
from microlut.plan import make_plan
from microlut.quantize.weights import index_overlap
from microlut.running.protocol import Int8Array
from microlut.toolchain.build import build

PAGE = MEASUREMENTS / "engine.md"
BITS = (2, 3, 4, 5, 6, 7, 8)
BOARDS = ("mps2-an386", "mps2-an385", "mps2-an385-m0plus", "mps3-an547")
_NAME = "dense"
# Those of the autoencoder, then DS-CNN's and ResNet8's and what is between them.
_UNITS = (640, 128, 128, 8, 128, 640, 64, 12, 64, 10)
_BETWEEN = (5, 7)  # layers that belong to no network


def network(bits: int) -> QuantizedGraph:
    """Return the layers one after the other, with random weights; the same inputs at all widths."""
    rng = np.random.default_rng(2026)
    x = Tensor("x", (_UNITS[0],), "int8", ENDS)
    nodes: list[QNode] = []
    last = x
    for number, shape in enumerate(pairwise(_UNITS)):
        output = Tensor(f"y{number}", (shape[1],), "int8", ENDS)
        layer = shape[1], shape[0]
        op = random_dense(rng, layer, bits, index_overlap(layer, bits), 1e-3)
        nodes.append(QNode(output.name, op, (last.name,), (output,)))
        last = output
    return QuantizedGraph(_NAME, (x,), tuple(nodes), (last.name,))


def measured(graph: QuantizedGraph, board: microlut.Board, folder: Path) -> list[Cost]:
    """Return the cost of each layer on microlut.

    Raises:
        SystemExit: The outputs differ from the integer interpreter's.
    """
    plan = make_plan(graph)
    sources = folder / "model"
    sources.mkdir(parents=True)
    for name, text in render(plan).items():
        (sources / name).write_text(text, encoding="utf-8")
    image = build(sources, _NAME, board, folder / "build")
    found = run(Subject(image.elf, f"{_NAME}_run", board, graph, inputs()), folder)
    if not found.exact:
        raise SystemExit(f"{board.id}: outputs differ from the integer network's")
    return list(found.pieces[1:-1])


def inputs() -> Int8Array:
    """Return the input."""
    return np.random.default_rng(0).integers(-128, 128, (1, _UNITS[0]), dtype=np.int8)


def table(costs: dict[int, Sequence[Cost]], peer: Sequence[Cost]) -> str:
    """Return the ratios of all layers by bits, in Markdown; those above 1 are bold."""
    lines = [
        "| inputs, units | CMSIS-NN s8 | " + " | ".join(f"{bits} bits" for bits in costs) + " |",
        "|" + "---|" * (2 + len(costs)),
    ]
    for number, shape in enumerate(pairwise(_UNITS)):
        if number in _BETWEEN:
            continue
        theirs = _size(peer[number])
        ratios = [_size(each[number]) / theirs for each in costs.values()]
        shown = [f"**{ratio:.2f}**" if ratio > 1 else f"{ratio:.2f}" for ratio in ratios]
        lines.append(f"| {shape[0]}, {shape[1]} | {theirs:,} | {' | '.join(shown)} |")
    return "\n".join(lines)


def _size(cost: Cost) -> int:
    return cost.instructions if cost.cycles is None else cost.cycles


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cmsis-nn", type=Path, metavar="CHECKOUT", required=True)
    parser.add_argument("--bits", nargs="+", type=int, default=list(BITS))
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    tables = []
    for name in arguments.boards:
        board = microlut.load_board(name)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            graph = network(8)
            (engine,) = (
                e for e in engines_of(board, 8, (arguments.cmsis_nn, None), folder) if e.bits == 8
            )
            rival = engine.image(board, graph, inputs(), folder / "rival")
            found = run(rival.subject, folder)
            if not found.exact:
                raise SystemExit(f"{board.id}: CMSIS-NN's outputs differ")
            peer = layer_costs(found.pieces, rival)
            costs = {
                bits: measured(network(bits), board, folder / str(bits)) for bits in arguments.bits
            }
        unit = "modelled cycles" if board.core is Core.CORTEX_M4F else "instructions"
        tables.append(f"On {board.core.value}, {unit}:\n\n{table(costs, peer)}")
        print(f"\n{tables[-1]}", flush=True)
    if arguments.write:
        replace_table(PAGE, "dense.py", "\n\n".join(tables))


if __name__ == "__main__":
    main()
