"""Build an image that runs a network on TensorFlow Lite for Microcontrollers.

TFLM's interpreter runs the .tflite file that microlut writes, with the kernels that call CMSIS-NN.
It is compiled as TFLM's Makefile does for a release: -Os, kernels and CMSIS-NN with -O2, without
error texts, with only the operators that the network has, and of these only the int8 kernels. The
checkout needs its third-party sources, which TFLM's Makefile fetches (target
third_party_downloads). The compiler needs C++ headers (Debian: libstdc++-arm-none-eabi-newlib).
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cmsis_nn
from ai_edge_litert import schema_py_generated as schema
from console_image import GCC, Sizes, archive, includes, link, write_configuration

import microlut
from microlut.codegen.tflite import to_tflite
from microlut.integer import QuantizedGraph

CALLER = "_ZN6tflite21MicroInterpreterGraph14InvokeSubgraphEi"
CALLS_AN_OPERATOR = 2  # the kernel, and the function that clears its temporary allocations
EXTRA_BYTES = 4  # after the outputs: the number of arena bytes in use
_DOWNLOADS = Path("tensorflow/lite/micro/tools/make/downloads")
_ARENA_BYTES, _STACK_BYTES = 1 << 19, 1 << 14
_CORE = ("", "arena_allocator", "memory_planner", "tflite_bridge")
_TESTS = ("_test", "test_helper", "mock_", "fake_", "recording_")
_OPERATORS = {
    "ADD": ("Add", "add"),
    "AVERAGE_POOL_2D": ("AveragePool2D", "pooling"),
    "CONV_2D": ("Conv2D", "conv"),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2D", "depthwise_conv"),
    "FULLY_CONNECTED": ("FullyConnected", "fully_connected"),
    "MAX_POOL_2D": ("MaxPool2D", "pooling"),
    "MEAN": ("Mean", "reduce"),
    "PAD": ("Pad", "pad"),
    "RELU": ("Relu", "activations"),
    "RELU6": ("Relu6", "activations"),
    "RESHAPE": ("Reshape", "reshape"),
    "SOFTMAX": ("Softmax", "softmax"),
}
_ALL_TYPES = ("MEAN", "RELU", "RELU6", "RESHAPE")  # all others have an int8-only kernel
_OPTIONS = (
    *("-std=c++17", "-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics", "-funsigned-char"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fomit-frame-pointer", "-w"),
    *("-ffunction-sections", "-fdata-sections", "-DTF_LITE_STATIC_MEMORY", "-DNDEBUG"),
    *("-DTF_LITE_STRIP_ERROR_STRINGS", "-DCMSIS_NN", "-DKERNELS_OPTIMIZED_FOR_SPEED"),
    *("-DARM_NN_ENABLE_F16=0", "-DARM_NN_ENABLE_F32=0"),
)

_SOURCE = """#include <new>
#include <string.h>
#include "model.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"
typedef tflite::MicroMutableOpResolver<{kinds}> Resolver;
alignas(16) uint8_t rival_arena[RIVAL_ARENA_BYTES];
alignas(16) static const unsigned char network[] = {{{network}}};
alignas(Resolver) static uint8_t resolver_memory[sizeof(Resolver)];
alignas(tflite::MicroInterpreter) static uint8_t memory[sizeof(tflite::MicroInterpreter)];
static tflite::MicroInterpreter *interpreter;
static int8_t outputs[RIVAL_OUTPUT_BYTES];
extern "C" void __cxa_pure_virtual() {{ for (;;) {{}} }}
extern "C" void abort() {{ for (;;) {{}} }}
void operator delete(void *) noexcept {{}}
void operator delete(void *, size_t) noexcept {{}}
static int8_t *init(void *, size_t)
{{
    if (interpreter == nullptr) {{
        Resolver *resolver = new (resolver_memory) Resolver;
{adds}
        interpreter = new (memory) tflite::MicroInterpreter(
            tflite::GetModel(network), *resolver, rival_arena, RIVAL_ARENA_BYTES);
        if (interpreter->AllocateTensors() != kTfLiteOk) {{
            return nullptr;
        }}
        uint32_t used = interpreter->arena_used_bytes();
        memcpy(outputs + RIVAL_OUTPUT_BYTES - sizeof used, &used, sizeof used);
    }}
    return interpreter->input(0)->data.int8;
}}
static const int8_t *run(void *)
{{
    interpreter->Invoke();
    memcpy(outputs, interpreter->output(0)->data.int8, RIVAL_OUTPUT_BYTES - sizeof(uint32_t));
    return outputs;
}}
RIVAL_TENSORS
extern const mlut_model_t rival_model = {{"rival", RIVAL_SIZES, init, run, nullptr}};
"""


def build_library(checkout: Path, board: microlut.Board, folder: Path) -> tuple[Path, Path]:
    """Compile the runtime, all kernels that microlut's networks need, and CMSIS-NN for a board.

    Raises:
        SystemExit: The checkout is incomplete.
    """
    checkout = checkout.resolve()
    kernels = checkout / _DOWNLOADS / "cmsis_nn"
    if not kernels.is_dir():
        raise SystemExit(f"{checkout}: has no {_DOWNLOADS}/cmsis_nn; run third_party_downloads")
    folder.mkdir()
    options = [*board.flags, *_OPTIONS, *_headers(checkout)]
    jobs = [("-Os", source) for source in _runtime(checkout)]
    jobs += [("-O2", source) for source in _kernels(checkout)]

    def compile_one(job: tuple[str, Path]) -> None:
        level, source = job
        target = folder / source.relative_to(checkout).with_suffix(".o")
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [GCC, *options, level, "-c", str(source), "-o", str(target)]
        subprocess.run(command, check=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_one, jobs))
    runtime = archive(folder, "libtflm.a")
    return runtime, cmsis_nn.build_library(kernels, board, folder / "cmsis_nn", "-O2")


def build_image(
    graph: QuantizedGraph,
    board: microlut.Board,
    checkout: Path,
    libraries: tuple[Path, Path],
    folder: Path,
) -> Path:
    """Return the image of microlut's console application with the network on TFLM."""
    folder.mkdir()
    outputs = math.prod(graph.shape_of(graph.outputs[0])) + EXTRA_BYTES
    sizes = Sizes(_ARENA_BYTES, math.prod(graph.inputs[0].shape), outputs)
    roomy = board.model_copy(update={"stack_bytes": _STACK_BYTES})  # mostly for set-up
    write_configuration(roomy, sizes, folder)
    (folder / "model.cc").write_text(source(to_tflite(graph)), encoding="utf-8")
    options = [*board.flags, *_OPTIONS, *_headers(checkout.resolve()), *includes(folder), "-Os"]
    model = folder / "model.o"
    command = [GCC, *options, "-c", str(folder / "model.cc"), "-o", str(model)]
    subprocess.run(command, check=True)
    return link(roomy, folder, [model, *libraries, "-lm"])


