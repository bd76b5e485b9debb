"""Small networks of PyTorch like those that people export, for `pytorch_networks.py`."""
# ruff: noqa: D102, D103 - the names of layers and networks say what they are

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Module:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """The block of ResNet18."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = conv(inputs, outputs, 3, stride), conv(outputs, outputs, 3)
        same = stride == 1 and inputs == outputs
        self.short = nn.Identity() if same else conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x)))
        return functional.relu(y + self.short(x))


class Inverted(nn.Module):
    """The block of MobileNetV2 and MNASNet."""

    def __init__(self, inputs: int, outputs: int, stride: int, wide: int, size: int) -> None:
        super().__init__()
        inner = inputs * wide
        self.residual = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            *([conv(inputs, inner, 1), nn.ReLU6()] if wide > 1 else []),
            *(conv(inner, inner, size, stride, inner), nn.ReLU6()),
            conv(inner, outputs, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.residual else self.layers(x)


class Fire(nn.Module):
    """The block of SqueezeNet."""

    def __init__(self, inputs: int, squeezed: int, outputs: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.one = nn.Conv2d(squeezed, outputs, 1)
        self.three = nn.Conv2d(squeezed, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.squeeze(x))
        return torch.cat([functional.relu(self.one(x)), functional.relu(self.three(x))], 1)


class Shuffle(nn.Module):
    """The block of ShuffleNet V2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half, self.stride = outputs // 2, stride
        entering = inputs if stride == 2 else half
        self.right = nn.Sequential(
            *(conv(entering, half, 1), nn.ReLU()),
            conv(half, half, 3, stride, half),
            *(conv(half, half, 1), nn.ReLU()),
        )
        self.left = nn.Sequential(
            conv(inputs, inputs, 3, stride, inputs), conv(inputs, half, 1), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            first, second = x.chunk(2, dim=1)
            joined = torch.cat((first, self.right(second)), dim=1)
        else:
            joined = torch.cat((self.left(x), self.right(x)), dim=1)
        batch, channels, height, width = joined.size()
        mixed = joined.view(batch, 2, channels // 2, height, width).transpose(1, 2)
        return mixed.contiguous().view(batch, channels, height, width)


class Excited(nn.Module):
    """A block of MobileNetV3, with squeeze and excitation, hard swish and hard sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.wide = nn.Sequential(conv(channels, channels * 3, 1), nn.Hardswish())
        self.deep = nn.Sequential(
            conv(channels * 3, channels * 3, 5, 1, channels * 3), nn.Hardswish()
        )
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            *(nn.Conv2d(channels * 3, 8, 1), nn.ReLU()),
            *(nn.Conv2d(8, channels * 3, 1), nn.Hardsigmoid()),
        )
        self.narrow = conv(channels * 3, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.deep(self.wide(x))
        return x + self.narrow(y * self.gate(y))


class UNet(nn.Module):
    """A U-Net of two levels, one with a transposed convolution, one with upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = conv(3, 8, 3), conv(8, 16, 3)
        self.middle = conv(16, 16, 3)
        self.up = nn.ConvTranspose2d(16, 16, 2, 2)
        self.level2, self.level1 = conv(32, 8, 3), conv(16, 8, 3)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = functional.relu(self.down1(x))
        two = functional.relu(self.down2(functional.max_pool2d(one, 2)))
        y = functional.relu(self.middle(functional.max_pool2d(two, 2)))
        y = functional.relu(self.level2(torch.cat([self.up(y), two], 1)))
        y = functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        return self.last(functional.relu(self.level1(torch.cat([y, one], 1))))


class Recurrent(nn.Module):
    """Convolutions over time, a bidirectional LSTM and a GRU, as in keyword spotting."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(10, 12, 3, padding=1)
        self.lstm = nn.LSTM(12, 8, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(16, 8, batch_first=True)
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.conv(x)).transpose(1, 2)
        y, _ = self.lstm(y)
        y, _ = self.gru(y)
        return self.last(y[:, -1])


class ConvNeXt(nn.Module):
    """A block of ConvNeXt: layer normalization of channels, GELU, and a scale per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.deep = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.wide, self.narrow = nn.Linear(channels, 32), nn.Linear(32, channels)
        self.scale = nn.Parameter(torch.ones(channels) * 0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.deep(x).permute(0, 2, 3, 1))
        y = self.scale * self.narrow(functional.gelu(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)


def head(channels: int, classes: int = 10) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def lenet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.Tanh(), nn.Dropout(), nn.Linear(120, 10), nn.Softmax(1)),
    )


def resnet18() -> nn.Module:
    blocks: list[nn.Module] = []
    channels = 16
    for outputs in (16, 32, 64, 128):
        for stride in (1 if outputs == 16 else 2, 1):
            blocks.append(Residual(channels, outputs, stride))
            channels = outputs
    stem = [conv(3, 16, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, *head(128))


def mobilenet_v2() -> nn.Module:
    blocks: list[nn.Module] = [conv(3, 16, 3, 2), nn.ReLU6(), Inverted(16, 8, 1, 1, 3)]
    for inputs, outputs, stride in ((8, 16, 2), (16, 16, 1), (16, 24, 2), (24, 24, 1)):
        blocks.append(Inverted(inputs, outputs, stride, 6, 3))
    return nn.Sequential(*blocks, conv(24, 64, 1), nn.ReLU6(), *head(64))


def mnasnet() -> nn.Module:
    blocks: list[nn.Module] = [conv(3, 16, 3, 2), nn.ReLU(), conv(16, 16, 3, 1, 16), nn.ReLU()]
    for inputs, outputs, stride, size in ((16, 24, 2, 3), (24, 40, 2, 5), (40, 40, 1, 5)):
        blocks.append(Inverted(inputs, outputs, stride, 3, size))
    return nn.Sequential(*blocks, *head(40))


def squeezenet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)),
        *(Fire(32, 8, 16), Fire(32, 8, 16), nn.MaxPool2d(3, 2, ceil_mode=True)),
        *(Fire(32, 12, 24), nn.Dropout(), nn.Conv2d(48, 10, 1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()),
    )


