"""Files of TensorFlow Lite: what is read of them, and what is said about those that cannot be."""

import os
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.conversion.pipeline import convert
from microlut.errors import InvalidInput, MicrolutError, UnsupportedModel
from microlut.graph.batch import Batch
from microlut.importers import examine_model, import_model
from microlut.integer import QuantizedGraph
from microlut.verification.runtimes import run_tflite_micro

OTHERS = Path(os.environ.get("MICROLUT_TFLITE_FILES", "/nowhere"))


def network(seed: int = 1) -> QuantizedGraph:
    """Return a random network of convolutions with a dense layer and a softmax."""
    return next(rg.network_cases(1, seed=seed)).quantized()


@pytest.fixture(scope="module")
def content() -> bytes:
    return to_tflite(network())


def check_equal(content: bytes, folder: Path, inputs: Batch | None = None) -> QuantizedGraph:
    """Compare the imported integers with tflite-micro running the file itself."""
    found = tm.stored(tm.imported(content, folder))
    inputs = tm.random_inputs(found) if inputs is None else inputs
    assert np.array_equal(tm.outputs(found, inputs), run_tflite_micro(content, inputs))
    return found


@pytest.mark.parametrize("name", ["resnet8_cifar10_int8.tflite", "kws_dscnn_int8.tflite"])
def test_official_file_of_8_bits_has_the_bytes_of_tflite_micro(name: str, shared_data: Path):
    path = shared_data / name
    made = convert(path, bits=8)
    inputs = tm.random_inputs(made.quantized, count=6)
    wanted = run_tflite_micro(path.read_bytes(), inputs)
    assert np.array_equal(tm.outputs(made.quantized, inputs), wanted)
    assert made.tflite is not None
    assert np.array_equal(run_tflite_micro(made.tflite, inputs), wanted)


@pytest.mark.sweep
def test_files_of_a_folder_have_the_bytes_of_tflite_micro():
    """Compare all files of integers below MICROLUT_TFLITE_FILES; others must be refused or read."""
    if not OTHERS.is_dir():
        pytest.skip("needs a folder of .tflite files in MICROLUT_TFLITE_FILES")
    compared = 0
    for path in sorted(OTHERS.rglob("*.tflite")):
        try:
            graph = import_model(path)
        except MicrolutError:
            continue
        if not graph.exact:
            continue
        found = tm.stored(graph)
        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0).subgraphs[0]
        kinds = {model.tensors[i].type for i in (*model.inputs, *model.outputs)}
        if kinds <= {schema.TensorType.INT8, schema.TensorType.INT16}:
            inputs = tm.random_inputs(found)
            wanted = run_tflite_micro(path.read_bytes(), inputs)
            assert np.array_equal(tm.outputs(found, inputs), wanted), path
            compared += 1
    assert compared


def test_batch_that_the_file_leaves_open_is_1(content: bytes, tmp_path: Path):
    def leave_open(model):
        for tensor in model.subgraphs[0].tensors:
            if len(tensor.shape) > 1:
                tensor.shapeSignature = [-1, *tensor.shape[1:]]

    check_equal(tm.changed(content, leave_open), tmp_path)


def test_file_with_old_codes_alone_is_read(content: bytes, tmp_path: Path):
    def forget(model):
        for code in model.operatorCodes:
            code.builtinCode = 0

    before = import_model(_written(content, tmp_path))
    after = import_model(_written(tm.changed(content, forget), tmp_path))
    assert list(map(type, after.exact.values())) == list(map(type, before.exact.values()))
    assert list(after.exact) == list(before.exact)


def test_names_that_are_missing_or_twice_become_different(content: bytes, tmp_path: Path):
    def same(model):
        for i, tensor in enumerate(model.subgraphs[0].tensors):
            tensor.name = "same" if i % 2 else None

    found = check_equal(tm.changed(content, same), tmp_path)
    assert len(found.tensors()) == len(found.nodes) + 1