def source(network: bytes) -> str:
    """Return the C++ code that runs a .tflite file on TFLM."""
    kinds = list(dict.fromkeys(kind for kind, _ in operators(network)))
    adds = "\n".join(f"        resolver->{_add(kind)};" for kind in kinds)
    return _SOURCE.format(kinds=len(kinds), network=",".join(map(str, network)), adds=adds)


def supports(network: bytes) -> bool:
    """Return whether the operators of a .tflite file are among those that are compiled."""
    return all(kind in _OPERATORS for kind, _ in operators(network))


def operators(network: bytes) -> Iterator[tuple[str, str]]:
    """Yield kind and output of each operator of a .tflite file, in order."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(network))
    graph = model.subgraphs[0]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        yield names[code.builtinCode], graph.tensors[operator.outputs[0]].name.decode()


def _add(kind: str) -> str:
    only_int8 = "" if kind in _ALL_TYPES else f"tflite::Register_{kind}_INT8()"
    return f"Add{_OPERATORS[kind][0]}({only_int8})"


def _headers(checkout: Path) -> list[str]:
    downloads = checkout / _DOWNLOADS
    names = ("gemmlowp", "flatbuffers/include", "ruy", "cmsis_nn", "cmsis/CMSIS/Core/Include")
    places = [checkout, downloads, *(downloads / name for name in names)]
    return [f"-I{place}" for place in (*places, downloads / "cmsis_nn" / "Include")]


def _runtime(checkout: Path) -> Iterable[Path]:
    lite = checkout / "tensorflow" / "lite"
    found = [file for name in _CORE for file in (lite / "micro" / name).glob("*.cc")]
    for folder in (lite / "core", lite / "kernels", checkout / "tensorflow" / "compiler"):
        found += folder.rglob("*.cc")
    return sorted(file for file in found if not any(part in file.stem for part in _TESTS))


def _kernels(checkout: Path) -> Iterator[Path]:
    folder = checkout / "tensorflow" / "lite" / "micro" / "kernels"
    yield folder / "kernel_util.cc"
    for name in sorted({name for _, name in _OPERATORS.values()}):
        special = folder / "cmsis_nn" / f"{name}.cc"
        yield special if special.exists() else folder / f"{name}.cc"
        if (common := folder / f"{name}_common.cc").exists():
            yield common
