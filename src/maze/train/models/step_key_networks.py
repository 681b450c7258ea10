"""The networks that turn the observations of several step keys into features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import torch
from torch import Tensor, nn

from maze.core.env.actor_id import StepKey
from maze.factory import ConfigurationError
from maze.train.models.observation_layout import ObservationLayout, union_of


class StepKeyNetworks(nn.Module):
    """A network for each step key, or one for all, which sees zeros where a step key observes nothing.

    Args:
        layouts: Of the observations of each step key.
        make_network: Makes a network for a space.
        shared: Whether there is one for all.

    Raises:
        ConfigurationError: If no network serves all, or one gives no features.
    """

    def __init__(
        self,
        layouts: Mapping[StepKey, ObservationLayout],
        make_network: Callable[[gymnasium.Space[Any]], nn.Module],
        *,
        shared: bool,
    ) -> None:
        """Make the networks."""
        super().__init__()
        self._layouts = dict(layouts)
        self._union: ObservationLayout | None = None
        if shared and len(layouts) > 1:
            self._union = ObservationLayout(union_of({key: layout.space for key, layout in layouts.items()}))
            self._names = dict.fromkeys(layouts, "shared")
            self.networks = nn.ModuleDict({"shared": _made(make_network, self._union.space)})
        else:
            self._names = module_names(list(layouts))
            made = {self._names[key]: _made(make_network, layout.space) for key, layout in layouts.items()}
            self.networks = nn.ModuleDict(made)
        self.n_features = {key: self._count_features(key) for key in layouts}
        """Of each step key."""

    def forward(self, step_key: StepKey, leaves: Sequence[Tensor]) -> Tensor:
        """Features of a batch of observations, (n, n_features).

        Args:
            step_key: Whose observations they are.
            leaves: The arrays of its layout, each (n, ...).
        """
        layout = self._layouts[step_key]
        if self._union is not None:
            leaves, layout = self._filled_up(layout, leaves, self._union), self._union
        features: Tensor = self.networks[self._names[step_key]](layout.nested(leaves))
        return features

    @staticmethod
    def _filled_up(layout: ObservationLayout, leaves: Sequence[Tensor], union: ObservationLayout) -> list[Tensor]:
        """The arrays of the union, with zeros for what a step key does not observe."""
        by_path = {leaf.path: array for leaf, array in zip(layout.leaves, leaves, strict=True)}
        nothing = [torch.from_numpy(buffer).to(leaves[0].device) for buffer in union.buffers(1)]
        return [
            by_path[leaf.path] if leaf.path in by_path else zeros.expand(len(leaves[0]), *leaf.shape)
            for leaf, zeros in zip(union.leaves, nothing, strict=True)
        ]

    def _count_features(self, step_key: StepKey) -> int:
        """Ask the network, with two observations of zeros."""
        leaves = [torch.from_numpy(buffer) for buffer in self._layouts[step_key].buffers(2)]
        was_training = self.training
        self.eval()
        with torch.no_grad():
            features = self(step_key, leaves)
        self.train(was_training)
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 2:  # noqa: PLR2004 - (n, n_features)
            shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ConfigurationError(
                f"{type(self.networks[self._names[step_key]]).__name__} gave {shape} for two observations: return a "
                "tensor of shape (n, n_features)"
            )
        return features.shape[1]


def _made(make_network: Callable[[gymnasium.Space[Any]], nn.Module], space: gymnasium.Space[Any]) -> nn.Module:
    network = make_network(space)
    if not isinstance(network, nn.Module):
        raise ConfigurationError(f"{type(network).__name__} is no torch.nn.Module: derive it from that")
    return network


def module_names(step_keys: Sequence[StepKey]) -> dict[StepKey, str]:
    """What the modules and weights of step keys are called.

    Raises:
        ConfigurationError: If two would have the same name.

    Example:
        >>> module_names([0, "place"])
        {0: 'step_0', 'place': 'step_place'}
    """
    names = {key: f"step_{key}".replace(".", "_") for key in step_keys}
    if len(set(names.values())) < len(names):
        raise ConfigurationError(f"the step keys {list(names)} cannot be told apart as text: give them other names")
    return names
