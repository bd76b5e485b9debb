"""Einsum of ONNX models: equal to the reference, or refused with its equation."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.importers import import_model
from microlut.importers.onnx.products import MOST_PRODUCTS
from microlut.ops.dense import Dense
from onnx_models import float_error, model_of, node, save

RNG = np.random.default_rng(0)
# Of a tensor [batch, 4, 6] or [batch, 3, 4, 5], and a constant.
CONSTANTS = {
    "bij,jk->bik": ((4, 6), (6, 5)),
    "bij,kj->bki": ((4, 6), (5, 6)),
    "bchw,dc->bdhw": ((3, 4, 5), (2, 3)),
    "bchw,cd->bdhw": ((3, 4, 5), (3, 2)),
    "bchw,chd->bwd": ((3, 4, 5), (3, 4, 2)),
    "bij,ij->b": ((4, 6), (4, 6)),
    "bij,j->bij": ((4, 6), (6,)),
    "bij,jki->bk": ((4, 6), (6, 2, 4)),
    "...j,jk->...k": ((3, 4, 5), (5, 2)),
    "b...,j->bj...": ((4, 6), (3,)),
    "bij, kl -> bjk": ((4, 6), (2, 3)),
}


@pytest.mark.parametrize("equation", CONSTANTS)
@pytest.mark.parametrize("first", [False, True])
def test_with_a_constant(tmp_path, equation, first):
    """Either may come first."""
    shape, other = CONSTANTS[equation]
    left, arrow, output = equation.partition("->")
    x, y = (each.strip() for each in left.split(","))
    read = ["x", RNG.normal(size=other).astype(np.float32)]
    if first:
        left, read = f"{y},{x}", read[::-1]
    nodes = [node("Einsum", read, "y", equation=f"{left}{arrow}{output}")]
    path = save(model_of(nodes, {"x": ["batch", *shape]}), tmp_path)
    assert float_error(path) < 1e-5


def test_a_projection_of_channels_is_a_layer(tmp_path):
    """It has weights in few bits then."""
    nodes = [node("Einsum", ["x", np.ones((5, 3), np.float32)], "y", equation="bchw,dc->bdhw")]
    graph = import_model(save(model_of(nodes, {"x": [1, 3, 4, 4]}), tmp_path))
    assert any(isinstance(each.op, Dense) for each in graph.nodes)


@pytest.mark.parametrize(
    "equation",
    [
        "bij,bkj->bik",
        "bij,bkj->bki",
        "bij,bkj",
        "bij,bkl->bil",
        "...ij,...kj->...ik",
        "bij,bij->bi",
    ],
)
def test_of_two_tensors(tmp_path, equation):
    """Both are made of one input."""
    nodes = [
        node("Mul", ["x", RNG.normal(size=(1, 4, 1)).astype(np.float32)], "z"),
        node("Einsum", ["x", "z"], "y", equation=equation),
    ]
    assert float_error(save(model_of(nodes, {"x": [1, 4, 6]}), tmp_path)) < 1e-5


@pytest.mark.parametrize("equation", ["bij->bji", "bij->bj", "bij->b", "bij", "...j->..."])
def test_of_one_tensor(tmp_path, equation):
    """It sums up and moves."""
    nodes = [node("Einsum", ["x"], "z", equation=equation), node("Tanh", ["z"], "y")]
    assert float_error(save(model_of(nodes, {"x": [1, 4, 6]}), tmp_path)) < 1e-5


def test_refused_forms_name_the_equation(tmp_path):
    """Diagonals, three tensors, and too many products."""
    constant = np.ones((4, 4), np.float32)
    for read, equation, word in (
        (["x"], "bii->bi", "diagonals"),
        (["x", constant, constant], "bij,jk,kl->bil", "two by two"),
        (["x", "x"], "bij,bkl->bijkl", str(MOST_PRODUCTS)),
    ):
        size = 32 if "kl->bijkl" in equation else 4
        nodes = [node("Einsum", read, "y", equation=equation)]
        path = save(model_of(nodes, {"x": [1, size, size]}), tmp_path)
        with pytest.raises(UnsupportedModel, match=word):
            import_model(path)


def test_letters_that_do_not_fit_are_a_fault(tmp_path):
    """The file is damaged, as the message says."""
    nodes = [node("Einsum", ["x", np.ones((3, 2), np.float32)], "y", equation="bij,jk->bik")]
    with pytest.raises(InvalidInput, match="does not fit"):
        import_model(save(model_of(nodes, {"x": [1, 4, 6]}), tmp_path))
