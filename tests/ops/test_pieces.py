"""Steps in pieces: what `_step` runs at a time, against the integer interpreter byte for byte.

`run_batch` divides the steps of every second model of all tests. Here every model's are divided,
and it is known which.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import test_int16
from engine_batch import HOST, M0PLUS, M4, M55, Target, divided, run_batch
from harness import Case
from test_winograd import by_winograd

import random_chains as rc
import random_graphs as rg
import random_layers as rl
from entropy_coded import entropy_coded
from microlut.errors import InvalidInput
from microlut.integer import evaluate as integers
from microlut.integer import to_bytes
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.base import FloatOp
from microlut.ops.rectifiers import Elu, LeakyRelu
from microlut.ops.relu import Relu
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.windows import Window
from microlut.plan import Goal, Plan, make_plan
from microlut.plan.goal import LEAST_STEP
from microlut.plan.kernels import KERNELS, kernel_name
from microlut.plan.layout import plan_in_segments
from microlut.plan.pieces import longest, pieces_of
from sweeps import in_sweeps

RUNS = 3


def large(name: str, op: FloatOp, *shapes: tuple[int, ...]) -> Iterator[Case]:
    """Yield cases of many values, of int8 and of int16."""
    for dtype in ("int8", "int16"):
        yield test_int16.case(f"{name}_{dtype}", op, *shapes, dtype=dtype)


RELU = ActivationKind.RELU
TRANSPOSED = test_int16.transposed("t", (4, 3, 3, 5), Window((3, 3), (2, 2)), (13, 17), RELU)
LARGE = (
    *large("large_transposed", TRANSPOSED, (6, 8, 5)),
    *large("large_relu", Relu(RELU), (12, 9, 10)),
    *large("large_table", Sigmoid(), (12, 9, 10)),
    *large("large_rectified", LeakyRelu(0.1), (12, 9, 10)),
    *large("large_own", Elu(1.0), (12, 9, 10)),
    *large("large_sum", Add(), (12, 9, 10), (12, 9, 10)),
)


def networks(seed: int) -> list[Plan]:
    """Return plans of random networks, for all goals, some of them with segments."""
    graphs = [case.quantized() for case in (*rg.network_cases(9, seed), *rg.line_cases())]
    plans = [make_plan(graph, Goal(("ram", "speed")[i % 2])) for i, graph in enumerate(graphs)]
    for i, case in enumerate(rc.chain_cases(8, seed)):
        graph = case.quantized()
        plans.append(plan_in_segments(graph, rc.random_stretches(graph, i)))
    return plans


def layers(seed: int) -> list[Plan]:
    """Return plans of single layers that networks rarely have, or never."""
    winograd = [
        by_winograd(make_plan(graph, Goal("ram"), bands=False), i)
        for i, graph in enumerate(rl.winograd_cases(range(12), seed))
    ]
    graphs = [
        replace(entropy_coded(graph), name=f"coded_{graph.name}")
        for graph in rl.layer_cases("dense", range(8), seed)
    ]
    graphs += [case.quantized for case in (*test_int16.CASES, *LARGE)]
    for kind in rg.OPERATORS:
        graphs += [case.quantized() for case in rg.operator_cases(kind, 3, seed)]
    return [plan for plan in (*winograd, *map(make_plan, graphs)) if plan is not None]


def check(plans: list[Plan], most: int, folder: Path, target: Target) -> set[tuple[str, str]]:
    """Run plans in pieces; return of which operators there were pieces, and of what."""
    plans = [divided(plan, most) for plan in plans]
    batches = [rg.int8_batch(plan.graph, i, RUNS) for i, plan in enumerate(plans)]
    found = run_batch(plans, list(map(to_bytes, batches)), folder, target)
    different = [
        plan.graph.name
        for plan, x, got in zip(plans, batches, found, strict=True)
        if not np.array_equal(got, to_bytes(integers.outputs(plan.graph, x)))
    ]
    assert different == []
    return {
        (kernel_name(step.call), piece.what.split()[1])
        for plan in plans
        for step, piece in pieces_of(plan)
        if piece.what
    }


@pytest.mark.parametrize("seed", [1, *in_sweeps(*range(2, 6))])
def test_networks_in_pieces_equal_the_interpreter(seed: int, tmp_path: Path):
    kinds = check(networks(seed), LEAST_STEP, tmp_path, HOST)
    assert {what for _, what in kinds} >= {"rows", "columns", "channels"}
    assert len(kinds) > 5


@pytest.mark.parametrize("seed", [1, *in_sweeps(*range(2, 6))])
def test_layers_in_pieces_equal_the_interpreter(seed: int, tmp_path: Path):
    kinds = check(layers(seed), LEAST_STEP, tmp_path, HOST)
    assert {what for _, what in kinds} == {"rows", "channels", "units", "vectors", "values"}
    names = {name for name, _ in kinds}
    assert names == {type(k).__module__.rpartition(".")[2] for k in KERNELS if k.divided_by}


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("target", "most"),
    [(M4, LEAST_STEP), *in_sweeps((M4, 5_000), (M0PLUS, LEAST_STEP), (M55, LEAST_STEP))],
)
def test_pieces_on_cores_equal_the_interpreter(target: Target, most: int, tmp_path: Path):
    assert check([*networks(20), *layers(20)], most, tmp_path, target)


def test_pieces_keep_within_the_limit():
    """What is larger is one row, one band, few units, or of a layer that cannot be divided."""
    for plan in networks(3):
        for most in (1_000, 3_000, 10_000, 10**9):
            pieces = pieces_of(divided(plan, most))
            for step, piece in pieces:
                found = re.fullmatch(r"; (\w+) (\d+) to (\d+)", piece.what)
                count = int(found[3]) - int(found[2]) + 1 if found else 0
                band = 1 if step.segment is None else step.segment.rows
                least = {"units": 4, "rows": band, "channels": 64}.get(found[1], 1) if found else 0
                assert piece.instructions <= most or count <= least
            assert longest(pieces) == max(piece.instructions for _, piece in pieces)


def test_undivided_steps_are_whole_calls():
    for plan in networks(4):
        steps = [step for step, piece in pieces_of(plan) if not piece.fields]
        assert steps == [step for step in plan.steps if step.is_called]
        assert pieces_of(divided(plan, 10**9)) == pieces_of(plan)


@pytest.mark.parametrize("wrong", [999, 0, -1, 1.5, "many", True])
def test_limit_is_checked(wrong: object):
    with pytest.raises(InvalidInput, match="step instructions"):
        Goal(step_instructions=wrong)  # type: ignore[arg-type]
