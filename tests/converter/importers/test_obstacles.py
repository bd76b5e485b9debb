"""All obstacles of a model at once, also behind layers whose output is not known."""

import numpy as np
import pytest

from fake_keras import FakeLayer, FakeModel, dense
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model
from microlut.importers.obstacles import Collected


def conv(name: str, channels: int, filters: int = 2, **options: object) -> FakeLayer:
    kernel = np.ones((1, 1, channels, filters), np.float32)
    config = {"name": name, "kernel_size": 1, "filters": filters, "use_bias": False, **options}
    return FakeLayer("Conv2D", config, (kernel,))


def refused(*layers: FakeLayer, shape: tuple = (4, 4, 3)) -> UnsupportedModel:
    with pytest.raises(UnsupportedModel) as caught:
        import_model(FakeModel("net", shape, layers))
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_single_obstacle_is_told_as_ever():
    error = refused(conv("a", 3, padding="causal"))
    assert str(error) == (
        "model net: layer 'a' (Conv2D): padding 'causal'; supported are 'valid' and 'same'"
    )
    assert [(each.layer, each.found) for each in error.obstacles] == [("a", "padding 'causal'")]


def test_all_obstacles_of_one_layer_are_found():
    error = refused(conv("a", 3, padding="causal", activation="foo", dtype="int8", gate=1))
    found = [each.found for each in error.obstacles]
    assert found == [
        "option gate=1 is not known",
        "dtype policy 'int8'",
        "activation 'foo'",
        "padding 'causal'",
    ]


def test_layers_behind_an_obstacle_are_checked_where_its_shape_is_known():
    error = refused(
        conv("a", 3, activation="foo"),
        FakeLayer("Unheard", {"name": "b"}),
        conv("c", 3, padding="causal", activation="bar"),
    )
    found = [(each.layer, each.found) for each in error.obstacles]
    assert found == [
        ("a", "activation 'foo'"),
        ("b", "the class is not supported"),
        ("c", "activation 'bar'"),  # its padding is not, since nothing tells what b makes
    ]
    assert str(error).endswith(
        "not all of 'c' could be checked, since shapes are not known behind an obstacle."
    )


def test_layers_with_the_same_obstacle_share_a_text():
    layers = [FakeLayer("Unheard", {"name": f"u{i}"}) for i in range(7)]
    error = refused(*layers)
    assert "layers 'u0', 'u1', 'u2', 'u3', 'u4' and 2 more (Unheard): the class is" in str(error)
    assert str(error).count("DepthwiseConv2D") == 1
    assert len(error.obstacles) == 7


def test_a_long_list_is_cut():
    layers = [conv(f"c{i}", 3, filters=3, activation=f"f{i}") for i in range(20)]
    error = refused(*layers)
    assert "20 obstacles: (1) layer 'c0'" in str(error)
    assert "(13) 8 more, which `microlut analyze` lists." in str(error)
    assert len(error.obstacles) == 20


def test_an_unknown_input_is_no_end():
    error = refused(conv("a", 3, activation="foo"), shape=(None, None, 3))
    found = [each.found for each in error.obstacles]
    assert found == ["shape [?, ?, 3] has unknown dimensions", "activation 'foo'"]


def test_damage_alone_is_invalid_input():
    layers = (dense("d", 4, 2), dense("e", 3, 2))
    with pytest.raises(InvalidInput, match="expected float32 and") as caught:
        import_model(FakeModel("net", (4,), layers))
    assert [each.damaged for each in caught.value.obstacles] == [True]


def test_damage_beside_something_unsupported_is_unsupported():
    error = refused(dense("d", 4, 2), dense("e", 3, 2), conv("f", 3, activation="foo"), shape=(4,))
    assert [each.damaged for each in error.obstacles] == [True, False]


@pytest.mark.keras
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_keras3_tells_the_shapes_behind_an_obstacle(keras, ending, tmp_path):
    x = keras.Input((8, 8, 3))
    y = keras.layers.Lambda(
        lambda t: t[:, :4] if __name__ else t, output_shape=(4, 8, 3), name="cut"
    )(x)
    y = keras.layers.Conv2D(2, 3, activation="log_softmax", name="conv")(y)
    y = keras.layers.Lambda(
        lambda t: t if __name__ else t[:, 1:], output_shape=(2, 6, 2), name="same"
    )(y)
    y = keras.layers.RandomCrop(5, 5, name="resize")(y)
    path = tmp_path / f"net{ending}"
    keras.Model(x, y).save(path)
    with pytest.raises(UnsupportedModel) as caught:
        import_model(path)
    found = {each.layer: each.found for each in caught.value.obstacles}
    assert list(found) == ["cut", "conv", "same", "resize"]
    assert "5 x 5 pixels out of 2 x 6" in found["resize"]
    assert "could be checked" not in str(caught.value)


