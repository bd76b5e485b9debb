"""Random ONNX networks, as PyTorch writes them: equal to ONNX Runtime, without a transpose."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.transpose import Transpose
from onnx_models import computed, drawn, model_of, node, run_onnxruntime, save

FUNCTIONS = (
    *("Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Abs", "Identity", "Mish", "Softsign"),
    *("LeakyRelu", "Elu", "Selu", "HardSigmoid", "Gelu", "Celu", "Erf", "Neg", "ThresholdedRelu"),
)


@dataclass
class Drawing:
    """A network that grows: its nodes, the last tensor, and that tensor's sizes."""

    rng: np.random.Generator
    spatial: list
    channels: int
    name: str = "x"
    nodes: list = field(default_factory=list)
    earlier: dict = field(default_factory=dict)

    def add(self, kind, read=None, **options):
        made = f"t{len(self.nodes)}"
        self.nodes.append(node(kind, read or [self.name], made, **options))
        self.name = made
        return made

    def array(self, *shape, scale=0.5):
        return self.rng.normal(0, scale, shape).astype(np.float32)

    def chance(self, share=0.5):
        return bool(self.rng.random() < share)

    def one_of(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def window(self):
        """Draw size, strides, dilations and padding, and return what is left of the picture."""
        size = [int(self.rng.integers(1, 1 + min(4, n))) for n in self.spatial]
        strides = [int(self.rng.integers(1, 3)) for _ in size]
        mode = self.one_of("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
        pads = [0] * 2 * len(size)
        if mode == "NOTSET":
            pads = [int(self.rng.integers(0, k)) for k in (*size, *size)]
        return size, strides, mode, pads

    def shrink(self, size, strides, mode, pads, ceil=False):
        count = len(size)
        for i, n in enumerate(self.spatial):
            if mode.startswith("SAME"):
                self.spatial[i] = -(-n // strides[i])
                continue
            rest = n + pads[i] + pads[i + count] - size[i]
            made = -(-rest // strides[i]) if ceil else rest // strides[i]
            if ceil and made * strides[i] >= n + pads[i]:
                made -= 1
            self.spatial[i] = made + 1


def convolution(d):
    size, strides, mode, pads = d.window()
    groups = d.one_of(1, 1, d.channels, 2 if d.channels % 2 == 0 else 1)
    filters = groups * int(d.rng.integers(1, 5))
    weights = d.array(filters, d.channels // groups, *size)
    read = [d.name, weights] + ([d.array(filters)] if d.chance() else [])
    given = {"pads": pads} if mode == "NOTSET" else {"auto_pad": mode}
    d.add("Conv", read, strides=strides, group=groups, kernel_shape=size, **given)
    d.shrink(size, strides, mode, pads)
    d.channels = filters


def transposed(d):
    if max(d.spatial) > 12:
        return convolution(d)
    size = [int(d.rng.integers(1, 5)) for _ in d.spatial]
    strides = [int(d.rng.integers(1, 4)) for _ in size]
    before = [int(d.rng.integers(0, k)) for k in size]
    after = [int(d.rng.integers(0, k)) for k in size]
    extra = [int(d.rng.integers(0, s)) for s in strides]
    sizes = zip(d.spatial, strides, size, before, after, extra, strict=True)
    made = [(n - 1) * s + k - a - b + e for n, s, k, a, b, e in sizes]
    if min(made) < 1:
        return convolution(d)
    filters = int(d.rng.integers(1, 5))
    read = [d.name, d.array(d.channels, filters, *size), d.array(filters)]
    pads = [*before, *after]
    d.add("ConvTranspose", read, strides=strides, pads=pads, output_padding=extra)
    d.spatial, d.channels = made, filters
    return None


def pool(d):
    size, strides, mode, pads = d.window()
    strides = [min(s, k) for s, k in zip(strides, size, strict=True)]
    pads = [min(n, k // 2) for n, k in zip(pads, (*size, *size), strict=True)]
    kind = d.one_of("MaxPool", "AveragePool")
    given = {"pads": pads} if mode == "NOTSET" else {"auto_pad": mode}
    ceil = mode == "NOTSET" and d.chance(0.3)
    if ceil:
        given["ceil_mode"] = 1
    if kind == "AveragePool" and not ceil:  # others count otherwise with both
        given["count_include_pad"] = int(d.chance())
    d.add(kind, kernel_shape=size, strides=strides, **given)
    d.shrink(size, strides, mode, pads, ceil)


def norm(d):
    ones = [1 + d.array(d.channels, scale=0.1), d.array(d.channels)]
    rest = [d.array(d.channels), 0.5 + d.rng.random(d.channels).astype(np.float32)]
    if d.chance(0.7):
        d.add("BatchNormalization", [d.name, *ones, *rest])
    elif np.prod(d.spatial) > 3:
        d.add("InstanceNormalization", [d.name, *ones])


def function(d):
    d.add(d.one_of(*FUNCTIONS))


def clip(d):
    low, high = d.one_of((0.0, 6.0), (0.0, None), (-1.0, 1.0), (None, 0.5), (-0.5, None))
    ends = ["" if end is None else np.float32(end) for end in (low, high)]
    d.add("Clip", [d.name, *ends])


def by_constant(d):
    shape = d.one_of(
        (), (d.channels, *[1] * len(d.spatial)), (1, d.channels, *[1] * len(d.spatial))
    )
    values = np.asarray(1.5 + d.rng.random(shape), np.float32)
    kind = d.one_of("Add", "Mul", "Sub", "Div", "Max")
    read = [d.name, values]
    d.add(kind, read[::-1] if kind in ("Add", "Sub", "Mul") and d.chance(0.3) else read)


def residual(d):
    shape = (d.channels, *d.spatial)
    known = [name for name, found in d.earlier.items() if found == shape]
    if known:
        d.add(d.one_of("Add", "Mul", "Sub", "Max"), [d.name, d.one_of(*known)])


def concat(d):
    known = [n for n, found in d.earlier.items() if found[1:] == tuple(d.spatial)]
    if known and d.channels < 12:
        other = d.one_of(*known)
        more = d.earlier[other][0]
        d.add("Concat", [d.name, other], axis=d.one_of(1, -1 - len(d.spatial)))
        d.channels += more


def squeeze_and_excite(d):
    source, axes = d.name, list(range(2, 2 + len(d.spatial)))
    if d.chance():
        d.add("GlobalAveragePool")
    else:
        d.add("ReduceMean", [d.name, np.array(axes)], keepdims=1)
    d.add("Conv", [d.name, d.array(d.channels, d.channels, *[1] * len(axes))])
    d.add("Sigmoid")
    d.add("Mul", [source, d.name])


def shuffle(d):
    if d.channels % 2:
        return
    half, rest = d.channels // 2, d.spatial
    d.add("Reshape", [d.name, np.array([1, 2, half, *rest])])
    d.add("Transpose", perm=[0, 2, 1, *range(3, 3 + len(rest))])
    d.add("Reshape", [d.name, np.array([1, -1, *rest])])


def cut(d):
    if d.channels < 2:
        return
    first = int(d.rng.integers(1, d.channels))
    starts, ends, axes = [first], [2**62], [1]
    if d.spatial[0] > 2:
        starts, ends, axes = [first, 1], [2**62, -1], [1, 2]
        d.spatial[0] -= 2
    d.add("Slice", [d.name, np.array(starts), np.array(ends), np.array(axes)])
    d.channels -= first


def pad(d):
    count = len(d.spatial)
    before, after = ([int(n) for n in d.rng.integers(0, 2, count)] for _ in range(2))
    mode = d.one_of("constant", "edge", "reflect") if min(d.spatial) > 1 else "constant"
    d.add("Pad", [d.name, np.array([0, 0, *before, 0, 0, *after])], mode=mode)
    d.spatial = [n + a + b for n, a, b in zip(d.spatial, before, after, strict=True)]


def upsample(d):
    if max(d.spatial) > 8:
        return
    sizes = np.array([1, 1, *(2.0 for _ in d.spatial)], np.float32)
    mode = d.one_of("nearest", "linear")
    places = d.one_of("half_pixel", "asymmetric", "align_corners")
    nearest = {"nearest_mode": d.one_of("floor", "round_prefer_floor")}
    given = {"coordinate_transformation_mode": places, **(nearest if mode == "nearest" else {})}
    d.add("Resize", [d.name, "", sizes], mode=mode, **given)
    d.spatial = [2 * n for n in d.spatial]


LAYERS = (
    *(convolution, convolution, convolution, pool, norm, function, function, clip, by_constant),
    *(residual, concat, squeeze_and_excite, shuffle, cut, pad, upsample, transposed),
)


def network(seed):
    """Return the nodes of a random network, and the shape of its input."""
    rng = np.random.default_rng(seed)
    spatial = [int(n) for n in rng.integers(5, 13, 1 if rng.random() < 0.25 else 2)]
    channels = int(rng.integers(1, 5))
    if len({channels, *spatial}) == 1:
        spatial[0] += 1
    d, shape = Drawing(rng, list(spatial), channels), [1, channels, *spatial]
    convolution(d)
    for _ in range(int(rng.integers(2, 9))):
        d.earlier[d.name] = (d.channels, *d.spatial)
        LAYERS[int(rng.integers(len(LAYERS)))](d)
    convolution(d)
    if d.chance(0.6):
        d.add("Flatten") if d.chance() else d.add("GlobalAveragePool")
        if d.nodes[-1].entry.op_type == "GlobalAveragePool":
            d.add("Flatten")
            count = d.channels
        else:
            count = int(d.channels * np.prod(d.spatial))
        d.add("Gemm", [d.name, d.array(3, count), d.array(3)], transB=1)
        d.add("Softmax") if d.chance() else None
    return d.nodes, shape


def check(seed, folder):
    nodes, shape = network(seed)
    model = model_of(nodes, {"x": shape}, opset=20)
    if not model.graph.output[0].type.tensor_type.HasField("shape"):
        return  # too small a picture for one of its layers
    path = save(model, folder, f"net{seed}.onnx")
    graph = run_passes(import_model(path))
    x = drawn(path, seed)
    found, wanted = computed(graph, x), run_onnxruntime(path, x)
    for name, y in wanted.items():
        scale = max(1.0, float(np.abs(y).max()))
        np.testing.assert_allclose(found[name] / scale, y / scale, atol=1e-5, err_msg=f"{seed}")
    moved = [each.name for each in graph.nodes if isinstance(each.op, Transpose)]
    kinds = {each.entry.op_type for each in nodes}
    (made,) = graph.output_tensors().values()  # of equal sizes it keeps the model's order
    assert not moved or "Transpose" in kinds or len(set(made.shape)) == 1, f"{seed}: {moved}"


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed, tmp_path):
    check(seed, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(10))
def test_many_random_networks(part, tmp_path):
    for seed in range(1000 + 50 * part, 1050 + 50 * part):
        check(seed, tmp_path)
