"""Sample files: what is read, and what is refused with which message."""

import zipfile

import numpy as np
import pytest

from graphs import ends
from microlut.errors import InvalidInput
from microlut.importers.samples import as_samples, load_samples
from microlut.importers.scaling import check_scaled_alike

SHAPE = (2, 3, 1)
X = np.arange(24, dtype=np.uint8).reshape(4, *SHAPE)
Y = np.array([0, 1, 2, 1])


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def refusal(path, shape=SHAPE, limit=None) -> str:
    with pytest.raises(InvalidInput) as caught:
        load_samples(path, ends(shape), limit)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("dtype", ["u1", "i1", "i8", "f2", "f8", ">f4", "?"])
def test_load_samples_keeps_the_numbers(dtype, tmp_path):
    samples = load_samples(write(tmp_path / "s.npz", x=X.astype(dtype), y=Y), ends(SHAPE))
    assert samples.x.dtype == np.float32
    np.testing.assert_array_equal(samples.x, X.astype(dtype).astype(float))
    np.testing.assert_array_equal(samples.y, Y)


def test_load_samples_reads_npy(tmp_path):
    np.save(tmp_path / "s.npy", X)
    samples = load_samples(tmp_path / "s.npy", ends(SHAPE))
    np.testing.assert_array_equal(samples.x, X)
    assert samples.y is None


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_load_samples_reads_files_of_python_2_without_a_warning(name, tmp_path, recwarn):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    save = np.save if name == "x.npy" else np.savez
    save(tmp_path / name, values)
    content = (tmp_path / name).read_bytes()
    assert content.count(b"(2, 3), }  ") == 1
    (tmp_path / name).write_bytes(content.replace(b"(2, 3), }  ", b"(2L, 3L), }"))
    if name == "x.npz":  # whose checksum is another one now
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            begin = content.index(b"\x93NUMPY")
            array = content[begin : begin + 128 + values.nbytes]
            archive.writestr("x.npy", array.replace(b"(2, 3), }  ", b"(2L, 3L), }"))
    np.testing.assert_array_equal(load_samples(tmp_path / name, (3,)).x, values)
    assert list(recwarn) == []


def test_load_samples_takes_the_only_array(tmp_path):
    path = write(tmp_path / "s.npz", images=X, y=Y)
    np.testing.assert_array_equal(load_samples(path, ends(SHAPE)).x, X)


def test_load_samples_prefers_x_among_several(tmp_path):
    path = write(tmp_path / "s.npz", other=X + 1, x=X)
    np.testing.assert_array_equal(load_samples(path, ends(SHAPE)).x, X)


def test_load_samples_limits_x_and_y(tmp_path):
    samples = load_samples(write(tmp_path / "s.npz", x=X, y=Y), ends(SHAPE), limit=3)
    assert (len(samples), len(samples.y)) == (3, 3)


def test_load_samples_adds_a_missing_channel_dimension(tmp_path):
    samples = load_samples(write(tmp_path / "s.npz", x=X[..., 0]), ends(SHAPE))
    np.testing.assert_array_equal(samples.x, X)


def test_load_samples_accepts_labels_in_a_column(tmp_path):
    samples = load_samples(write(tmp_path / "s.npz", x=X, y=Y[:, None]), ends(SHAPE))
    np.testing.assert_array_equal(samples.y, Y)


def test_load_samples_accepts_whole_numbers_as_float_labels(tmp_path):
    samples = load_samples(write(tmp_path / "s.npz", x=X, y=Y.astype(np.float32)), ends(SHAPE))
    assert samples.y.dtype == np.int64


def test_load_samples_refuses_missing_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.npz")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY"])
def test_load_samples_refuses_damaged_file(content, tmp_path):
    path = tmp_path / "s.npz"
    path.write_bytes(content)
    assert "numpy.savez" in refusal(path)


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_load_samples_survives_damage(suffix, tmp_path):
    path = tmp_path / f"s{suffix}"
    if suffix == ".npz":
        write(path, x=X, y=Y)
    else:
        np.save(path, X)
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    for step in range(200):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(0, len(damaged), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged[: rng.integers(len(damaged)) if step % 2 else None].tobytes())
        try:
            assert load_samples(path, ends(SHAPE)).x.shape[1:] == SHAPE
        except InvalidInput as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(("place", "value"), [(6, 1), (8, 99)], ids=["password", "packing"])