def shufflenet() -> nn.Module:
    stem = [conv(3, 16, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    blocks = [Shuffle(16, 32, 2), Shuffle(32, 32, 1), Shuffle(32, 64, 2), Shuffle(64, 64, 1)]
    return nn.Sequential(*stem, *blocks, conv(64, 64, 1), nn.ReLU(), *head(64))


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)]
        layers += [nn.LeakyReLU(0.1), nn.MaxPool2d(2)]
    layers += [nn.AdaptiveAvgPool2d((4, 4)), nn.Flatten(), nn.Linear(512, 32), nn.PReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 10), nn.LogSoftmax(1))


def speech() -> nn.Module:
    """Return the 1-D network M5, of raw audio."""
    layers: list[nn.Module] = [nn.Conv1d(1, 16, 20, 4), nn.BatchNorm1d(16), nn.ReLU()]
    for outputs in (16, 32):
        layers += [nn.MaxPool1d(4), nn.Conv1d(16, outputs, 3), nn.BatchNorm1d(outputs)]
        layers += [nn.ELU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 12))


def mobilenet_v3() -> nn.Module:
    layers = [conv(3, 16, 3, 2), nn.Hardswish(), Excited(16), Excited(16), conv(16, 32, 1)]
    return nn.Sequential(*layers, nn.SiLU(), *head(32))


def convnext() -> nn.Module:
    stem = [nn.Conv2d(3, 16, 4, 4), nn.GroupNorm(4, 16), nn.InstanceNorm2d(16, affine=True)]
    return nn.Sequential(*stem, ConvNeXt(16), ConvNeXt(16), *head(16))


# What makes each network, and the shape of its input without the batch.
NETWORKS: Mapping[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet": (lenet, (1, 28, 28)),
    "resnet18": (resnet18, (3, 64, 64)),
    "mobilenet_v2": (mobilenet_v2, (3, 48, 48)),
    "mobilenet_v3": (mobilenet_v3, (3, 32, 32)),
    "mnasnet": (mnasnet, (3, 48, 48)),
    "squeezenet": (squeezenet, (3, 63, 63)),
    "shufflenet": (shufflenet, (3, 64, 64)),
    "vgg": (vgg, (3, 32, 32)),
    "convnext": (convnext, (3, 32, 32)),
    "speech": (speech, (1, 4000)),
    "recurrent": (Recurrent, (10, 20)),
    "unet": (UNet, (3, 32, 24)),
}
