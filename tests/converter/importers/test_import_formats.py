"""Every model of the zoo, from every source, equals Keras."""

import numpy as np
import pytest

from keras_zoo import ZOO, predict, sample_inputs, zoo_model
from microlut.errors import InvalidInput
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model
from sweeps import in_sweeps

pytestmark = pytest.mark.keras

FORMATS = {
    "keras3-keras": ("keras", ".keras"),
    "keras3-h5": ("keras", ".h5"),
    "keras3-memory": ("keras", None),
    "keras2-keras": ("tf_keras", ".keras"),
    "keras2-h5": ("tf_keras", ".h5"),
    "keras2-savedmodel": ("tf_keras", ""),
    "keras2-memory": ("tf_keras", None),
}


def save(model, folder, suffix):
    """Return what the importer is given: a path, or the model itself."""
    if suffix is None:
        return model
    path = folder / f"model{suffix}"
    if suffix:
        model.save(path)
    else:
        model.save(path, save_format="tf")
    return path


# Keras 2 gives the second place of a shared layer's the calls of the first, and cannot read that.
WRITTEN_WRONGLY = {
    ("keras2-h5", "shared_before_nested"),
    ("keras2-savedmodel", "shared_before_nested"),
}
ALL = [(kind, name) for kind in FORMATS for name in ZOO if (kind, name) not in WRITTEN_WRONGLY]
SLOW = {("keras2-savedmodel", "recurrent_in_nested")}  # Keras traces and writes for 20 seconds
KERASES = ("keras", "tf_keras")
OF_KERAS = [[kind for kind, (source, _) in FORMATS.items() if source == k] for k in KERASES]
# Each model from each Keras, in the formats in turn; the others where all sweeps run.
OFTEN = [
    each
    for kinds in OF_KERAS
    for i, name in enumerate(ZOO)
    if (each := (kinds[i % len(kinds)], name)) in ALL and each not in SLOW
]


@pytest.mark.parametrize(("kind", "name"), sorted(WRITTEN_WRONGLY))
@pytest.mark.filterwarnings("ignore")
def test_import_model_says_what_it_looked_for(kind, name, tmp_path, request):
    keras_name, suffix = FORMATS[kind]
    request.getfixturevalue(keras_name)
    path = save(zoo_model(keras_name, name), tmp_path, suffix)
    with pytest.raises(InvalidInput, match="output 'last' cannot be reached") as caught:
        import_model(path)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in ZOO if "nested" in name or "shared" in name])
@pytest.mark.filterwarnings("ignore")
def test_keras2_file_is_read_that_was_written_after_one_of_another_format(name, tmp_path, tf_keras):
    # Keras 2 then leaves out the numbers of shared layers, of all or of some
    model = ZOO[name](tf_keras)
    save(model, tmp_path, ".h5")
    x = sample_inputs(model)
    found = evaluate(import_model(save(model, tmp_path, ".keras")), x)
    np.testing.assert_allclose(found, predict(model, x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "name"), [*OFTEN, *in_sweeps(*(each for each in ALL if each not in OFTEN))]
)
@pytest.mark.filterwarnings("ignore")
def test_import_model_equals_keras(kind, name, tmp_path, request):
    keras_name, suffix = FORMATS[kind]
    request.getfixturevalue(keras_name)
    model = zoo_model(keras_name, name)
    x = sample_inputs(model)
    expected = predict(model, x)
    found = evaluate(import_model(save(model, tmp_path, suffix)), x)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))
