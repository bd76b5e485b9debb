"""The C interface of models: macros, helpers, hooks, several inputs and outputs, and state."""

import ctypes
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_batch import ENGINE, INCLUDES, WARNINGS, compile_all, require, run, write_sources

import random_graphs as rg
from graphs import output_of
from microlut.codegen import render as rendering
from microlut.codegen.render import render
from microlut.codegen.tensors import Place, TensorView, arena_map
from microlut.ops.tensor import Quantization, dequantize_array, quantize_array
from microlut.plan import Plan, make_plan
from microlut.support.resources import data_folder

NAME = "every4"


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A network with every operator."""
    return make_plan(rg.every_operator_case(4).quantized())


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its sources."""
    return write_sources(render(plan), tmp_path_factory.mktemp("interface") / NAME)


def program(folder: Path, main: str, place: Path, *options: str) -> Path:
    """Return a program of a model's sources and a main file, compiled with all warnings."""
    (place / "main.c").write_text(f'#include "model.h"\n#include <stdio.h>\n{main}')
    sources = [*ENGINE, folder / "model.c", folder / "weights.c", place / "main.c"]
    compiler = (require("gcc"), "-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover=all")
    objects = compile_all(sources, place / "objects", *compiler, f"-I{folder}", *options)
    run(*compiler, *objects, "-o", place / "program")
    return place / "program"


def test_quantize_and_dequantize_are_those_of_the_converter(
    plan: Plan, folder: Path, tmp_path: Path
):
    (tmp_path / "shim.c").write_text(
        '#include "model.h"\n'
        f"int8_t whole(float x);\nint8_t whole(float x) {{ return {NAME}_quantize(x); }}\n"
        f"float real(int8_t q);\nfloat real(int8_t q) {{ return {NAME}_dequantize(q); }}\n"
        f"int least(float x);\nint least(float x) {{ return (int){NAME}_threshold(x); }}\n"
        f"size_t top(int8_t *a);\nsize_t top(int8_t *a) {{ return {NAME}_top_class(a); }}\n"
    )
    library = tmp_path / "shim.so"
    options = ("-O2", "-shared", "-fPIC", "-std=c11", *WARNINGS, *INCLUDES, f"-I{folder}")
    run(require("gcc"), *options, tmp_path / "shim.c", "-o", library)
    shim = ctypes.CDLL(str(library))
    shim.whole.argtypes, shim.whole.restype = [ctypes.c_float], ctypes.c_int8
    shim.real.argtypes, shim.real.restype = [ctypes.c_int8], ctypes.c_float
    graph = plan.graph
    scale = np.float32(graph.inputs[0].scale)
    steps = np.arange(-600, 600, 0.25, np.float32)
    reals = np.concatenate([steps * scale, np.float32([1e30, -1e30, np.inf, -np.inf])])
    found = [shim.whole(float(x)) for x in reals]
    with np.errstate(over="ignore"):
        assert found == quantize_array(reals, graph.inputs[0].quantized).tolist()
    assert shim.whole(float("nan")) == -128
    values = np.arange(-128, 128).astype(np.int8)
    reals = np.float32([shim.real(int(value)) for value in values])
    assert np.array_equal(reals, dequantize_array(values, output_of(graph).quantized))
    shim.least.argtypes = [ctypes.c_float]
    between = (reals[1:] + reals[:-1]) / 2
    asked = np.concatenate([reals, between, np.float32([-1e30, 1e30, np.inf, -np.inf])])
    wanted = [next((v for v in range(-128, 128) if reals[v + 128] >= x), 128) for x in asked]
    assert [shim.least(float(x)) for x in asked] == wanted
    assert shim.least(float("nan")) == 128
    random, classes = np.random.default_rng(5), output_of(graph).shape[-1]
    for answer in random.integers(-2, 2, (50, classes)).astype(np.int8):
        assert shim.top(answer.ctypes.data_as(ctypes.c_void_p)) == answer.argmax()


def test_weights_and_arena_go_to_the_sections_that_macros_name(folder: Path, tmp_path: Path):
    (tmp_path / "microlut_config.h").write_text(
        '#define MLUT_WEIGHTS_SECTION __attribute__((section(".slow_flash")))\n'
        '#define MLUT_ARENA_SECTION __attribute__((section(".quick_ram")))\n'
    )
    sources = [folder / "model.c", folder / "weights.c"]
    objects = compile_all(sources, tmp_path, require("gcc"), f"-I{folder}", f"-I{tmp_path}")
    table = run("objdump", "-t", *objects)
    found = re.findall(r" O (\S+)\s+[0-9a-f]+ (\w+)$", table, re.M)
    placed = {name: section for section, name in found}
    assert placed[f"{NAME}_arena"] == ".quick_ram"
    arrays = {n for n in placed if re.match(rf"{NAME}_(indices|codebook|channels)_", n)}
    assert len(arrays) >= 9
    assert {placed[name] for name in arrays} == {".slow_flash"}
    assert placed[f"{NAME}_model"] not in (".slow_flash", ".quick_ram")


