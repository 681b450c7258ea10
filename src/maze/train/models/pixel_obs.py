"""The model for observations with pictures: a small convolutional network for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import sqrt
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from maze.core.env.actor_id import StepKey
from maze.core.env.space_parts import part_at
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError
from maze.train.models.actor_critic import ActorCritic
from maze.train.models.dense_layers import dense_layers
from maze.train.models.flat_features import FlatFeatures
from maze.train.models.observation_layout import Leaf, ObservationLayout

MOST_CHANNELS = 32
"""Of a picture whose layout has to be guessed; an axis that is longer is no channel axis."""


class PixelObs(ActorCritic):
    """Puts each picture through convolutions and joins what comes out with all other observations.

    A picture is a Box with two axes, or three of which the last or the first are channels; a stack of pictures has
    four, of which the first is the stack's.

    Args:
        observation_spaces: Of each step key; at least one part is a picture.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        channels: Of each convolution; each halves the picture, and the first quarters a large one.
        hidden_sizes: Units of the fully connected layers behind.
        **options: As `ActorCritic`; by default critics share the network, for it is most of the work.

    Raises:
        ConfigurationError: If there is no picture; else as `ActorCritic`.
    """

    def __init__(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_masks: ActionMasks | None = None,
        *,
        channels: Sequence[int] = (16, 32, 32),
        hidden_sizes: Sequence[int] = (256,),
        **options: Any,
    ) -> None:
        """Build the networks."""
        make_network = partial(PixelObsNetwork, channels=channels, hidden_sizes=hidden_sizes)
        options = {"critic_on_policy_network": True, **options}
        super().__init__(observation_spaces, action_spaces, action_masks, make_network=make_network, **options)


class PixelObsNetwork(nn.Module):
    """Features of an observation with pictures.

    Args:
        space: Of the observations.
        channels: Of each convolution.
        hidden_sizes: Units of the fully connected layers behind.

    Raises:
        ConfigurationError: If there is no picture.

    Example:
        >>> network = PixelObsNetwork(gymnasium.spaces.Box(0, 255, (84, 84, 3), np.uint8), [8, 16], [32])
        >>> network(torch.zeros(2, 84, 84, 3, dtype=torch.uint8)).shape
        torch.Size([2, 32])
    """

    def __init__(self, space: gymnasium.Space[Any], channels: Sequence[int], hidden_sizes: Sequence[int]) -> None:
        """Build the layers."""
        super().__init__()
        pictures = [
            leaf for leaf in ObservationLayout(space).leaves if len(leaf.shape) > 1 and leaf.dtype.kind in "uif"
        ]
        if not pictures:
            raise ConfigurationError(
                f"no part of the observation {space} is a picture: choose model=flatten_concat or model=vector_obs"
            )
        self._paths = [leaf.path for leaf in pictures]
        networks = [_PictureNetwork(leaf, channels) for leaf in pictures]
        self.pictures = nn.ModuleList(networks)
        self.flat = FlatFeatures(space, but=tuple(leaf.name for leaf in pictures))
        n_joined = sum(network.n_features for network in networks) + self.flat.n_features
        self.layers = dense_layers(n_joined, hidden_sizes, "relu")

    def forward(self, observation: Any) -> Tensor:
        """The features, (n, units of the last layer)."""
        joined = [] if not self.flat.sizes else self.flat.rows(observation)
        for picture, path in zip(self.pictures, self._paths, strict=True):
            joined.append(picture(part_at(observation, path)))
        features: Tensor = self.layers(torch.cat(joined, 1))
        return features


class _PictureNetwork(nn.Module):
    """Convolutions over one picture."""

    def __init__(self, leaf: Leaf, channels: Sequence[int]) -> None:
        super().__init__()
        self._scale = 1 / _largest(leaf)
        *stack, rows, columns, n_channels = _shape(leaf)
        self._is_channels_first = _is_channels_first(leaf)
        self._is_stack = bool(stack)
        self._is_grey = len(leaf.shape) == 2  # noqa: PLR2004 - no axis of channels
        n_inputs = n_channels * int(np.prod(stack))
        layers: list[nn.Module] = []
        for index, n_outputs in enumerate(channels):
            stride = 4 if index == 0 and min(rows, columns) >= 64 else 2 if min(rows, columns) > 4 else 1  # noqa: PLR2004
            kernel = 2 * stride if stride > 1 else 3
            padding = (kernel - stride + 1) // 2 if stride > 1 else 1
            convolution = nn.Conv2d(n_inputs, n_outputs, kernel, stride, padding)
            nn.init.orthogonal_(convolution.weight, sqrt(2))
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
            layers += [convolution, nn.ReLU()]
            rows, columns = ((size + 2 * padding - kernel) // stride + 1 for size in (rows, columns))
            n_inputs = n_outputs
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        self.n_features = n_inputs * rows * columns

    def forward(self, picture: Tensor) -> Tensor:
        if self._is_grey:
            picture = picture.unsqueeze(1)
        elif self._is_stack:
            channels_first = picture if self._is_channels_first else picture.movedim(-1, -3)
            picture = channels_first.flatten(1, 2)
        elif not self._is_channels_first:
            picture = picture.movedim(-1, -3)
        features: Tensor = self.convolutions(picture.float() * self._scale)
        return features


def _largest(leaf: Leaf) -> float:
    """The largest of bounded whole numbers, which becomes 1; real numbers stay as they are."""
    is_counted = leaf.dtype.kind in "ui" and isinstance(leaf.space, spaces.Box) and leaf.space.is_bounded("above")
    return max(float(np.max(leaf.space.high)), 1.0) if is_counted else 1.0  # type: ignore[attr-defined]


def _is_channels_first(leaf: Leaf) -> bool:
    """Guess: channels are few."""
    shape = leaf.shape[-3:]
    return len(shape) == 3 and shape[0] <= MOST_CHANNELS and shape[0] < shape[2]  # noqa: PLR2004 - with channels


def _shape(leaf: Leaf) -> tuple[int, ...]:
    """The shape as (stack..., rows, columns, channels)."""
    shape = leaf.shape
    if len(shape) == 2:  # noqa: PLR2004 - a grey picture
        return (*shape, 1)
    if len(shape) > 4:  # noqa: PLR2004 - no stack of pictures
        raise ConfigurationError(f"the observation {leaf.name!r} has the shape {shape}: a picture has 2 to 4 axes")
    if not _is_channels_first(leaf):
        return shape
    *stack, n_channels, rows, columns = shape
    return (*stack, rows, columns, n_channels)
