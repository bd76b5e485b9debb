"""Measure inferences in parts: how long the longest part takes, and what all of them take.

    .venv/bin/python benchmarks/steps.py [--data ../shared/data] [--board mps2-an386] [--write]

Each reference model is converted to 4 bits with several limits of instructions per part
(`--step-instructions`), and an image runs it part by part in QEMU; its output has to be that of the
integer network. Instructions are exact. `--write` replaces the table of
docs/reference/c-interface.md.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from documents import ROOT, replace_table
from reference_models import KEYWORDS, LARGE, REFERENCES, Reference

import microlut
from microlut.codegen.render import render
from microlut.conversion.conversion import Conversion
from microlut.integer import evaluate as integers
from microlut.integer import to_bytes
from microlut.plan import Plan
from microlut.plan.pieces import longest, pieces_of
from microlut.running.emulators import Task, run_image
from microlut.toolchain.build import build

PAGE = ROOT / "docs" / "reference" / "c-interface.md"
MODELS = (REFERENCES[0], KEYWORDS, LARGE[1])
LIMITS = (None, 1_000_000, 200_000, 50_000)

_STEPPED = """
/* Run all parts; the pointer keeps the compiler from making one function of them. */
const int8_t *{p}_stepped(void *arena);
const int8_t *{p}_stepped(void *arena)
{{
    const int8_t *(*volatile step)(void *, uint32_t) = {p}_step;
    const int8_t *output = NULL;
    for (uint32_t i = 0; i < {m}_STEPS; i++) {{
        output = step(arena, i);
    }}
    return output;
}}

"""


def measured(plan: Plan, conversion: Conversion, board: microlut.Board) -> tuple[int, int]:
    """Return the instructions of the longest part and of all parts."""
    prefix = conversion.report.prefix
    sources = render(plan)
    before, mark, rest = sources["model.c"].partition(f"static const char {prefix}_name[]")
    rest = re.sub(rf"\b{prefix}_run\b", f"{prefix}_stepped", rest)
    sources["model.c"] = before + _STEPPED.format(p=prefix, m=prefix.upper()) + mark + rest
    x = np.random.default_rng(1).integers(-128, 128, (1, *plan.graph.inputs[0].shape), np.int8)
    wanted = to_bytes(integers.outputs(plan.graph, x))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in sources.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        image = build(Path(folder), prefix, board, Path(folder) / "build")
        task = Task(image.elf, board, x.reshape(1, -1), wanted.shape[1])
        result = run_image(replace(task, caller=f"{prefix}_stepped"))
    if not np.array_equal(result.outputs, wanted) or result.instructions is None:
        raise SystemExit(f"{prefix}: the parts do not give what the integer network gives")
    return max(result.pieces[0]), result.instructions[0]


def rows(reference: Reference, data: Path, board: microlut.Board) -> list[str]:
    """Return the rows of a model."""
    model = data / reference.model
    conversion = microlut.convert(
        model, reference.calibration(data)[:64], bits=4, distill=False, core=board.core.value
    )
    found, whole = [], 0
    for most in LIMITS:
        goal = replace(conversion.plan.goal, step_instructions=most)
        plan = replace(conversion.plan, goal=goal)
        pieces = pieces_of(plan)
        part, total = measured(plan, conversion, board)
        whole = whole or total
        found.append(
            f"| {model.stem} | {'none' if most is None else f'{most:,}'} | {len(pieces)} | "
            f"{longest(pieces):,} | {part:,} | {total:,} | {100 * (total / whole - 1):+.1f} % |"
        )
        print(found[-1], flush=True)
    return found


def main() -> None:
    """Measure all models, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--board", default="mps2-an386")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    board = microlut.load_board(chosen.board)
    lines = [
        "| model, 4 bits | limit | parts | longest, estimated | longest | all parts | more |",
        "|---|---|---|---|---|---|---|",
    ]
    for reference in MODELS:
        lines += rows(reference, chosen.data, board)
    if chosen.write:
        replace_table(PAGE, "steps.py", "\n".join(lines))


if __name__ == "__main__":
    main()
