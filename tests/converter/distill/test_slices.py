"""Training by batches in slices."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.quantize.weights import WeightConfig
from small_classifier import classifier, pictures, prepared

tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")

from microlut.distill import slices, train  # noqa: E402
from microlut.distill.student import Student  # noqa: E402


@pytest.mark.parametrize(("bits", "softmax"), [(2, True), (4, False)])
def test_slices_move_the_network_as_the_batch_does(bits, softmax, monkeypatch):
    ready = prepared(classifier(softmax), pictures(60), WeightConfig(bits))
    graph, quantized = ready.graph, ready.quantize(ready.configs)
    values = sum(tensor.size for tensor in graph.tensors().values())
    batches = [ready.samples[start : start + 23] for start in (0, 20)]

    def moved() -> list[np.ndarray]:
        student = Student(graph, quantized, ready.configs)

        def loss(powers, x):
            wanted = slices.float_tensors(graph, x)
            return train.loss_of(graph, wanted, student.tensors(x), powers)

        optimizer = tf.keras.optimizers.SGD(1e-3)
        optimizer.build(student.variables)
        step = slices.step_of(graph, student, optimizer, loss)
        before = [variable.numpy() for variable in student.variables]
        for batch in batches:
            step(dict(batch.arrays))
        return [v.numpy() - b for v, b in zip(student.variables, before, strict=True)]

    whole = moved()
    monkeypatch.setattr(slices, "_WHOLE_VALUES", 22 * values)
    monkeypatch.setattr(slices, "_SLICE_VALUES", 5 * values)
    for a, b in zip(whole, moved(), strict=True):
        np.testing.assert_allclose(b, a, rtol=0.02, atol=1e-3 * np.abs(a).max())
    assert max(np.abs(a).max() for a in whole) > 0


def test_targets_go_with_their_samples():
    batch = ({"x": np.arange(10).reshape(5, 2)}, {"y": np.arange(15).reshape(5, 3)})
    parts = [*slices._slices(batch, 5, 2)]
    assert [size for size, _ in parts] == [1, 2, 2]
    for key, place in (("x", 0), ("y", 1)):
        whole = np.concatenate([part[place][key] for _, part in parts])
        assert np.array_equal(whole, batch[place][key])
