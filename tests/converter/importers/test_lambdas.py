"""Lambda layers: what their byte code says is an expression, which is read and never run."""

import base64
import marshal
import struct

import numpy as np
import pytest

from fake_keras import FakeLayer, FakeModel
from microlut.errors import UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.keras.bytecode import function_of
from microlut.importers.keras.expressions import computation

tf = K = module = None  # the code names them and never runs

KNOWN = {
    "x / 255.0": lambda x: x / 255.0,
    "(x - 127.5) * 2 / 3": lambda x: (x - 127.5) * 2 / 3,
    "tf.nn.relu6(x + 3) / 6.0": lambda x: tf.nn.relu6(x + 3) / 6.0,
    "tf.clip_by_value(x, -4.0, clip_value_max=4.0)": lambda x: tf.clip_by_value(
        x, -4.0, clip_value_max=4.0
    ),
    "x[:, 1:3, ..., 0]": lambda x: x[:, 1:3, ..., 0],
    "K.mean(x, axis=[1, 2])": lambda x: K.mean(x, axis=[1, 2]),
    "tf.reshape(x, (-1, 4))": lambda x: tf.reshape(x, (-1, 4)),
    "-x ** 2": lambda x: -(x**2),
    "x * tf.sigmoid(1.702 * x)": lambda x: x * tf.sigmoid(1.702 * x),
}


def encoded(function):
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


@pytest.mark.parametrize("text", KNOWN)
def test_code_of_this_python_is_read(text):
    assert function_of(encoded(KNOWN[text])) == (("x",), text)


# The same function, as each of them marshals it.
NEWER = {
    "3.13": (
        "YwEAAAAAAAAAAAAAAAYAAAADAAAA80oAAACVAFsAAAAAAAAAAABSAwAAAAAAAAAAAAAAAAAAAAAAAFUA"
        "UwBTADICUwFTAjICNAIFAAAAUwNVAFMELQUAAFMBLQoAAFMFOQMkAKkGTukBAAAA6QMAAADnAAAAAAAA"
        "EMDpAgAAACkB2g5jbGlwX3ZhbHVlX21heKkC2gJ0ZtoNY2xpcF9ieV92YWx1ZSkB2gF4cwEAAAAg2gZu"
        "ZXQucHnaCDxsYW1iZGE+cgwAAAADAAAA8yoAAACAAIxC1wwc0QwcmFGacaAhoEGgI5h2mVmoBLhRwBG5"
        "VcBRuVnQDBzRDEfzAAAAAA=="
    ),
    "3.14": (
        "YwEAAAAAAAAAAAAAAAYAAAADAAAA81wAAACAAFwAAAAAAAAAAABQAwAAAAAAAAAAAAAAAAAAAAAAAFYA"
        "UgIsGgAAAAAAAAAAAABSA1YAXgIsBQAAAAAAAAAAAABeASwKAAAAAAAAAAAAAFIBNwMAAAAAAAAjAKkE"
        "uk5OTikB2g5jbGlwX3ZhbHVlX21heCkCcgIAAAA66QEAAADpAwAAAE5nAAAAAAAAEMCpAtoCdGbaDWNs"
        "aXBfYnlfdmFsdWUpAdoBeHMBAAAAINoGbmV0LnB52gg8bGFtYmRhPnILAAAAAwAAAPMiAAAAgACMQtcM"
        "HNEMHJhRmHadWagEuFHAEb1VwFG9WdAMHNQMR/MAAAAA"
    ),
}


@pytest.mark.parametrize("version", NEWER)
def test_code_of_newer_pythons_is_read(version):
    expected = "tf.clip_by_value(x[:, 1:3], -4.0, clip_value_max=x * 2 - 1)"
    assert function_of(NEWER[version]) == (("x",), expected)


def small(kind, content):
    return kind + bytes([len(content)]) + content


def sized(kind, content):
    return kind + struct.pack("<i", len(content)) + content


def old_code(steps, constants, names, numbers):
    """Return the code of `lambda x: ...` as CPython 3.6 to 3.10 marshals it."""
    texts = b"".join(small(b"z", name.encode()) for name in names)
    empty, text = b")\0", small(b"z", b"<lambda>")
    parts = [
        *(struct.pack("<i", number) for number in numbers),
        sized(b"s", bytes(steps)),
        b")" + bytes([len(constants)]) + b"".join(constants),
        b")" + bytes([len(names)]) + texts,
        b")\x01" + small(b"\xda", b"x"),
        *(empty, empty, text, text, struct.pack("<i", 1), sized(b"s", b"")),
    ]
    return base64.b64encode(b"\xe3" + b"".join(parts)).decode()


@pytest.mark.parametrize("numbers", [(1, 0, 1, 5, 83), (1, 0, 0, 1, 5, 83)])
def test_code_of_older_pythons_is_read(numbers):
    number = [b"g" + struct.pack("<d", value) for value in (-4.0, 4.0)]
    keys = b")\x02" + small(b"z", b"clip_value_min") + small(b"z", b"clip_value_max")
    steps = (116, 0, 106, 1, 124, 0, 100, 1, 100, 2, 100, 3, 141, 3, 83, 0)
    code = old_code(steps, [b"N", *number, keys], ["tf", "clip_by_value"], numbers)
    text = "tf.clip_by_value(x, clip_value_min=-4.0, clip_value_max=4.0)"
    assert function_of(code) == (("x",), text)
    method = (116, 0, 106, 1, 160, 2, 124, 0, 161, 1, 83, 0)
    code = old_code(method, [], ["tf", "nn", "relu6"], numbers)
    assert function_of(code) == (("x",), "tf.nn.relu6(x)")


