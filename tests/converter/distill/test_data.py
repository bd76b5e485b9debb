"""Training data in all the forms that people have them in."""

import numpy as np
import pytest

from microlut.distill.data import Ends, TrainingData, training_data
from microlut.distill.targets import Target
from microlut.errors import InvalidInput
from microlut.ops.tensor import Tensor

CLASSES = Target("end", "classes", (4,), "scores")
VALUES = Target("place", "values", (2,), "place", squashed=False)
ENDS = Ends((Tensor("x", (2, 3)),), (CLASSES,))
TWO_INPUTS = Ends((Tensor("a", (2,)), Tensor("b", (3,))), (CLASSES,))
TWO_OUTPUTS = Ends(ENDS.inputs, (CLASSES, VALUES))


def arrays(count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 2, 3)).astype(np.float32), rng.integers(0, 4, count)


def rows(data: TrainingData, epoch: int = 0) -> list[bytes]:
    found = [part.inputs.arrays["x"] for part in data.batches(epoch)]
    return [row.tobytes() for part in found for row in part]


def test_a_tenth_of_arrays_judges_and_is_not_trained_with():
    x, y = arrays()
    data = training_data((x, y), None, ENDS, 32)
    judges = [row.tobytes() for row in data.judges.inputs.arrays["x"]]
    assert (len(judges), data.steps, data.labelled) == (10, 3, True)
    assert set(judges).isdisjoint(rows(data))
    assert sorted(judges + rows(data)) == sorted(row.tobytes() for row in x)
    assert len(data.calibration) == 90


def test_order_differs_by_epoch_and_is_repeatable():
    data = training_data(arrays(), None, ENDS, 32)
    assert rows(data, 1) == rows(data, 1)
    assert rows(data, 1) != rows(data, 2)
    assert sorted(rows(data, 1)) == sorted(rows(data, 2))


def test_labels_follow_their_inputs():
    x, y = arrays()
    data = training_data((x, y), None, ENDS, 16)
    known = {row.tobytes(): int(label) for row, label in zip(x, y, strict=True)}
    for part in data.batches(3):
        for row, label in zip(part.inputs.arrays["x"], part.targets["end"], strict=True):
            assert known[row.tobytes()] == label


def test_one_hot_labels_are_class_numbers():
    x, y = arrays()
    data = training_data((x, np.eye(4)[y]), None, ENDS, 100)
    (part,) = data.batches(0)
    assert set(part.targets["end"].ravel()) == set(range(4))
    columns = training_data((x, y[:, None]), None, ENDS, 100)
    assert np.array_equal(columns.judges.targets["end"], data.judges.targets["end"])


def test_files_and_arrays_without_labels(tmp_path):
    x, y = arrays()
    np.savez(tmp_path / "train.npz", x=x, y=y)
    assert training_data(tmp_path / "train.npz", None, ENDS, 10).labelled
    assert not training_data(x, None, ENDS, 10).labelled


class Indexed:
    """Batches by number, as keras.utils.PyDataset has them."""

    def __init__(self) -> None:
        self.ended = 0

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        x, y = arrays()
        return x[25 * i : 25 * i + 25], y[25 * i : 25 * i + 25]

    def on_epoch_end(self) -> None:
        self.ended += 1


def test_batches_by_number():
    x, y = arrays(30)
    given = Indexed()
    data = training_data(given, (x, y), ENDS, 7)
    assert (data.steps, len(data.judges), len(data.calibration)) == (4, 30, 100)
    assert len(rows(data)) == 100
    assert given.ended == 0
    rows(data, 1)
    assert given.ended == 1


def test_tensorflow_datasets_are_iterated():
    tf = pytest.importorskip("tensorflow")
    x, y = arrays()
    stream = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(100).batch(40)
    data = training_data(stream, stream.take(1), ENDS, 7)
    assert (data.steps, len(data.judges), data.labelled) == (3, 40, True)
    assert sorted(rows(data)) == sorted(row.tobytes() for row in x)


def test_several_inputs_by_name_and_in_order():
    a, b = np.ones((40, 2), np.float32), np.zeros((40, 3), np.float32)
    y = np.zeros(40, int)
    for x in ({"a": a, "b": b}, (a, b), [a, b]):
        data = training_data((x, y), None, TWO_INPUTS, 10)
        assert list(next(data.batches(0)).inputs.arrays) == ["a", "b"]


def test_targets_of_several_outputs_by_name_and_in_order(tmp_path):
    x, y = arrays(40)
    place = np.arange(80).reshape(40, 2)
    np.savez(tmp_path / "train.npz", x=x, end=y, place=place)
    named = {"end": y, "place": place}
    for data in ((x, [y, place]), (x, named), tmp_path / "train.npz", {"x": x, **named}):
        judges = training_data(data, None, TWO_OUTPUTS, 10).judges
        assert judges.learned == ("end", "place")
        assert np.array_equal(judges.targets["end"][:, 0], y[::10])
        assert np.array_equal(judges.targets["place"], place[::10])
    some = training_data((x, {"place": place, "end": None}), None, TWO_OUTPUTS, 10)
    assert some.judges.learned == ("place",)


@pytest.mark.parametrize(
    ("data", "validation", "message"),
    [
        ((arrays()[0], arrays()[1]), None, "the model has 2 outputs; give arrays by their names"),
        ((arrays()[0], {"other": arrays()[1]}), None, "'other', which is no output"),
        ((arrays()[0], {"end": arrays(99)[1]}), None, "99 samples, but there are 100 inputs"),
        (
            (arrays()[0], {"end": arrays()[1]}),
            (arrays()[0], {"place": np.zeros((100, 2))}),
            "data has targets of end, validation of place",
        ),
    ],
)
def test_wrong_targets_of_several_outputs(data, validation, message):
    with pytest.raises(InvalidInput, match=message):
        training_data(data, validation, TWO_OUTPUTS, 10)


@pytest.mark.parametrize(
    ("data", "validation", "message"),
    [
        ((arrays()[0],), None, "data has 1 parts; give a pair"),
        ((*arrays(), 1), None, "data has 3 parts; give a pair"),
        (arrays(19), None, "data has 19 samples; give 20 or more, or validation"),
        (Indexed(), None, "whose order may change; give samples that judge"),
        (arrays(), arrays()[0], "only one of data and validation has targets"),
        (Indexed(), arrays()[0], "only one of data and validation has targets"),
        ((np.zeros((30, 5)), np.zeros(30)), None, "the model expects"),
        (iter(()), arrays(), "data has no batches"),
    ],
)
def test_wrong_data_are_told_in_a_line(data, validation, message):
    with pytest.raises(InvalidInput, match=message) as error:
        training_data(data, validation, ENDS, 10)
    assert len(str(error.value).splitlines()) == 1
