"""The engine's expansion of output stages against the numbers that the interpreter uses."""

from pathlib import Path

import numpy as np
from engine_batch import FIRMWARE, HERE, INCLUDES, SANITIZERS, WARNINGS, require, run

import random_graphs as rg
from microlut.integer import CompactStage, compact_stage, folded_bias
from microlut.ops.linear import QLinear
from microlut.ops.tensor import Quantization
from whole_stages import whole_dense


def stages() -> tuple[list[CompactStage], list[np.ndarray]]:
    """Return stages of random networks, and [channels, 3] of bias, multiplier and shift of each."""
    cases = [*rg.network_cases(30, seed=8), *(rg.every_operator_case(b) for b in (2, 8))]
    given, wanted = [], []
    for graph in (case.quantized() for case in cases):
        for node, op in graph.weighted():
            x = graph.quantization_of(node.inputs[0])
            given.append(compact_stage(op, x, node.quantization))
            wanted.append(expanded(op, x))
    rng = np.random.default_rng(8)
    for _ in range(20):
        op, x, y = whole_dense(rng)
        given.append(compact_stage(op, x, y))
        wanted.append(expanded(op, x))
    return given, wanted


def expanded(op: QLinear, x: Quantization) -> np.ndarray:
    """Return [channels, 3] of bias, multiplier and shift."""
    stage, bias = op.output, folded_bias(op, x.zero_point)
    return np.stack([bias, stage.multiplier, stage.shift], axis=1)


def as_bytes(stage: CompactStage) -> bytes:
    channels, words = stage.channels.shape
    sizes = np.array([words, stage.bias_shift, stage.shift, channels], np.int32)
    return np.uint64(stage.ratio).tobytes() + sizes.tobytes() + stage.channels.tobytes()


def test_expansion_equals_the_interpreters_stages(tmp_path: Path):
    compact, wanted = stages()
    assert {stage.channels.shape[1] for stage in compact} == {2, 3, 5}
    assert max(stage.bias_shift for stage in compact) > 25
    program, given, got = tmp_path / "expand", tmp_path / "in", tmp_path / "out"
    sources = (HERE / "output_stage_main.c", FIRMWARE / "src/kernels/output_stage.c")
    flags = ("-std=c11", "-O1", *WARNINGS, *SANITIZERS, *INCLUDES)
    run(require("gcc"), *flags, *sources, "-o", program)
    given.write_bytes(b"".join(as_bytes(stage) for stage in compact))
    run(program, given, got)
    found = np.fromfile(got, np.int32).reshape(-1, 4)[:, :3]
    assert np.array_equal(found, np.concatenate(wanted))
