"""The model for observations that are vectors, each of which has layers of its own before they come together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
import torch
from torch import Tensor, nn

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError
from maze.train.models.actor_critic import ActorCritic
from maze.train.models.dense_layers import Activation, dense_layers
from maze.train.models.flat_features import FlatFeatures
from maze.train.models.observation_layout import ObservationLayout


class VectorObs(ActorCritic):
    """Puts each vector of an observation through layers of its own, joins what comes out, and goes on with that.

    Args:
        observation_spaces: Of each step key; their parts are numbers and vectors.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        vector_sizes: Units of the layers of each vector.
        hidden_sizes: Units of the layers behind.
        activation: Behind each layer: tanh, relu, elu or silu.
        **options: As `ActorCritic`.

    Raises:
        ConfigurationError: If a part is no vector; else as `ActorCritic`.
    """

    def __init__(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_masks: ActionMasks | None = None,
        *,
        vector_sizes: Sequence[int] = (128,),
        hidden_sizes: Sequence[int] = (128,),
        activation: Activation = "tanh",
        **options: Any,
    ) -> None:
        """Build the networks."""
        make_network = partial(
            VectorObsNetwork, vector_sizes=vector_sizes, hidden_sizes=hidden_sizes, activation=activation
        )
        super().__init__(observation_spaces, action_spaces, action_masks, make_network=make_network, **options)


class VectorObsNetwork(nn.Module):
    """Features of an observation that consists of vectors.

    Args:
        space: Of the observations.
        vector_sizes: Units of the layers of each vector.
        hidden_sizes: Units of the layers behind.
        activation: Behind each layer.

    Raises:
        ConfigurationError: If a part is no vector.

    Example:
        >>> space = gymnasium.spaces.Dict({"a": gymnasium.spaces.Box(-1, 1, (3,)), "b": gymnasium.spaces.Discrete(2)})
        >>> network = VectorObsNetwork(space, [8], [16], "tanh")
        >>> network({"a": torch.zeros(5, 3), "b": torch.zeros(5, dtype=torch.int64)}).shape
        torch.Size([5, 16])
    """

    def __init__(
        self,
        space: gymnasium.Space[Any],
        vector_sizes: Sequence[int],
        hidden_sizes: Sequence[int],
        activation: Activation,
    ) -> None:
        """Build the layers."""
        super().__init__()
        for leaf in ObservationLayout(space).leaves:
            if len(leaf.shape) > 1:
                raise ConfigurationError(
                    f"the observation {leaf.name!r} has the shape {leaf.shape}, which is no vector: choose "
                    "model=flatten_concat, or model=pixel_obs for pictures"
                )
        self.flat = FlatFeatures(space)
        sizes: list[int] = self.flat.sizes
        self.vectors = nn.ModuleList(dense_layers(size, vector_sizes, activation) for size in sizes)
        n_joined = len(self.vectors) * vector_sizes[-1] if vector_sizes else self.flat.n_features
        self.layers = dense_layers(n_joined, hidden_sizes, activation)

    def forward(self, observation: Any) -> Tensor:
        """The features, (n, units of the last layer)."""
        joined = [layers(row) for layers, row in zip(self.vectors, self.flat.rows(observation), strict=True)]
        features: Tensor = self.layers(joined[0] if len(joined) == 1 else torch.cat(joined, 1))
        return features