UNKNOWN = {
    "branch": lambda x: x if x else 1,
    "inner": lambda x: (lambda y: y)(x),
    "starred": lambda *x: x[0],
    "set": lambda x: {x},
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_other_code_is_not_read(name):
    assert function_of(encoded(UNKNOWN[name])) is None


def test_broken_code_is_not_read():
    whole = base64.b64decode(encoded(KNOWN["x / 255.0"]))
    for end in range(len(whole)):
        assert function_of(base64.b64encode(whole[:end]).decode()) is None
    rng = np.random.default_rng(0)
    for _ in range(300):
        wrong = bytearray(whole)
        wrong[rng.integers(len(whole))] = rng.integers(256)
        found = function_of(base64.b64encode(bytes(wrong)).decode())
        assert found is None or isinstance(found[1], str)
    assert function_of("no base 64!") is None
    doubled = (124, 0, *(20 * (125, 0, 124, 0, 124, 0, 23, 0)), 83, 0)
    assert function_of(old_code(doubled, [], [], (1, 0, 1, 5, 83))) is None


def lambda_model(**config):
    conv = FakeLayer(
        "Dense",
        {"name": "dense", "units": 4, "use_bias": False},
        (np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32),),
    )
    return FakeModel("m", (5, 3), (conv, FakeLayer("Lambda", {"name": "lambda", **config})))


def stored(function):
    """Return a Lambda's options as Keras 3 stores them."""
    config = {"code": encoded(function), "defaults": None, "closure": None}
    return {"function": {"class_name": "__lambda__", "config": config}}


MEANINGS = {
    "affine": (lambda x: (x - 1.5) / 3, lambda x: (x - 1.5) / 3),
    "hard_swish": (
        lambda x: x * tf.nn.relu6(x + 3) / 6,
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
    ),
    "activation": (
        lambda x: tf.keras.activations.exponential(x),
        np.exp,
    ),
    "mean": (lambda x: K.mean(x, axis=1), lambda x: x.mean(axis=1)),
    "places": (lambda x: x[:, 1:3], lambda x: x[:, 1:3]),
    "joined": (
        lambda x: tf.concat([x, -x], axis=-1),
        lambda x: np.concatenate([x, -x], axis=-1),
    ),
    "epsilon": (
        lambda x: tf.math.sqrt(tf.math.maximum(x, tf.keras.backend.epsilon())),
        lambda x: np.sqrt(np.maximum(x, 1e-7)),
    ),
    "nothing": (lambda x: x, lambda x: x),
    "constant": (lambda x: x * (2.0**3 - 1) / 4, lambda x: x * 7 / 4),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_lambda_is_read_as_operations(name):
    function, expected = MEANINGS[name]
    graph = import_model(lambda_model(**stored(function)))
    x = np.random.default_rng(2).normal(size=(3, 5, 3)).astype(np.float32)
    before = evaluate(import_model(lambda_model(**stored(lambda x: x))), x)
    np.testing.assert_allclose(evaluate(graph, x), expected(before), rtol=1e-5, atol=1e-6)


def test_arguments_of_a_lambda_are_read():
    code = [encoded(lambda x, factor: x * factor[1]), None, None]
    options = {"function": code, "function_type": "lambda", "arguments": {"factor": [1.0, 2.5]}}
    graph = run_passes(import_model(lambda_model(**options)))
    plain = run_passes(import_model(lambda_model(**stored(lambda x: x))))
    x = np.ones((1, 5, 3), np.float32)
    np.testing.assert_allclose(evaluate(graph, x), 2.5 * evaluate(plain, x), rtol=1e-6)


def test_rounding_to_8_bits_is_a_range():
    def rounded(x, ends, bits):
        import tensorflow

        return tensorflow.fake_quant_with_min_max_vars(x, min=ends[0], max=ends[1], num_bits=bits)

    def options(bits):
        given = {"ends": [-4.0, 3.5], "bits": bits}
        code = [encoded(rounded), None, None]
        return {"function": code, "function_type": "lambda", "arguments": given}

    graph = run_passes(import_model(lambda_model(**options(8))))
    assert graph.ranges == {"dense": (-4.0, 3.5)}
    with pytest.raises(UnsupportedModel, match=r"rounds to 4 bits in -4 to 3\.5"):
        import_model(lambda_model(**options(4)))


REFUSED = {
    "own_function": stored(lambda x: module(x)),
    "attribute": stored(lambda x: x.shape),
    "defaults": {"function": [encoded(lambda x, y: x * y), [3.0], None]},
    "closure": {"function": [encoded(lambda x: x), None, [3.0]]},
    "missing_argument": {"function": [encoded(lambda x, y: x * y), None, None]},
    "own_name": {"function": "relu6", "function_type": "function", "module": "mine"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_lambdas_are_refused(name):
    with pytest.raises(UnsupportedModel, match=r"'lambda' .Lambda.*code in files is never run"):
        import_model(lambda_model(**REFUSED[name]))


def test_function_of_tensorflow_is_read_by_its_name():
    named = {"function": "relu6", "function_type": "function", "module": "tensorflow.python.ops"}
    graph = run_passes(import_model(lambda_model(**named)))
    (node,) = graph.nodes
    assert node.op.activation.value == "relu6"


@pytest.mark.parametrize(
    "text",
    ["x.y", "x +", "x if x else 1", "f(*x)", "[x]", "1 / 0", "2 ** 1000", "x" * 2000, "x and x"],
)
def test_other_expressions_are_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        computation(text, 1)