@pytest.mark.keras
def test_functions_of_other_packages_are_found_together(keras):
    def mine(x):
        return x

    x = keras.Input((4,))
    y = keras.layers.Dense(2, activation=mine, name="a")(x)
    y = keras.layers.Dense(2, activation=mine, name="b")(y)
    with pytest.raises(UnsupportedModel) as caught:
        import_model(keras.Model(x, y))
    texts = [each.text for each in caught.value.obstacles if "comes from" in each.found]
    assert texts[0].startswith("layer 'a' (Dense): its activation mine comes from module")
    assert len(texts) == 2


def test_a_sound_model_has_none():
    graph = import_model(FakeModel("net", (4,), (dense("d", 4, 2),)))
    assert evaluate(graph, np.ones((1, 4), np.float32)).shape == (1, 2)


class OldLayer(FakeLayer):
    """A layer as .h5 files have it, which do not say whose a class is."""

    def entry(self) -> dict[str, object]:
        return {key: value for key, value in super().entry().items() if key != "module"}


def test_class_that_may_be_the_users_own_can_be_said_to_do_nothing():
    augmentation = OldLayer("MyAugmentation", {"name": "mine"})
    error = refused(augmentation, conv("a", 3))
    assert "say so: --custom MyAugmentation=Identity" in str(error)
    assert "--custom" not in str(refused(FakeLayer("Conv3D", {"name": "b"})))
    model = FakeModel("net", (4, 4, 3), (augmentation, conv("a", 3)))
    assert import_model(model, custom={"MyAugmentation": "Identity"}).nodes


@pytest.mark.keras
@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_further_outputs_of_a_layer_are_an_obstacle_and_no_damage(name, request):
    keras = request.getfixturevalue(name)
    x = keras.Input((4, 3))
    y, state, _ = keras.layers.LSTM(5, return_state=True, name="lstm")(x)
    with pytest.raises(UnsupportedModel) as caught:
        import_model(keras.Model(x, keras.layers.Concatenate()([y, state])))
    assert {each.layer for each in caught.value.obstacles} == {"lstm"}
    assert "its output 1 is read" in str(caught.value)


@pytest.mark.keras
def test_function_of_several_outputs_is_named(tf_keras):
    tf = pytest.importorskip("tensorflow")

    def own_function(x):
        y = tf.signal.rfft(x)
        return [tf.abs(y), tf.math.angle(y)]

    x = tf_keras.Input((8,))
    size, angle = tf_keras.layers.Lambda(own_function, name="spectrum")(x)
    with pytest.raises(UnsupportedModel, match="layer 'spectrum' \\(Lambda\\): the class is not"):
        import_model(tf_keras.Model(x, tf_keras.layers.Concatenate()([size, angle])))


def test_layer_that_asks_for_all_memory_is_named():
    class Layer:
        full_name, place = "a", "layer 'a' (Dense)"

    def check() -> None:
        raise MemoryError

    collected = Collected()
    assert not collected.check(Layer(), check)
    assert [(each.layer, each.found) for each in collected.obstacles] == [
        ("a", "takes more memory than reading may")
    ]


@pytest.mark.parametrize("multiplier", [1 << 30, 10**100, 1e300])
def test_weights_are_compared_before_a_bias_is_made(multiplier):
    config = {"name": "a", "kernel_size": 1, "filters": 2, "depth_multiplier": multiplier}
    kernels = np.ones((1, 1, 3, 1), np.float32), np.ones((1, 1, 3, 2), np.float32)
    for kind in ("SeparableConv2D", "DepthwiseConv2D"):
        layer = FakeLayer(kind, {**config, "use_bias": False}, kernels)
        with pytest.raises(
            (InvalidInput, UnsupportedModel), match=r"kernel has type|option depth_multiplier is"
        ):
            import_model(FakeModel("net", (4, 4, 3), (layer,)))
