"""verify and compare with the .tflite file of integers that a network was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import microlut
import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.streaming.stream import stream
from microlut.support.progress import silent
from microlut.verification.original import ORIGINAL, compare_original
from recurrent_streams import network
from streamed_nets import networks
from svdf_networks import CASES

CHANGES = {"int8": None, "uint8": tm.unsigned_ends, "float": tm.real_ends}


def content(ends: str = "int8") -> bytes:
    made = to_tflite(next(rg.network_cases(1, seed=1)).quantized())
    change = CHANGES[ends]
    return made if change is None else tm.changed(made, change)


def written(path: Path, bits: int, ends: str = "int8") -> microlut.Project:
    path.write_bytes(content(ends))
    return microlut.write(microlut.convert(path, bits=bits), path.parent / "out")


def inputs(project: microlut.Project, count: int = 6) -> np.ndarray:
    (tensor,) = project.report["inputs"]
    return np.random.default_rng(1).uniform(*tensor["range"], (count, *tensor["shape"]))


@pytest.mark.parametrize("ends", CHANGES)
def test_original_beside_the_folder_has_the_same_bytes(ends: str, tmp_path: Path):
    project = written(tmp_path / "net.tflite", 8, ends)
    outcome = microlut.verify(project, inputs(project), [])
    assert (outcome.forms[-1].form, outcome.forms[-1].samples) == (ORIGINAL, 6)
    assert outcome.bit_exact
    assert outcome.skipped == ()


def test_original_that_is_not_found_is_left_out_and_may_be_given(tmp_path: Path):
    path = tmp_path / "net.tflite"
    project = written(path, 8)
    moved = path.rename(tmp_path / "elsewhere.tflite")
    x = inputs(project)
    outcome = microlut.verify(project, x, [])
    ((form, why),) = outcome.skipped
    assert (form, "give it with --model" in why) == (ORIGINAL, True)
    assert microlut.verify(project, x, [], original=moved).forms[-1].form == ORIGINAL
    assert len(microlut.compare(project, x, moved).layers) == len(project.report["layers"])
    moved.write_bytes(moved.read_bytes() + b"0")
    with pytest.raises(InvalidInput, match="is not the file that was converted"):
        microlut.verify(project, x, [], original=moved)


def test_fewer_bits_have_no_original_to_equal(tmp_path: Path):
    project = written(tmp_path / "net.tflite", 4)
    outcome = microlut.verify(project, inputs(project), [])
    assert ORIGINAL not in {form.form for form in outcome.forms}
    assert outcome.skipped == ()
    with pytest.raises(InvalidInput, match="converted at 8 bits"):
        microlut.verify(project, inputs(project), [], original=tmp_path / "net.tflite")


def test_other_bytes_are_found(tmp_path: Path):
    graph = tm.stored(tm.imported(content(), tmp_path))
    x = tm.random_inputs(graph)
    expected = tm.outputs(graph, x)
    assert compare_original(graph, content("uint8"), x, expected, silent).agrees
    found = compare_original(graph, content("uint8"), x, expected ^ 1, silent)
    assert (found.agrees, found.different_bytes) == (False, expected.size)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("kind", ["lstm", "svdf", "variables"])
def test_networks_with_a_memory_go_on_from_input_to_input(kind: str, bits: int, tmp_path: Path):
    graph = MEMORIES[kind]()
    path = tmp_path / "net.tflite"
    path.write_bytes(to_tflite(graph))
    project = microlut.write(microlut.convert(path, bits=bits), tmp_path / "out")
    outcome = microlut.verify(project, inputs(project, 12), [])
    forms = [form.form for form in outcome.forms]
    assert outcome.bit_exact
    assert "tflite-micro" in forms
    assert (forms[-1] == ORIGINAL) == (bits == 8)


MEMORIES = {
    "lstm": lambda: replace(stream(network("steps", "lstm", sequences=True), 0), stream=None),
    "svdf": lambda: CASES[0].graph,
    "variables": lambda: replace(stream(*next(networks(1, seed=3))), stream=None),
}


def test_pruned_weights_of_8_bits_are_not_those_of_the_file(tmp_path: Path):
    path = tmp_path / "net.tflite"
    for number, made in enumerate((content(), *(to_tflite(m()) for m in MEMORIES.values()))):
        path.write_bytes(made)
        for sparsity, kept in ((0.0, "kept"), (0.7, "recoded")):
            found = microlut.convert(path, bits=8, sparsity=sparsity)
            assert found.report.file_integers == kept, number
            zeros = [np.mean(op.weights.int8() == 0) for _, op in found.quantized.weighted()]
            assert (np.mean(zeros) > 0.6) == (sparsity > 0)


def test_budget_that_biases_exceed_is_refused(tmp_path: Path):
    path = tmp_path / "net.tflite"
    path.write_bytes(to_tflite(CASES[1].graph))
    with pytest.raises(InvalidInput, match="is 30 bytes, of which output stages and biases alone"):
        microlut.convert(path, budget=microlut.Budget(flash_bytes=30))


def test_network_with_a_memory_is_not_streamed(tmp_path: Path):
    path = tmp_path / "net.tflite"
    path.write_bytes(to_tflite(CASES[0].graph))
    with pytest.raises(UnsupportedModel, match="leave the dimension of frames to stream out"):
        microlut.convert(path, stream=0)