def test_weights_with_one_scale_are_read(tmp_path: Path):
    case = next(c for c in rg.operator_cases("conv2d", 9) if c.config.granularity == "tensor")

    def one(model):
        for tensor in model.subgraphs[0].tensors:
            if tensor.quantization is not None and len(tensor.quantization.scale) > 1:
                tensor.quantization.scale = tensor.quantization.scale[:1]
                tensor.quantization.zeroPoint = [0]

    check_equal(tm.changed(to_tflite(case.quantized()), one), tmp_path)


def test_scales_of_24_bits_give_the_multipliers_of_tflite_micro(tmp_path: Path):
    rng = np.random.default_rng(3)

    def blur(model):
        for tensor in model.subgraphs[0].tensors:
            if tensor.quantization is not None and len(tensor.quantization.scale) > 1:
                noise = rng.uniform(0.7, 1.4, len(tensor.quantization.scale))
                tensor.quantization.scale = np.float32(tensor.quantization.scale * noise)

    for case in rg.network_cases(6, seed=24):
        check_equal(tm.changed(to_tflite(case.quantized()), blur), tmp_path)


@pytest.mark.parametrize("kind", ["dense", "conv2d"])
def test_layer_without_bias_has_the_multipliers_of_tflite_micro(kind: str, tmp_path: Path):
    rng = np.random.default_rng(7)

    def bare(model):
        graph = model.subgraphs[0]
        for operator in graph.operators:
            if len(operator.inputs) == 3:
                weights = graph.tensors[operator.inputs[1]].quantization
                weights.scale = np.float32(weights.scale[:1] * rng.uniform(0.5, 1.5))
                weights.zeroPoint = [0]
                operator.inputs = [*operator.inputs[:2], -1]

    for case in rg.operator_cases(kind, 6, seed=5):
        found = check_equal(tm.changed(to_tflite(case.quantized()), bare), tmp_path)
        again = run_tflite_micro(to_tflite(found), tm.random_inputs(found))
        assert np.array_equal(again, tm.outputs(found, tm.random_inputs(found)))


def test_uint8_ends_become_int8_ends(content: bytes, tmp_path: Path):
    graph = tm.imported(tm.changed(content, tm.unsigned_ends), tmp_path)
    plain = tm.imported(content, tmp_path)
    found, wanted = tm.stored(graph), tm.stored(plain)
    inputs = tm.random_inputs(wanted)
    assert np.array_equal(tm.outputs(found, inputs), tm.outputs(wanted, inputs))
    assert found.inputs[0].quantization == wanted.inputs[0].quantization
    assert len(graph.notes) == 2
    assert all("int8 instead of uint8" in note for note in graph.notes)


@pytest.mark.parametrize("bits", [8, 4])
def test_real_ends_become_the_integers_within(content: bytes, bits: int, tmp_path: Path):
    path = _written(tm.changed(content, tm.real_ends), tmp_path)
    plain = tm.stored(tm.imported(content, tmp_path))
    made = convert(path, bits=bits).quantized
    assert made.inputs[0].quantization == plain.inputs[0].quantization
    if bits == 8:
        inputs = tm.random_inputs(plain)
        assert np.array_equal(tm.outputs(made, inputs), tm.outputs(plain, inputs))


def test_fewer_bits_keep_the_scales_of_activations(content: bytes, tmp_path: Path):
    path = _written(content, tmp_path)
    made = [convert(path, bits=bits) for bits in (8, 3)]
    assert [each.report.file_integers for each in made] == ["kept", "recoded"]
    whole, few = (each.quantized for each in made)
    assert [n.quantization for n in few.nodes] == [n.quantization for n in whole.nodes]
    assert {op.weights.bits for _, op in few.weighted()} == {3}


@pytest.mark.parametrize(
    "options", [{"input_range": (0, 1)}, {"activations": 16}, {"range_rule": "min-max"}]
)
def test_options_that_the_file_decides_are_refused(content: bytes, options, tmp_path: Path):
    with pytest.raises(InvalidInput, match="keep the scales of the file"):
        convert(_written(content, tmp_path), **options)


def _written(content: bytes, folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return path


def _custom(model):
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].customCode = "FlexErf"


def _compiled(model):
    """Give a file code for an accelerator, with a constant of a type that nothing else has."""
    _custom(model)
    model.operatorCodes[0].customCode = "ethos-u"
    model.subgraphs[0].tensors[model.subgraphs[0].operators[0].inputs[-1]].buffer = 0