def test_hook_is_called_behind_every_layer_that_computes(plan: Plan, folder: Path, tmp_path: Path):
    (tmp_path / "microlut_config.h").write_text(
        "extern int layers;\n#define MLUT_AFTER_LAYER() layers++\n"
    )
    main = f"""
int layers;

int main(void)
{{
    {NAME}_init({NAME}_arena, sizeof {NAME}_arena);
    {NAME}_run({NAME}_arena);
    printf("%d", layers);
    return 0;
}}
"""
    made = program(folder, main, tmp_path, f"-I{tmp_path}")
    computing = [s for s in plan.steps if not s.merged and s.node.op.kind != "reshape"]
    assert int(run(made)) == len(computing) == len(plan.steps) - 1


def test_map_of_the_arena_is_the_plans(plan: Plan, folder: Path):
    code = (folder / "model.c").read_text()
    line = rf"^ +{NAME}_(at|scratch)_(\w+) = (\d+), /\* (\d+) to (\d+), steps (\d+) to (\d+): "
    places = {(m[0], m[1]): tuple(map(int, m[2:])) for m in re.findall(line, code, re.M)}
    last = {name: i for i, step in enumerate(plan.steps) for name in step.node.inputs}
    last[plan.graph.outputs[0]] = len(plan.steps) - 1
    scratches = 0
    for i, step in enumerate(plan.steps):
        size = step.node.outputs[0].bytes
        offset = plan.offsets[step.node.output]
        wanted = (offset, offset, offset + size - 1, i, last[step.node.name])
        assert places["at", step.node.name] == wanted
        if step.scratch_bytes:
            scratches += 1
            end = step.scratch_offset + step.scratch_bytes - 1
            assert places["scratch", step.node.name][:3] == (*[step.scratch_offset] * 2, end)
    assert scratches > 2
    assert places["at", f"{NAME}_input"][0] == plan.offsets[plan.graph.inputs[0].name]
    assert len(places) == len(plan.steps) + 1 + scratches
    assert not re.search(r"base \+ \d", code)


def test_statics_of_the_model_have_its_name(folder: Path, tmp_path: Path):
    objects = compile_all([folder / "model.c"], tmp_path, require("gcc"), f"-I{folder}")
    lines = run("nm", "--defined-only", *objects).splitlines()
    names = {line.split()[-1] for line in lines}
    assert len(names) > 12
    assert {name for name in names if not name.startswith(f"{NAME}_")} == set()


SEVERAL = f"""
#include <string.h>

int main(void)
{{
    static _Alignas(MLUT_ALIGNMENT) uint32_t arena[EVERY4_ARENA_BYTES / 4u + 1u];
    int8_t *const base = (int8_t *)arena;
    const mlut_model_t *model = &{NAME}_model;
    memset(arena, 0x55, sizeof arena);
    if ({NAME}_init(arena, sizeof arena) != {NAME}_input_left(arena)) {{
        return 1;
    }}
    for (uint32_t i = 0; i < 6u; i++) {{ /* init resets */
        if ({NAME}_state[i] != (i < 4u ? 0x55 : -7)) {{
            return 2;
        }}
    }}
    memset(base + EVERY4_ARENA_BYTES - 2, 1, 2);
    model->reset(arena);
    if (base[EVERY4_ARENA_BYTES - 2u] != -7 || base[EVERY4_ARENA_BYTES - 1u] != -7) {{
        return 3;
    }}
    int16_t *right = {NAME}_input_right(arena);
    const int16_t *scores = {NAME}_output_scores(arena);
    const int8_t *boxes = {NAME}_output_boxes(arena);
    if (model->input_count != 2u || model->output_count != 2u) {{
        return 4;
    }}
    if ((int8_t *)right != base + model->inputs[1].offset ||
        (const int8_t *)scores != base + model->outputs[0].offset ||
        boxes != base + model->outputs[1].offset) {{
        return 5;
    }}
    if (model->inputs[0].type != MLUT_INT8 || model->inputs[1].type != MLUT_INT16) {{
        return 6;
    }}
    if (model->input_bytes != 3u + 8u || EVERY4_INPUT_LEFT_BYTES != 3u) {{
        return 7;
    }}
    if (EVERY4_INPUT_RIGHT_RANK != 2 || EVERY4_INPUT_RIGHT_DIM_1 != 2u || EVERY4_INPUTS != 2u) {{
        return 8;
    }}
    if ({NAME}_quantize_right(1.0f) != 4 || {NAME}_quantize_right(1e9f) != INT16_MAX) {{
        return 9;
    }}
    int16_t five[5] = {{-9, 3, 300, 300, -300}};
    if ({NAME}_top_class_scores(five) != 2u || {NAME}_threshold_scores(2.01f) != 9) {{
        return 11;
    }}
    if ({NAME}_dequantize_scores(8) != 2.0f || EVERY4_STATE_BYTES != 2u) {{
        return 10;
    }}
    puts(model->inputs[1].name);
    return 0;
}}
"""


