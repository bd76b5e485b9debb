"""The network as a PyTorch module, and its export. It needs PyTorch; nothing else here does."""

import torch
from torch import nn


def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Return a depthwise and a pointwise convolution."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def network() -> nn.Module:
    """Return the network for pictures [3, 32, 32] of -1 to 1."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        block(16, 24, 1),
        block(24, 32, 2),
        block(32, 48, 2),
        block(48, 64, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 6),
    )


if __name__ == "__main__":
    model = network()  # train it here
    model.eval()
    torch.onnx.export(model, (torch.zeros(1, 3, 32, 32),), "shapes.onnx")
