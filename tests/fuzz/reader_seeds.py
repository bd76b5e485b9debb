"""Small valid files of all formats that are read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import microlut

_CHECKOUT = Path(__file__).resolve().parents[2]
_DIGITS = _CHECKOUT / "examples" / "digits"
SHAPE = (8, 8, 1)
# TensorFlow has threads, and a process that has it is no longer forked: another one writes these.
_OF_KERAS_2 = """
import sys, tf_keras as k
from pathlib import Path
folder = Path(sys.argv[1])
x = k.Input((6, 6, 2))
y = k.layers.Conv2D(3, 3, padding="same", name="c")(x)
y = k.layers.BatchNormalization(name="n")(y)
y = k.layers.ReLU(name="r")(y)
inner = k.Sequential([k.Input((6, 6, 3)), k.layers.DepthwiseConv2D(3, name="d")], name="inner")
y = k.layers.Flatten()(inner(y))
y = k.layers.Dense(4, activation="softmax", name="e")(y)
model = k.Model(x, y)
model.save(folder / "keras2.h5")
model.save(folder / "keras2.keras")
model.save(folder / "saved", save_format="tf")
"""
_OF_KERAS_3 = """
import sys, keras as k
from pathlib import Path
x = k.Input((6, 4))
y = k.layers.Conv1D(3, 3, padding="causal", activation="relu6", name="c")(x)
y = k.layers.LayerNormalization(name="l")(y)
y = k.layers.Add()([k.layers.GRU(3, return_sequences=True, name="g")(y), y])
inner = k.Sequential([k.Input((6, 3)), k.layers.SeparableConv1D(2, 3, name="s")], name="inner")
y = k.layers.Concatenate()([k.layers.GlobalAveragePooling1D()(inner(y)), y[:, -1]])
k.Model(x, k.layers.Dense(4, name="e")(y * 0.5)).save(Path(sys.argv[1]) / "keras3.keras")
"""


def write_seeds(folder: Path) -> dict[str, list[Path]]:
    """Write the files to a folder, and return them by what reads them."""
    for program in (_OF_KERAS_2, _OF_KERAS_3):
        command = [sys.executable, "-c", program, str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    inputs = np.random.default_rng(0).random((20, *SHAPE)).astype(np.float32)
    conversion = microlut.convert(_DIGITS / "digits.keras", inputs, distill=False, bits=4)
    project = microlut.write(conversion, folder / "project").path
    (folder / "net.tflite").write_bytes(conversion.tflite or b"")
    _write_onnx(folder / "net.onnx")
    np.savez(folder / "x.npz", x=inputs[:2], y=np.arange(2))
    np.savez_compressed(folder / "packed.npz", x=inputs[:2])
    np.save(folder / "x.npy", inputs[:2])
    shutil.copy(next((_CHECKOUT / "boards").rglob("nucleo-f446re.toml")), folder / "board.toml")
    (folder / "settings.toml").write_text(
        'activations = 8\n[defaults]\nbits = 4\n[layers."conv*"]\nbits = 3\nmethod = "fitted"\n'
        '[types.dense]\nbits = 8\n[custom]\na = "x / 255"\n[budget]\naverage_bits = 3.5\n'
    )
    return {
        "model": [
            *(folder / f"{name}.keras" for name in ("keras3", "keras2")),
            *(folder / name for name in ("keras2.h5", "net.tflite", "net.onnx")),
            *(folder / "saved" / name for name in ("saved_model.pb", "keras_metadata.pb")),
            folder / "saved" / "variables" / "variables.index",
        ],
        "samples": [folder / name for name in ("x.npz", "packed.npz", "x.npy")],
        "board": [folder / "board.toml"],
        "settings": [folder / "settings.toml"],
        "project": [project / "report.json", project / "model.json"],
    }


def _write_onnx(path: Path) -> None:
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(1)
    arrays = {"w": (3, 2, 3, 3), "b": (3,), "v": (108, 4)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["m"]),
        helper.make_node("Softmax", ["m"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, 1, shape)
        for name, shape in (("x", [1, 2, 6, 6]), ("y", [1, 4]))
    ]
    stored = [
        numpy_helper.from_array(rng.random(shape).astype(np.float32), name)
        for name, shape in arrays.items()
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], stored)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
