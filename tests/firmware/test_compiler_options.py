"""The engine with the options of users' projects, by GCC and Clang: it compiles, and runs the same.

Assembly takes more registers than a compiler has to give at -O0, with a frame pointer or with a
register that is kept free, so every core is compiled with all that takes registers away.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import (
    CORES,
    ENGINE,
    HERE,
    M0PLUS,
    M3,
    M4,
    M55,
    Target,
    clang_options,
    compile_all,
    engine_unit,
    require,
    run,
    run_batch,
)
from numpy.typing import NDArray

import random_layers as rl
from digits_example import conversion, samples
from microlut.integer import evaluate as int_ops
from microlut.ops.tensor import quantize_array
from microlut.plan import Plan, make_plan
from microlut.toolchain.stack import NAKED_BYTES
from sweeps import in_sweeps

pytestmark = pytest.mark.sweep

GCC, CLANG = "arm-none-eabi-gcc", "clang"
TAKING = (  # registers
    "-O0",
    "-O2 -fno-omit-frame-pointer",
    "-O2 -ffixed-r9",
    "-fPIC -ffixed-r9 -msingle-pic-base",
    "-finstrument-functions",
    "-O3 -funroll-loops",
    "-O2 -fno-inline",
    "-O1 -fno-omit-frame-pointer -mtpcs-frame -fstack-protector-all -ffixed-r9 -ffixed-r10",
)
OTHERS = ("-O1", "-Og", "-O3", "-Os", "-O2 -flto", "-O2 -fshort-enums -funsigned-char")
LEVELS = ("-O0", "-Os", *in_sweeps("-O2"))  # which all other tests take
KINDS = ("cortex-m0plus", "cortex-m3", "cortex-m4f", "cortex-m55")  # of instruction sets
ALIKE = tuple(core for core in CORES if core not in KINDS)
# Sources with assembly that takes more than a few registers.
QUICK = {"conv2d.c", "dense_dots.c", "depthwise_conv2d.c"} | {
    f"mve_{name}.c" for name in ("multiply", "conv2d", "dense", "depthwise_3x3")
}
DSP_ROWS = [f"mlut_dsp_rows_{form}" for form in ("signed", "positive", "2_signed", "2_positive")]
DSP_DENSE = (
    *("mlut_dsp_lookup4", "mlut_dsp_words4"),
    *("mlut_dsp_windows_2_6", "mlut_dsp_windows_3_6"),
    *("mlut_dsp_levels_5", "mlut_dsp_levels_6", "mlut_dsp_levels_7"),
)
V6M_DENSE = ("mlut_v6m_lookup4", "mlut_v6m_dot4")
MVE_DENSE = ("mlut_mve_dense_fours_4", "mlut_mve_dense_fours_8")
# What the linker looks for with -finstrument-functions.
PROFILER = """
void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);
volatile unsigned calls;
__attribute__((no_instrument_function)) void __cyg_profile_func_enter(void *function, void *caller)
{
    (void)function;
    (void)caller;
    calls++;
}
__attribute__((no_instrument_function)) void __cyg_profile_func_exit(void *function, void *caller)
{
    (void)function;
    (void)caller;
}
"""


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sources with much assembly as one; the others take two thirds of the time."""
    sources = [path for path in ENGINE if path.name in QUICK]
    assert len(sources) == len(QUICK)
    return engine_unit(tmp_path_factory.mktemp("unit"), sources)


@pytest.mark.parametrize("core", [*KINDS, *in_sweeps(*ALIKE)])
@pytest.mark.parametrize("options", TAKING)
def test_gcc_compiles_where_registers_are_taken(
    core: str, options: str, quick: Path, tmp_path: Path
):
    assert compile_all([quick], tmp_path, require(GCC), *CORES[core], *options.split())


@pytest.mark.parametrize("core", KINDS)
@pytest.mark.parametrize("options", OTHERS)
def test_gcc_compiles_at_every_level(core: str, options: str, quick: Path, tmp_path: Path):
    assert compile_all([quick], tmp_path, require(GCC), *CORES[core], *options.split())


@pytest.mark.parametrize("core", [*KINDS, *in_sweeps(*ALIKE)])
@pytest.mark.parametrize("options", ["-O0", "-O2 -fno-omit-frame-pointer -ffixed-r9"])
def test_clang_compiles(core: str, options: str, tmp_path: Path):
    unit = engine_unit(tmp_path)
    compiler = require(CLANG)
    assert compile_all([unit], tmp_path, compiler, *clang_options(core), *options.split())


def test_portable_engine_leaves_a_fixed_register_alone(quick: Path, tmp_path: Path):
    compiler, options = require(GCC), (*CORES["cortex-m4f"], "-O2", "-ffixed-r9")
    code = [
        run("arm-none-eabi-objdump", "-d", *compile_all([quick], tmp_path, compiler, *options, d))
        for d in ("-DPLAIN", "-DMLUT_PORTABLE")
    ]
    assert [bool(re.search(r"\br9\b", text)) for text in code] == [True, False]


