"""The passes together keep what every model of the zoo computes."""

import numpy as np
import pytest

from graphs import make_node, net
from keras_zoo import ZOO, predict, sample_inputs, zoo_model
from microlut.errors import UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.graph.passes import PASSES, run_passes
from microlut.importers import import_model
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.identity import Identity
from microlut.ops.reshape import Reshape


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.keras
@pytest.mark.parametrize("name", ZOO)
def test_run_passes_keeps_the_outputs(name, keras):
    model = zoo_model("keras", name)
    x = sample_inputs(model)
    close(evaluate(run_passes(import_model(model)), x), predict(model, x))


@pytest.mark.keras
@pytest.mark.parametrize("name", ZOO)
def test_every_pass_keeps_the_outputs(name, keras):
    model = zoo_model("keras", name)
    x = sample_inputs(model)
    graph = import_model(model)
    expected = evaluate(graph, x)
    for rewrite in reversed(PASSES):
        close(evaluate(rewrite(graph), x), expected)


@pytest.mark.keras
@pytest.mark.parametrize("name", ZOO)
def test_run_passes_leaves_no_batch_norm_and_no_identity(name, keras):
    graph = run_passes(import_model(zoo_model("keras", name)))
    assert not [n for n in graph.nodes if isinstance(n.op, BatchNorm | Identity)]


@pytest.mark.keras
@pytest.mark.parametrize("name", ZOO)
def test_run_passes_states_true_shapes(name, keras):
    graph = run_passes(import_model(zoo_model("keras", name)))
    names = {graph.inputs[0].name}
    x = np.zeros((1, *graph.inputs[0].shape), np.float32)
    for node in graph.nodes:
        assert names.issuperset(node.inputs)
        assert node.name not in names
        names.add(node.name)
        until = net("part", graph.inputs[0].name, graph.inputs[0].shape, graph.nodes, node.name)
        assert evaluate(until, x).shape[1:] == node.shape
    assert graph.outputs[0] in names


@pytest.mark.keras
@pytest.mark.parametrize("name", ZOO)
def test_run_passes_changes_nothing_the_second_time(name, keras):
    once = run_passes(import_model(zoo_model("keras", name)))
    twice = run_passes(once)
    assert [n.name for n in twice.nodes] == [n.name for n in once.nodes]


def test_run_passes_refuses_a_model_that_computes_nothing():
    nodes = (
        make_node("a", Identity(), ("x",), (2, 2)),
        make_node("b", Reshape((2, 2)), ("a",), (2, 2)),
    )
    with pytest.raises(UnsupportedModel, match="no layer computes anything"):
        run_passes(net("nothing", "x", (2, 2), nodes, "b"))