def test_load_samples_refuses_archives_that_it_cannot_unpack(place, value, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros((2, 3)))
    content = bytearray(path.read_bytes())
    content[place] = value  # flags or method, of the entry and in the list at the end
    content[content.index(b"PK\1\2") + place + 2] = value
    path.write_bytes(content)
    assert "cannot be read as .npz or .npy" in refusal(path)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_load_samples_refuses_damaged_header_without_a_warning(suffix, tmp_path, recwarn):
    path = tmp_path / f"x.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, np.zeros((2, 3, 4, 5)))
    path.write_bytes(path.read_bytes().replace(b"(2, 3,", b"(2if3,"))
    assert "cannot be read as .npz or .npy" in refusal(path)
    assert not recwarn.list


def test_load_samples_never_unpickles(tmp_path):
    np.save(tmp_path / "s.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "Python objects" in refusal(tmp_path / "s.npy")


def test_load_samples_refuses_several_arrays_without_x(tmp_path):
    assert "no array x" in refusal(write(tmp_path / "s.npz", a=X, b=X))


@pytest.mark.parametrize("values", [X.astype(complex), X.astype(str)])
def test_load_samples_refuses_type(values, tmp_path):
    assert "real numbers" in refusal(write(tmp_path / "s.npz", x=values))


def test_load_samples_refuses_shape(tmp_path):
    message = refusal(write(tmp_path / "s.npz", x=X), shape=(3, 2, 1))
    assert "[4, 2, 3, 1]" in message
    assert "[samples, 3, 2, 1]" in message


@pytest.mark.parametrize("values", [X[:0], np.float32(3)])
def test_load_samples_refuses_no_samples(values, tmp_path):
    assert "at least one sample" in refusal(write(tmp_path / "s.npz", x=values))


def test_load_samples_refuses_limit_of_none(tmp_path):
    with pytest.raises(InvalidInput, match="limit is 0; give at least 1"):
        load_samples(write(tmp_path / "s.npz", x=X), SHAPE, limit=0)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e39])
def test_load_samples_refuses_non_finite(value, tmp_path):
    x = X.astype(np.float64)
    x[1, 1, 1] = value
    assert "NaN" in refusal(write(tmp_path / "s.npz", x=x))


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (Y[:3], "shape [3]"),
        (np.eye(4), "argmax"),
        (Y + 0.5, "integer"),
        (Y - 1, "-1"),
        (np.array(list("abcd")), "integer"),
    ],
)
def test_load_samples_refuses_labels(labels, found, tmp_path):
    assert found in refusal(write(tmp_path / "s.npz", x=X, y=labels))


def test_as_samples_takes_arrays():
    samples = as_samples(X, ends(SHAPE), Y, limit=2)
    np.testing.assert_array_equal(samples.x, X[:2])
    np.testing.assert_array_equal(samples.y, Y[:2])


def test_as_samples_refuses_another_shape():
    with pytest.raises(InvalidInput, match="the model expects"):
        as_samples(X, ends((5,)))


PICTURES = np.random.default_rng(5).integers(0, 256, (10, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize(
    ("x", "low", "high"),
    [
        pytest.param(PICTURES, 0.0, 1.0, id="bytes_for_unit_range"),
        pytest.param(PICTURES / 255, 0.0, 255.0, id="unit_range_for_bytes"),
        pytest.param(PICTURES / 127.5 - 1, 0.0, 1.0, id="signed_for_unit_range"),
        pytest.param(PICTURES * 0, 0.0, 255.0, id="all_black"),
    ],
)
def test_check_scaled_alike_refuses_another_scaling(x, low, high):
    with pytest.raises(InvalidInput, match="scale them like the calibration inputs"):
        check_scaled_alike(as_samples(x, ends(SHAPE)).x, low, high)


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(PICTURES, id="same_range"),
        pytest.param(PICTURES * 1.1, id="a_little_beyond"),
        pytest.param(PICTURES / 5, id="dark"),
        pytest.param(PICTURES[:1] * 0, id="one_black_picture"),
        pytest.param((PICTURES[:1] > 128) * 1.0, id="one_almost_black_picture"),
    ],
)
def test_check_scaled_alike_accepts_what_real_data_may_be(x):
    check_scaled_alike(as_samples(x, ends(SHAPE)).x, 0.0, 255.0)