def test_models_with_several_tensors_and_state(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Views of tensors of both types replace those of a plan."""

    def view(n: str, *shape: int, value_bytes: int = 1, zero: int = 0) -> TensorView:
        return TensorView(n, n, f"_{n}", n, shape, Quantization(0.25, zero), value_bytes)

    def several(plan: Plan, names: Mapping[str, str]) -> dict[str, object]:
        return {
            "inputs": [view("left", 3), view("right", 2, 2, value_bytes=2)],
            "outputs": [view("scores", 5, value_bytes=2), view("boxes", 4)],
            "states": [view("memory", 2, zero=-7)],
        }

    def mapped(plan: Plan, names: Mapping[str, str]) -> list[Place]:
        places = list(arena_map(plan, names))
        part, last = plan.parts[0], plan.arena_bytes - 2
        offsets = {"left": 0, "right": 16, "scores": 32, "boxes": 48, "memory": last}
        added = [Place(f"at_{n}", at, 1, "", 0, 0, part) for n, at in offsets.items()]
        return [*added, *places]

    monkeypatch.setattr(rendering, "interface", several)
    monkeypatch.setattr(rendering, "arena_map", mapped)
    sources = render(plan)
    folder = write_sources(sources, tmp_path / "several")
    main = SEVERAL.replace(f"{NAME}_state[i]", "base[EVERY4_ARENA_BYTES - 6u + i]")
    assert run(program(folder, main, tmp_path)).strip() == "right"


def test_names_of_classes_are_in_the_program(plan: Plan, tmp_path: Path):
    size = output_of(plan.graph).shape[-1]
    names = ('a "b" \\', "Größe ??/", *(f"class {i}" for i in range(2, size)))
    named = replace(plan, graph=replace(plan.graph, class_names=names))
    folder = write_sources(render(named), tmp_path / "named")
    main = f"""
int main(void)
{{
    for (size_t i = 0; i < EVERY4_CLASS_NAMES; i++) {{
        puts({NAME}_class_names[i]);
    }}
    return {NAME}_check() != 0u;
}}
"""
    assert run(program(folder, main, tmp_path)).splitlines() == [*names]


STUBS = {  # of FreeRTOS, as far as the page uses it
    "FreeRTOS.h": "#define portMAX_DELAY 0xffffffffu\n",
    "queue.h": "typedef struct queue *QueueHandle_t;\n"
    "long xQueueReceive(QueueHandle_t queue, void *item, unsigned wait);\n"
    "long xQueueSend(QueueHandle_t queue, const void *item, unsigned wait);\n",
    "task.h": "void vTaskDelay(unsigned ticks);\nvoid inference_task(void *unused);\n",
}


def test_programs_of_the_page_compile(plan: Plan, tmp_path: Path):
    text = (data_folder("firmware").parent / "docs/reference/c-interface.md").read_text()
    programs = [p for p in re.findall(r"^```c\n(.*?)^```", text, re.M | re.S) if "#include" in p]
    stepped = [p for p in programs if "net_step(net_arena, step)" in p]
    assert len(stepped) == 2
    folder = write_sources(
        render(replace(plan, graph=replace(plan.graph, name="net"))), tmp_path / "net"
    )
    for name, stub in STUBS.items():
        (folder / name).write_text(stub)
    for i, program in enumerate(stepped):
        source = folder / f"program{i}.c"
        declared = "" if "FreeRTOS" in program else "const int8_t *infer(void);\n"
        source.write_text(f'#include "model.h"\n{declared}{program}')
        compile_all([source], tmp_path / "objects", require("gcc"), f"-I{folder}")
