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
import console_image
import cycles
import engine
import rivals
import shapes
import tflm
from engine_tables import MICROLUT, Layer, Row, markdown

import microlut
import random_graphs as rg
import random_layers as rl
from digits_example import conversion, samples
from graphs import output_of
from microlut.codegen.tflite import to_tflite
from microlut.integer.check import check_graph
from microlut.machine.tools import ARM_GCC, HOST_CC, NEWLIB, QEMU, find_tool
from microlut.ops.tensor import quantize_array

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


def test_loads_wait_for_their_addresses(tmp_path):
    code = cycles.parse_code(
        """
     200:	ldrb	r2, [r0], #1
     202:	ldr.w	r3, [r4, r2, lsl #2]
     206:	ldr	r5, [r4, #0]
     208:	str	r3, [r5, #4]
     20a:	ldr	r0, [r1, #0]
     20c:	adds	r1, r0, #1
     20e:	ldr	r1, [r0, #0]
     210:	str	r1, [r2, #0]
"""
    )
    assert [address for address in sorted(code) if code[address].waits] == [0x202, 0x208]
    blocks = tmp_path / "blocks.txt"
    blocks.write_text("0 0 200 4 10\n")
    assert cycles.read_pieces(blocks, code)[1] == cycles.Cost(40, 50, 20)


def test_branches_that_fall_through_cost_less(tmp_path):
    blocks = tmp_path / "blocks.txt"
    blocks.write_text("0 0 116 1 10\n0 0 118 1 4\n0 1 116 1 2\n0 1 10e 2 3\n1 0 100 1 9\n")
    pieces, whole = cycles.read_pieces(blocks, cycles.parse_code(LISTING))
    # ten times cbz, six of them taken, and four calls; then two taken, and three times 1 + 7
    assert pieces == (cycles.Cost(14, 10 + 6 * 2 + 4 * 3), cycles.Cost(8, 2 + 2 * 2 + 3 * 8))
    assert whole == cycles.Cost(22, 12 + 8 * 2 + 4 * 3 + 3 * 8)


def require_tools():
    for tool in (ARM_GCC, NEWLIB, QEMU, HOST_CC):
        if find_tool(tool) is None:
            pytest.skip(f"nothing measured: {tool.name} is missing ({tool.apt_command})")


@pytest.mark.qemu
def test_cycles_and_instructions_are_of_the_same_run():
    require_tools()
    inputs = quantize_array(samples(1).x, conversion().quantized.inputs[0].quantized)
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
    _, run = cmsis_nn.source(graph).split("const int8_t *rival_run(void *arena)\n{")
    calls = [line for line in run.splitlines() if line.lstrip(" {").startswith("arm_")]
    assert len(calls) == len(cmsis_nn.called(graph)) == len(graph.nodes)


def test_rival_gets_the_weights_as_they_are():
    graph = conversion(bits=3).quantized
    _, op = next(iter(graph.weighted()))
    weights = ",".join(map(str, np.ravel(op.weights.int8())))
    assert f"int8_t w1[] = {{{weights}}};" in cmsis_nn.source(graph)


def test_tables_put_engines_side_by_side():
    mine = Row(
        *(
            "net",
            "mps2-an386",
            "cortex-m4f",
            MICROLUT,
            4,
            100,
            1000,
            1500,
            10,
            5000,
            300,
        ),
        (
            Layer("conv", ("add",), 100, 900, 1300, 950),
            Layer("pool", (), 0, 90, 150, 90),
        ),
    )
    theirs = replace(
        mine,
        engine="CMSIS-NN s8",
        bits=8,
        cycles=3000,
        arena_bytes=None,
        layers=(
            Layer("conv", (), 100, 2000, 2500),
            Layer("add", (), 0, 300, 400),
            Layer("pool", (), 0, 80, 140),
        ),
    )
    text = markdown([mine, theirs], {("net", "cortex-m4f")})
    assert (
        "| net | cortex-m4f | microlut | 4 | 1,000 | +5.1% | 10.000 | 1,500 | 0.50 | 5,000 | 300 |"
        in text
    )
    assert "| layer |" not in markdown([mine, theirs], ())
    columns = "4 bits | CMSIS-NN s8 | 4 bits, estimated | 4 bits, cycles | CMSIS-NN s8, cycles"
    assert f"| layer | MACs | {columns} |" in text
    assert "| conv + add | 100 | 900 | 2,300 | 950 | 1,300 | 2,900 |" in text
    assert "| pool |  | 90 | 80 | 90 | 150 | 140 |" in text


