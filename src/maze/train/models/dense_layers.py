"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal, TypeAlias

from torch import nn

Activation: TypeAlias = Literal["tanh", "relu", "elu", "silu"]
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "elu": nn.ELU, "silu": nn.SiLU}


def dense_layers(n_inputs: int, sizes: Sequence[int], activation: Activation = "tanh") -> nn.Sequential:
    """Layers with an activation behind each.

    Args:
        n_inputs: Numbers that come in.
        sizes: Units of each layer.
        activation: Behind each layer.

    Example:
        >>> [type(layer).__name__ for layer in dense_layers(4, [64, 32])]
        ['Linear', 'Tanh', 'Linear', 'Tanh']
    """
    layers: list[nn.Module] = []
    for size in sizes:
        layers += [dense_layer(n_inputs, size, sqrt(2)), ACTIVATIONS[activation]()]
        n_inputs = size
    return nn.Sequential(*layers)


def dense_layer(n_inputs: int, n_outputs: int, gain: float) -> nn.Linear:
    """A layer with orthogonal weights (https://arxiv.org/abs/1312.6120) and without bias at first.

    Args:
        n_inputs: Numbers that come in.
        n_outputs: Numbers that go out.
        gain: Scale of the weights.

    Example:
        >>> dense_layer(4, 2, 1.0).bias.tolist()
        [0.0, 0.0]
    """
    layer = nn.Linear(n_inputs, n_outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