@pytest.mark.parametrize(
    ("core", "name"),
    [
        *(("cortex-m0plus", "mlut_v6m_tile"), ("cortex-m3", "mlut_v7m_tile")),
        *(("cortex-m4f", "mlut_dsp_tile"), ("cortex-m55", "mlut_mve_tile")),
        *(("cortex-m0plus", name) for name in V6M_DENSE),
        ("cortex-m3", "mlut_v7m_lookup4"),
        *(("cortex-m4f", name) for name in (*DSP_ROWS, *DSP_DENSE)),
        *(("cortex-m55", name) for name in MVE_DENSE),
    ],
)
def test_assembly_takes_the_stack_that_is_planned(
    core: str, name: str, quick: Path, tmp_path: Path
):
    objects = compile_all([quick], tmp_path, require(GCC), *CORES[core], "-O2")
    code = run("arm-none-eabi-objdump", "-d", *objects).split(f"<{name}>:\n")[1].split("\n\n")[0]
    pushed = re.findall(r"(?:push|stmdb\tsp!,)\s*{(.*)}", code)
    words = sum(len(registers.split(",")) for registers in pushed)
    taken = sum(int(count) for count in re.findall(r"sub\s+sp, #(\d+)", code))
    assert 4 * words + taken == NAKED_BYTES[name]
    assert set(NAKED_BYTES) == {
        *(f"mlut_{isa}_tile" for isa in ("v6m", "v7m", "dsp")),
        *("mlut_mve_tile", "mlut_v7m_lookup4", *V6M_DENSE),
        *DSP_ROWS,
        *DSP_DENSE,
        *MVE_DENSE,
    }


@pytest.fixture(scope="module")
def networks() -> tuple[list[Plan], list[NDArray[np.int8]], list[NDArray[np.int8]]]:
    """Layers of all kinds and digits, inputs, and what the interpreter makes of them."""
    kinds = {"conv2d": range(4, 98, 19), "depthwise": range(4, 98, 19), "dense": range(7)}
    graphs = [graph for kind, cases in kinds.items() for graph in rl.layer_cases(kind, cases, 23)]
    inputs = [rl.layer_inputs(graph) for graph in graphs]
    digits = conversion().quantized
    graphs.append(digits)
    inputs.append(quantize_array(samples(len(inputs[0])).x, digits.inputs[0].quantized))
    wanted = [
        int_ops.evaluate(graph, x).reshape(len(x), -1)
        for graph, x in zip(graphs, inputs, strict=True)
    ]
    return [make_plan(graph) for graph in graphs], inputs, wanted


def check(networks, target: Target, folder: Path) -> None:
    plans, inputs, wanted = networks
    outputs = run_batch(plans, inputs, folder, target)
    for plan, got, expected in zip(plans, outputs, wanted, strict=True):
        assert np.array_equal(got, expected), plan.graph.name


def with_options(target: Target, *options: str) -> Target:
    """Return a target whose engine is one unit, and whose last options are these."""
    return replace(target, compile_options=(*target.compile_options, *options), unity=True)


# Cortex-M55 runs the files of Cortex-M33.
M33 = replace(
    M55,
    compile_options=(*CORES["cortex-m33"], *M55.compile_options[len(CORES["cortex-m55"]) :]),
    link_options=(*CORES["cortex-m33"], *M55.link_options[len(CORES["cortex-m55"]) :]),
)
RUNNING = {"m0plus": M0PLUS, "m3": M3, "m4": M4, "m55": M55}


@pytest.mark.qemu
@pytest.mark.parametrize("core", RUNNING)
@pytest.mark.parametrize("level", LEVELS)
def test_levels_give_the_same_bytes(networks, core: str, level: str, tmp_path: Path):
    check(networks, with_options(RUNNING[core], level), tmp_path)


@pytest.mark.qemu
@pytest.mark.parametrize("core", RUNNING)
def test_instrumented_functions_give_the_same_bytes(networks, core: str, tmp_path: Path):
    (tmp_path / "profiler.c").write_text(PROFILER)
    options = ("-O1", "-finstrument-functions", "-fno-omit-frame-pointer", "-ffixed-r9")
    target = with_options(RUNNING[core], *options)
    sources = (*target.link_sources, tmp_path / "profiler.c")
    check(networks, replace(target, link_sources=sources), tmp_path)


@pytest.mark.qemu
def test_link_time_optimization_gives_the_same_bytes(networks, tmp_path: Path):
    target = with_options(M4, "-g", "-flto")
    check(networks, replace(target, link_options=(*target.link_options, "-O2")), tmp_path)


@pytest.mark.qemu
def test_code_of_a_cortex_m33_gives_the_same_bytes(networks, tmp_path: Path):
    check(networks, with_options(M33, "-O0"), tmp_path)


@pytest.mark.qemu
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4f", "cortex-m55"])
def test_clang_gives_the_same_bytes(networks, core: str, tmp_path: Path):
    target = {"cortex-m0plus": M0PLUS, "cortex-m4f": M4, "cortex-m55": M55}[core]
    options = (*clang_options(core), "-O1", "-DBATCH_GUARD=64", f"-I{HERE}")
    linked = replace(target, compiler=CLANG, linker=GCC, compile_options=options, unity=True)
    check(networks, linked, tmp_path)
