"""The engine's vectors on an emulated Cortex-M55 against the integer interpreter, byte for byte.

The same networks as in test_engine.py; no byte behind the arena may change.
"""

from pathlib import Path

import pytest
from engine_batch import FIRMWARE, HERE, INCLUDES, M55, WARNINGS, require, run, scratch_last
from test_engine import assert_equal, check, for_ram

import random_graphs as rg
from sweeps import in_sweeps

pytestmark = pytest.mark.qemu
DECODE = [FIRMWARE / "src" / "mve" / "mve_decode_part.c"]
require_all = pytest.fixture(autouse=True)(lambda: require(M55.emulator[0]))


@pytest.mark.parametrize("name", ["isa_main.c", "mve_main.c"])
def test_primitives_equal_the_reference(name: str, tmp_path: Path):
    program = tmp_path / "program"
    flags = ("-std=c11", *M55.compile_options, *WARNINGS, *INCLUDES, *M55.link_options)
    sources = (HERE / name, FIRMWARE / "src" / "decode.c", *DECODE, *M55.link_sources)
    run(require(M55.compiler), *flags, *sources, "-o", program)
    assert M55.execute(program) == "mve: 0 failures\n"


@pytest.mark.parametrize("kind", [kind for kind in rg.OPERATORS if kind != "reshape"])
@pytest.mark.parametrize("count", [7, *in_sweeps(49)])
def test_operator_equals_the_interpreter(kind: str, count: int, tmp_path: Path):
    cases = rg.operator_cases(kind, count, seed=55)
    assert_equal(check([c.quantized() for c in cases], tmp_path, scratch_last, M55), kind)


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d", "dense"])
@pytest.mark.parametrize("count", [7, *in_sweeps(21)])
def test_operator_with_the_smallest_tiles_equals_the_interpreter(
    kind: str, count: int, tmp_path: Path
):
    graphs = [c.quantized() for c in rg.operator_cases(kind, count, seed=56)]
    found = check(graphs, tmp_path, lambda plan: scratch_last(for_ram(plan)), M55)
    assert_equal(found, kind)


def test_wide_layers_equal_the_interpreter(tmp_path: Path):
    graphs = [case.quantized() for case in rg.wide_cases()]
    assert_equal(check(graphs, tmp_path, scratch_last, M55), "wide")


@pytest.mark.parametrize("count", [7, *in_sweeps(14)])
def test_networks_equal_the_interpreter(count: int, tmp_path: Path):
    cases = [*rg.network_cases(count, seed=55), *(rg.kernel_case(b, b % 2) for b in range(2, 9))]
    found = check([case.quantized() for case in cases], tmp_path, lambda plan: plan, M55)
    for prefix in ("net", "kernels"):
        assert_equal(found, prefix)