@pytest.mark.parametrize("overlapping", [False, True])
def test_weights_for_int4_kernels_are_even_levels_packed_low_half_first(overlapping: bool):
    graphs = rl.layer_cases("dense", range(40), seed=1)
    graph = next(
        graph
        for graph in graphs
        if graph.nodes[0].op.weights.bits == 4
        and (graph.nodes[0].op.weights.overlap > 0) is overlapping
    )
    (node,) = cmsis_nn.uniform(graph).nodes
    op, before = node.op, graph.nodes[0].op
    assert op.weights.bits == 4
    levels = op.weights.int8()
    assert np.array_equal(levels, np.clip(np.round(before.weights.int8() / 16), -8, 7))
    assert (levels.min(), levels.max()) == (-8, 7)
    packed = cmsis_nn._stored(op.weights)
    halves = np.stack([packed << 4 >> 4, packed >> 4], axis=1).ravel()
    assert np.array_equal(halves[: levels.size], levels.ravel())
    assert len(set(op.output.multiplier)) == len(set(op.output.shift)) == 1
    assert "arm_fully_connected_s4(" in cmsis_nn.source(cmsis_nn.uniform(graph))


RIVAL = """
#include "model.h"
uint8_t rival_arena[RIVAL_ARENA_BYTES];
static int8_t input[RIVAL_INPUT_BYTES], outputs[RIVAL_OUTPUT_BYTES];
static volatile int spent;
__attribute__((noinline)) static void spend(int n) { for (int i = 0; i < n; i++) { spent = i; } }
static int8_t *init(void *arena, size_t bytes)
{
    (void)arena, (void)bytes;
    outputs[RIVAL_OUTPUT_BYTES - 3] = 1;
    return input;
}
const int8_t *rival_run(void *arena);
const int8_t *rival_run(void *arena)
{
    (void)arena;
    spend(1); spend(10); spend(0); spend(1000); spend(0);
    return outputs;
}
RIVAL_TENSORS
const mlut_model_t rival_model = {"rival", RIVAL_SIZES, init, rival_run, NULL};
"""


@pytest.mark.qemu
@pytest.mark.parametrize("board_id", ["mps2-an386", "mps3-an547"])
def test_other_engines_are_measured_between_the_same_probes(board_id: str, tmp_path: Path):
    require_tools()
    board, graph = microlut.load_board(board_id), conversion().quantized
    inputs = quantize_array(samples(1).x, graph.inputs[0].quantized)
    sizes = console_image.Sizes(16, inputs.size, output_of(graph).size + 4)
    console_image.write_configuration(board, sizes, tmp_path)
    (tmp_path / "model.c").write_text(RIVAL)
    elf = console_image.link(board, tmp_path, [tmp_path / "model.c"])
    subject = rivals.Subject(elf, "rival_run", board, graph, inputs, extra_bytes=4)
    rival = rivals.Rival("other", 8, subject, ("first", "second"), calls=2)
    row = engine.measure_rival(conversion(), rival, "net", tmp_path)
    assert (row.engine, row.bits, row.arena_bytes) == ("other, wrong outputs", 8, 256)
    first, second = row.layers
    assert 1000 < 25 * first.instructions < second.instructions < 20_000
    assert row.outside + first.instructions + second.instructions == row.instructions
    assert (row.cycles is None) == (board_id != "mps2-an386")
    with pytest.raises(SystemExit, match="fewer calls than 6 layers make"):
        engine.layer_costs([cycles.Cost(1, None)] * 7, replace(rival, layers=("x",) * 6))


def test_tflm_gets_the_operators_of_the_file():
    network = to_tflite(conversion().quantized)
    found = list(tflm.operators(network))
    assert [name for _, name in found] == [node.name for node in conversion().quantized.nodes]
    text = tflm.source(network)
    for kind in {kind for kind, _ in found} - {"MEAN", "RESHAPE"}:
        assert text.count(f"(tflite::Register_{kind}_INT8());") == 1
    assert text.count("resolver->AddMean();") == 1
    assert f"MicroMutableOpResolver<{len({kind for kind, _ in found})}> Resolver;" in text
    assert f"network[] = {{{','.join(map(str, network))}}};" in text


def test_tflm_needs_its_third_party_sources(tmp_path: Path):
    with pytest.raises(SystemExit, match="run third_party_downloads"):
        tflm.build_library(tmp_path, microlut.load_board("mps2-an386"), tmp_path / "library")


def test_new_rows_replace_old_ones_of_the_same_measurement():
    row = Row("ad", engine.BOARDS[0], "core", MICROLUT, 4, 1, 10, None, 0, 0, None, ())
    rival = replace(row, engine="CMSIS-NN s8", bits=8)
    old = [replace(row, model="gone"), rival, replace(row, instructions=20)]
    new = [row, replace(row, bits=8), replace(row, model="vww")]
    found = engine.merged(old, new, ["vww", "ad"])
    assert found == [new[2], row, new[1], rival]


def test_random_networks_are_sound_and_the_same_each_time():
    first, second = (shapes.conversion("wake_word", 4) for _ in range(2))
    check_graph(first.quantized)
    assert first.sources == second.sources
    assert first.report.layers[0].macs == 28 * 3 * 40
    assert len(cmsis_nn.called(first.quantized)) == len(first.report.layers) - 1  # but the reshape
    assert cmsis_nn.supports(first.quantized)
    assert tflm.supports(to_tflite(first.quantized))


def test_engines_without_an_operator_are_left_out():
    swish = shapes.conversion("efficient_net", 8).quantized
    assert not cmsis_nn.supports(swish)
    assert not tflm.supports(to_tflite(swish))