def _batch(model):
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    tensor.shape = [8, *tensor.shape[1:]]


def _unknown_size(model):
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
    tensor.shapeSignature = [-1, -1, *tensor.shape[2:]]


def _elsewhere(model):
    model.buffers[1].offset, model.buffers[1].size = 4096, 64


def _other_type(model):
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].type = schema.TensorType.INT32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_custom, "FlexErf is not supported; it needs TensorFlow"),
        (_compiled, "^[^:]*: the file: is compiled for an Ethos-U .* that Vela has read$"),
        (_batch, "has a batch of 8"),
        (_unknown_size, "unknown dimensions"),
        (_elsewhere, "outside of the flatbuffer"),
        (_other_type, "has type int32"),
    ],
)
def test_what_cannot_be_converted_is_named(content: bytes, change, words: str, tmp_path: Path):
    path = _written(tm.changed(content, change), tmp_path)
    with pytest.raises(UnsupportedModel, match=words) as error:
        import_model(path)
    assert "\n" not in str(error.value)


def test_relu6_to_another_scale_is_refused(tmp_path: Path):
    """Devices limit its bytes and leave the scale as it is."""

    def finer(model):
        main = model.subgraphs[0]
        main.tensors[main.outputs[0]].quantization.scale = [0.01]

    kind = schema.BuiltinOperator.RELU6
    contents = [to_tflite(case.quantized()) for case in rg.operator_cases("relu", 12)]
    codes = [schema.ModelT.InitFromPackedBuf(c, 0).operatorCodes[-1].builtinCode for c in contents]
    path = _written(tm.changed(contents[codes.index(kind)], finer), tmp_path)
    with pytest.raises(UnsupportedModel, match="another scale, which RELU6 on devices leaves out"):
        import_model(path)


def test_signature_may_be_left_out(content: bytes, tmp_path: Path):
    path = _written(content[:4] + bytes(4) + content[8:], tmp_path)
    found = import_model(path)
    assert set(found.exact) == set(import_model(_written(content, tmp_path)).exact)
    for wrong in (b"", bytes(64), content[:4], content[:4] + bytes(40), b"\xff" * 64):
        with pytest.raises(InvalidInput, match=r"signature of TensorFlow Lite|an empty file"):
            import_model(_written(wrong, tmp_path))


def test_custom_classes_are_those_of_keras(content: bytes, tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"this is a \.tflite file; leave it out"):
        import_model(_written(content, tmp_path), custom={"MyConv": "Conv2D"})


def test_all_obstacles_are_collected(content: bytes, tmp_path: Path):
    def two(model):
        _custom(model)
        _batch(model)

    found = examine_model(_written(tm.changed(content, two), tmp_path))
    assert found.graph is None
    assert len(found.collected.obstacles) > 1
    assert len(found.layers) > 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_part_of_a_file_is_called_damaged(content: bytes, share: float, tmp_path: Path):
    part = content[: max(8, int(len(content) * share))]
    with pytest.raises(InvalidInput, match="damaged") as error:
        import_model(_written(part, tmp_path))
    assert "\n" not in str(error.value)


def test_damaged_files_raise_expected_errors_in_bounded_time(tmp_path: Path):
    """Change some bytes of small files, in the tables rather than in the weights."""
    rng = np.random.default_rng(0)
    contents = [to_tflite(next(rg.operator_cases(k, 1)).quantized()) for k in ("dense", "add")]
    started, read = time.process_time(), 0
    for i in range(400):
        damaged = bytearray(contents[i % 2])
        for _ in range(int(rng.integers(1, 5))):
            place = int(rng.integers(0, len(damaged) - 4))
            value = [0, 1, 0x7FFFFFFF, 0xFFFFFFFF, int(rng.integers(0, 1 << 32))][i % 5]
            struct.pack_into("<I", damaged, place, value)
        try:
            import_model(_written(bytes(damaged), tmp_path))
            read += 1
        except MicrolutError as error:
            assert "\n" not in str(error)
    assert read < 400
    assert time.process_time() - started < 60
