"""The model for any observation: all of it in one row, through fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
from torch import Tensor, nn

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks
from maze.train.models.actor_critic import ActorCritic
from maze.train.models.dense_layers import Activation, dense_layers
from maze.train.models.flat_features import FlatFeatures


class FlattenConcat(ActorCritic):
    """Flattens and joins everything that is observed, and puts it through fully connected layers.

    Args:
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        hidden_sizes: Units of each layer.
        activation: Behind each layer: tanh, relu, elu or silu.
        **options: As `ActorCritic`.

    Raises:
        ConfigurationError: As `ActorCritic`.

    Example:
        >>> import torch
        >>> model = FlattenConcat({0: gymnasium.spaces.Box(-1, 1, (4,))}, {0: gymnasium.spaces.Discrete(2)})
        >>> model.action_parameters(0, [torch.zeros(3, 4)]).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_masks: ActionMasks | None = None,
        *,
        hidden_sizes: Sequence[int] = (64, 64),
        activation: Activation = "tanh",
        **options: Any,
    ) -> None:
        """Build the networks."""
        make_network = partial(FlattenConcatNetwork, hidden_sizes=hidden_sizes, activation=activation)
        super().__init__(observation_spaces, action_spaces, action_masks, make_network=make_network, **options)


class FlattenConcatNetwork(nn.Module):
    """Features of an observation that was flattened and joined.

    Args:
        space: Of the observations.
        hidden_sizes: Units of each layer.
        activation: Behind each layer.
    """

    def __init__(self, space: gymnasium.Space[Any], hidden_sizes: Sequence[int], activation: Activation) -> None:
        """Build the layers."""
        super().__init__()
        self.flat = FlatFeatures(space)
        self.layers = dense_layers(self.flat.n_features, hidden_sizes, activation)

    def forward(self, observation: Any) -> Tensor:
        """The features, (n, units of the last layer)."""
        features: Tensor = self.layers(self.flat(observation))
        return features
