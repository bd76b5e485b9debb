"""Robot Framework suites of the digits example, one per board that Renode runs.

`python tests/renode/suites.py FOLDER [BOARD...]` builds the firmware, writes inputs and expected
outputs (the integer interpreter's) and one suite per board; `renode-test FOLDER/*.robot` runs them.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from pathlib import Path

import jinja2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import microlut
from digits_example import conversion, samples
from graphs import output_of
from microlut.board.board import Board, list_boards, load_board
from microlut.integer import evaluate as int_ops
from microlut.ops.tensor import quantize_array
from microlut.running.emulators.preload import preload_of
from microlut.running.emulators.renode import platform_of, vectors_of
from microlut.running.protocol import OUTPUT, input_block, load_commands

HERE = Path(__file__).resolve().parent


def boards_in_renode() -> tuple[Board, ...]:
    """Return the boards that name a platform of ours."""
    boards = (load_board(name) for name in list_boards())
    return tuple(board for board in boards if board.emulators.renode is not None)


def write_suites(folder: Path, boards: tuple[Board, ...]) -> tuple[Path, ...]:
    """Build the digits example for the boards and return the path of each one's suite."""
    project = microlut.write(conversion(), folder / "digits")
    inputs = quantize_array(samples().x, project.graph.inputs[0].quantized)
    outputs = int_ops.evaluate(project.graph, inputs).reshape(len(inputs), -1)
    block, lines = folder / "inputs.bin", folder / "outputs.txt"
    flat = inputs.reshape(len(inputs), -1)
    block.write_bytes(input_block(flat))
    lines.write_text("".join(f"{OUTPUT}{row.tobytes().hex()}\n" for row in outputs))
    known = {
        "INPUTS": block,
        "OUTPUTS": lines,
        "COUNT": len(inputs),
        "INPUT_BYTES": flat.shape[1],
        "MODEL": project.prefix,
        "RESULTS": _results_line(outputs[0], output_of(project.graph).quantized),
    }
    loads = [command.decode().rstrip("%") for command in load_commands(flat[0].tobytes())[1:]]
    template = jinja2.Template((HERE / "board.robot.j2").read_text(), keep_trailing_newline=True)
    suites = []
    for board in boards:
        elf = microlut.build(project, board).elf
        place = {"ELF": elf, "VECTORS": f"{vectors_of(elf):#x}", "PLATFORM": platform_of(board)}
        preload = preload_of(elf)
        assert preload.size >= block.stat().st_size, f"{board.id}: not all samples fit at once"
        variables = {**known, **place, "PRELOAD": f"{preload.origin:#x}"}
        suite = folder / f"{board.id}.robot"
        suite.write_text(
            template.render(
                board=board, variables=variables, loads=loads, resource=HERE / "microlut.resource"
            )
        )
        suites.append(suite)
    return tuple(suites)


def _results_line(outputs: np.ndarray, quantization) -> str:
    """Return what the firmware prints as real numbers, exactly: rounded to millionths."""
    scale, zero_point = Fraction(float(np.float32(quantization.scale))), quantization.zero_point
    texts = []
    for value in outputs.tolist():
        millionths = math.floor(abs(value - zero_point) * scale * 1_000_000 + Fraction(1, 2))
        sign = "-" if value < zero_point else ""
        texts.append(f"{sign}{millionths // 1_000_000}.{millionths % 1_000_000:06}")
    return f"m-results-[{','.join(texts)}]"


def main() -> None:
    """Write the suites of the boards on the command line, or of all."""
    folder, *names = sys.argv[1:]
    boards = tuple(map(load_board, names)) or boards_in_renode()
    Path(folder).mkdir(parents=True, exist_ok=True)
    for suite in write_suites(Path(folder).resolve(), boards):
        print(suite)  # noqa: T201


if __name__ == "__main__":
    main()
