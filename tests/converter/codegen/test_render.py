"""Generated C: reproducible, free of paths and dates, and compilable whatever the names are."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import random_graphs as rg
from graphs import make_node, net
from microlut.codegen.render import ABI, Sources, render
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.graph.network import State
from microlut.integer import QuantizedGraph
from microlut.ops.activation import ActivationKind
from microlut.ops.dense import Dense
from microlut.ops.relu import Relu
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.tensor import Tensor
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.support.resources import data_folder
from microlut.version import VERSION
from planned_nets import ADD, Net
from sweeps import in_sweeps

ODD_NAMES = [
    "int",
    "while",
    "*/ int x; /*",
    "层",
    "слой",
    "2nd",
    "a b",
    "a_b",
    "A-B",
    "mlut_conv2d",
    "model/conv:0",
    "line\nbreak",
    "back\\slash\\",
    '"quoted"',
    "%s",
    "x" * 200,
    "x" * 201,
    "NULL",
    "base",
    "arena",
    "??/",
    "",
]


def chain(names: list[str], name: str = "net", bits: int = 4) -> QuantizedGraph:
    """Return alternating dense and relu layers with the given layer names."""
    rng = np.random.default_rng(0)
    nodes, last = [], "the input"
    for i, layer in enumerate(names):
        kernel = rng.normal(size=(3, 3)).astype(np.float32)
        op = Relu(ActivationKind.RELU) if i % 2 else Dense(kernel, np.ones(3, np.float32))
        nodes.append(make_node(layer, op, (last,), (3,)))
        last = layer
    graph = net(name, "the input", (3,), tuple(nodes), last)
    x = rng.normal(size=(4, 3)).astype(np.float32)
    return quantize(graph, calibrate(graph, x), x, WeightConfig(bits))


def compile_sources(sources: Sources, folder: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc; install it with scripts/install-tools.sh")
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    warnings = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wmissing-prototypes -Wundef -Werror"
    for name in ("model.c", "weights.c"):
        command = [compiler, "-std=c11", *warnings.split(), f"-I{data_folder('firmware')}/include"]
        command += ["-c", str(folder / name), "-o", str(folder / f"{name}.o")]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_layers_of_any_name_compile(tmp_path: Path):
    compile_sources(render(make_plan(chain(ODD_NAMES))), tmp_path)


@pytest.mark.parametrize(
    "name", ["int", "2nd net", "*/", "mlut", "层", "", "Main", "a" * 100, "n\\"]
)
def test_model_of_any_name_compiles(name: str, tmp_path: Path):
    q = replace(chain(["d", "r"], name), source=f"{name}.h5", source_sha256="*/ #error /*")
    compile_sources(render(make_plan(q)), tmp_path)


def test_model_without_weights_compiles(tmp_path: Path):
    case = next(rg.operator_cases("max_pool2d", 1))
    compile_sources(render(make_plan(case.quantized())), tmp_path)


def test_equal_graphs_give_equal_bytes():
    one, other = (render(make_plan(next(rg.network_cases(1)).quantized())) for _ in range(2))
    assert one == other


def test_sources_hold_no_path_and_no_date():
    q = replace(chain(["d", "r"]), source="model.h5", source_sha256="ab" * 32)
    text = "".join(render(make_plan(q)).values())
    assert str(Path.cwd()) not in text
    assert str(data_folder("firmware")) not in text
    assert re.search(r"20\d\d-\d\d|\d\d:\d\d|(?<![*/])/(home|work|tmp|usr)/", text) is None


def test_sources_are_model_header_and_weights_in_ascii():
    sources = render(make_plan(chain(ODD_NAMES)))
    assert set(sources) == {"model.h", "model.c", "weights.h", "weights.c"}
    assert all(text.isascii() and text.endswith("\n") for text in sources.values())


def test_header_names_source_version_and_engine():
    q = replace(chain(["d"]), source="keras.h5", source_sha256="ab" * 32)
    header = render(make_plan(q))["model.h"]
    assert f"converted by microlut {VERSION} from keras.h5" in header
    assert "ab" * 32 in header
    assert f"#if MLUT_ABI != {ABI}\n#error" in header


def test_engine_has_the_abi_that_the_sources_ask_for():
    header = data_folder("firmware") / "include" / "microlut" / "microlut.h"
    assert re.search(rf"#define MLUT_ABI {ABI}\b", header.read_text())


def test_other_engine_is_refused_by_the_compiler(tmp_path: Path):
    sources = render(make_plan(chain(["d"])))
    older = sources["model.h"].replace(f"MLUT_ABI != {ABI}", f"MLUT_ABI != {ABI + 1}")
    with pytest.raises(AssertionError, match="regenerate it"):
        compile_sources({**sources, "model.h": older}, tmp_path)


def test_headers_of_the_operators_in_use_are_included():
    code = render(make_plan(chain(["d", "r", "e"])))["model.c"]
    included = re.findall(r'^#include "(.*)"$', code, re.M)
    assert included == [
        "model.h",
        "microlut/check.h",
        "microlut/dense.h",
        "microlut/relu.h",
        "weights.h",
    ]


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_file_has_as_many_bytes_as_planned(bits: int):
    plan = make_plan(chain(["d", "r", "e"], bits=bits))
    text = render(plan)["weights.c"]
    sizes = [
        int(n)
        for n in re.findall(r"^const u?int8_t net_(?:indices|codebook)_\w+\[(\d+)\]", text, re.M)
    ]
    assert sum(sizes) == plan.weight_bytes
    words = re.findall(r"^const uint16_t net_channels_\w+\[(\d+)\]", text, re.M)
    assert len(words) == 2
    assert 2 * sum(int(n) for n in words) == plan.parameter_bytes


def test_output_stages_are_the_plans():
    plan = make_plan(chain(["d"], bits=8))
    stage, sources = plan.steps[0].stage, render(plan)
    values = re.search(
        r"^const uint16_t net_channels_d\[6\] MLUT_WEIGHTS_SECTION = \{\n(.*?)\n\};",
        sources["weights.c"],
        re.M | re.S,
    )
    assert values is not None
    words = re.findall(r"^    (.*), /\*", values[1], re.M)
    assert [int(v) for v in ",".join(words).split(",")] == stage.channels.ravel().tolist()
    fields = {"words": 2, "bias_shift": stage.bias_shift, "shift": stage.shift}
    for name, value in fields.items():
        assert re.search(rf"^ +\.{name} = {value},$", sources["model.c"], re.M)
    assert f".ratio = UINT64_C({stage.ratio})," in sources["model.c"]


WORDS = (
    *("arena", "at", "channels", "codebook", "dequantize", "indices", "init", "input", "inputs"),
    *("layer", "model", "output", "outputs", "quantize", "reset", "run", "scratch", "table"),
)


@pytest.mark.parametrize("words", [WORDS, *in_sweeps((WORDS[::-1],))])
def test_inputs_and_layers_may_be_called_as_parts_of_the_generated_names(
    words: tuple[str, ...], tmp_path: Path
):
    rng = np.random.default_rng(0)
    inputs = tuple(Tensor(word, (3,)) for word in words[::2])
    layers = [*words[1::2], *(f"{w}_a" for w in words), *(f"a_{w}" for w in words), "a"]
    nodes = [
        make_node(name, _ANY_OP[i % 2](rng), (inputs[i % len(inputs)].name,), (3,))
        for i, name in enumerate(layers)
    ]
    graph = Graph("net", inputs, tuple(nodes), tuple(layers))
    x = Batch({tensor.name: rng.normal(size=(2, 3)).astype(np.float32) for tensor in inputs})
    plan = make_plan(quantize(graph, calibrate(graph, x), x, WeightConfig(4)))
    compile_sources(render(plan), tmp_path)


_ANY_OP = (
    lambda rng: Dense(rng.normal(size=(3, 3)).astype(np.float32), np.ones(3, np.float32)),
    lambda _: Sigmoid(),
)


def test_states_that_cannot_change_in_place_are_copied_behind_the_last_layer():
    graph = chain(["a", "b"])
    (x,) = graph.inputs
    state = State(replace(x, name="old"), x.name)
    plan = make_plan(replace(graph, states=(state,)))
    (copy,) = plan.copies
    text = render(plan)["model.c"]
    assert (copy.source, copy.to) == (x.name, "old")
    line = f"memcpy(base + net_at_old, base + net_at_the_input, {copy.bytes}u);"
    assert text.index("mlut_relu(") < text.index(line) < text.index("return base")
    assert "#include <string.h>" in text
    assert "string.h" not in render(make_plan(graph))["model.c"]


def test_models_of_several_tensors_and_states_compile(tmp_path: Path):
    net = Net(8)
    net.input("y", 8)
    for new, old in (("one", "two"), ("two", "one"), ("sum", "add0")):
        net.state(new, old)
    net.add(ADD, "x", "sum")
    net.add(ADD, "y", net.add(ADD, "one", "two"))
    plan = make_plan(net.graph("add2", "one"))
    sources = render(plan)
    assert [copy.to for copy in plan.copies] == ["copy of one", "one", "two"]
    for function in ("net_input_x", "net_input_y", "net_output_add2", "net_output_one"):
        assert f"{function}(" in sources["model.c"]
    accessor = re.search(r"\*net_output_one\(.*?\n\}", sources["model.c"], re.S)
    assert accessor is not None
    assert "net_at_copy_of_one" in accessor[0]
    compile_sources(sources, tmp_path)
