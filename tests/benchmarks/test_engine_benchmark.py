"""The engine's benchmark: costs of instructions, sums of pieces, the rival's code, the tables."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="benchmarks need TensorFlow; pip install tensorflow")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import cmsis_nn
import cycles
import engine

import microlut
import random_graphs as rg
import random_layers as rl
from digits_example import conversion, samples
from microlut.quantized import quantize_array
from microlut.tools import ARM_GCC, HOST_CC, NEWLIB, QEMU, find_tool

LISTING = """
00000100 <f>:
     100:	push	{r4-r6, lr}
     102:	ldr	r0, [r1, #0]
     104:	ldrb.w	r2, [r1, #4]
     108:	str	r0, [r1, #0]
     10a:	ldrd	r4, r5, [r1]
     10e:	smlad	r0, r1, r2, r3
     112:	udiv	r0, r0, r1
     116:	cbz	r0, 11a <f+0x1a>
     118:	bl	200 <g>
     11a:	vpush	{d8-d9}
     11e:	ldmia.w	sp!, {r4, sl, pc}
"""


def test_costs_are_those_of_the_manual():
    code = cycles.parse_code(LISTING)
    assert [code[address].cycles for address in sorted(code)] == [
        *(1 + 4, 2, 1, 1, 3, 1, 7, 1, 3, 1 + 2, 1 + 3 + 2)
    ]
    assert [address for address in code if code[address].conditional] == [0x116]
    assert code[0x104].behind == 0x108


def test_branches_that_fall_through_cost_less(tmp_path):
    blocks = tmp_path / "blocks.txt"
    blocks.write_text("0 0 116 1 10\n0 0 118 1 4\n0 1 116 1 2\n0 1 10e 2 3\n1 0 100 1 9\n")
    pieces, whole = cycles.read_pieces(blocks, cycles.parse_code(LISTING))
    # ten times cbz, six of them taken, and four calls; then two taken, and three times 1 + 7
    assert pieces == (cycles.Cost(14, 10 + 6 * 2 + 4 * 3), cycles.Cost(8, 2 + 2 * 2 + 3 * 8))
    assert whole == cycles.Cost(22, 12 + 8 * 2 + 4 * 3 + 3 * 8)


@pytest.mark.qemu
def test_cycles_and_instructions_are_of_the_same_run():
    for tool in (ARM_GCC, NEWLIB, QEMU, HOST_CC):
        if find_tool(tool) is None:
            pytest.skip(f"nothing measured: {tool.name} is missing ({tool.apt_command})")
    inputs = quantize_array(samples(1).x, conversion().quantized.input_quantization)
    boards = [microlut.load_board(name) for name in ("mps2-an385", "mps2-an386")]
    m3, m4 = (engine.measure_microlut(conversion(), board, inputs, "x") for board in boards)
    for row in (m3, m4):
        assert sum(layer.instructions for layer in row.layers) + row.outside == row.instructions
        assert sum(layer.macs for layer in row.layers) == row.macs
    assert m4.instructions < m4.cycles < 3 * m4.instructions
    assert (m3.cycles, m3.layers[0].cycles) == (None, None)


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d", "dense", "add", "softmax"])
def test_rival_makes_one_call_a_node(kind):
    graph = next(rg.operator_cases(kind, 1)).quantized()
    calls = [line for line in cmsis_nn.source(graph).splitlines() if line.startswith("    arm_")]
    assert len(calls) == len(cmsis_nn.called(graph)) == len(graph.nodes)


def test_rival_gets_the_weights_as_they_are():
    graph = conversion(bits=3).quantized
    _, op = next(iter(graph.weighted()))
    weights = ",".join(map(str, np.ravel(op.weights.int8())))
    assert f"int8_t w1[] = {{{weights}}};" in cmsis_nn.source(graph)


def test_tables_put_engines_side_by_side():
    mine = engine.Row(
        *("net", "mps2-an386", "cortex-m4f", engine.MICROLUT, 4, 100, 1000, 1500, 10, 5000, 300),
        (engine.Layer("conv", ("add",), 100, 900, 1300), engine.Layer("pool", (), 0, 90, 150)),
    )
    theirs = replace(
        mine,
        engine=engine.CMSIS_NN,
        bits=8,
        arena_bytes=None,
        layers=(
            engine.Layer("conv", (), 100, 2000, 2500),
            engine.Layer("add", (), 0, 300, 400),
            engine.Layer("pool", (), 0, 80, 140),
        ),
    )
    text = engine.markdown([mine, theirs])
    assert "| net | cortex-m4f | microlut | 4 | 1,000 | 10.000 | 1,500 | 5,000 | 300 |" in text
    assert "| layer | MACs | 4 bits | CMSIS-NN s8 | 4 bits, cycles | CMSIS-NN s8, cycles |" in text
    assert "| conv + add | 100 | 900 | 2,300 | 1,300 | 2,900 |" in text
    assert "| pool |  | 90 | 80 | 150 | 140 |" in text


def test_weights_for_int4_kernels_are_even_levels_packed_low_half_first():
    (graph,) = rl.layer_cases("dense", [2], seed=1)
    (node,) = cmsis_nn.uniform(graph).nodes
    op, before = node.op, graph.nodes[0].op
    assert op.weights.bits == 4
    levels = op.weights.int8()
    assert np.array_equal(levels, before.weights.indices.astype(np.int8).reshape(levels.shape) - 8)
    packed = cmsis_nn._stored(op.weights)
    halves = np.stack([packed << 4 >> 4, packed >> 4], axis=1).ravel()
    assert np.array_equal(halves[: levels.size], levels.ravel())
    assert len(set(op.output.multiplier)) == len(set(op.output.shift)) == 1
    assert "arm_fully_connected_s4(" in cmsis_nn.source(cmsis_nn.uniform(graph))
