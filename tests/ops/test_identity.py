"""Layers that do nothing at inference, which passes drop."""

from harness import Case, float_only_tests, in_a_row, layer

from microlut.ops.identity import Identity


def identity(name, shape, *layers):
    return Case(name, Identity(), (shape,), in_a_row(*layers))


DENSE = layer("Dense", units=3)
CASES = (
    identity("dropout", (7,), layer("Dropout", rate=0.5), DENSE),
    identity("spatial_dropout", (5, 4, 3), DENSE, layer("SpatialDropout2D", rate=0.5)),
    identity("noise", (5, 4), layer("GaussianNoise", stddev=1.0), layer("ReLU")),
    identity("linear", (4, 4, 2), layer("Activation", activation="linear"), layer("Flatten")),
    identity("two", (6,), DENSE, layer("Dropout", rate=0.1), layer("Dropout", rate=0.2), DENSE),
)
test_float_equals_keras, test_training_equals_float = float_only_tests(CASES)
