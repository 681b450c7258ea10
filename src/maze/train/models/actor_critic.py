"""The neural networks of an environment: for each step key what decides, and what says how good a situation is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn

from maze.core.env.action_masks import masks_of
from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError
from maze.train.models.action_layout import ActionLayout, mask_positions
from maze.train.models.action_part import GaussianPart
from maze.train.models.dense_layers import dense_layer
from maze.train.models.observation_layout import ObservationLayout
from maze.train.models.step_key_networks import StepKeyNetworks, module_names

ILLEGAL = -1e9
"""Logit of what is not legal: its probability is 0 in single precision, and the entropy stays finite."""

WHOLE_ACTION = "action"
"""How a model's configuration names an action that is no Dict, for there are no keys that are null."""


class ActorCritic(nn.Module):
    """One network per step key, or a shared one; on it a head that gives the parameters of the action, and a critic.

    Args:
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        make_network: Makes what turns a batch of observations of a space into features, (n, n_features). The batch is a
            tensor, for Dicts a dict of such, for Tuples a tuple.
        shared_network: Whether one network decides for all step keys; each has its own head.
        critic: Whether each step key has its own critic, or all have one.
        critic_on_policy_network: Whether critics get the features of the network that decides.
        masks: In place of `action_masks`, `{step_key: {action_key: observation_key}}`; `action` is the key of an action
            that is no Dict. Empty: everything is legal.

    Raises:
        ConfigurationError: If no network takes the observations or chooses the actions, or a mask does not fit.
    """

    def __init__(
        self,
        observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
        action_masks: ActionMasks | None = None,
        *,
        make_network: Callable[[gymnasium.Space[Any]], nn.Module],
        shared_network: bool = False,
        critic: Literal["per_step_key", "shared"] = "per_step_key",
        critic_on_policy_network: bool = False,
        masks: Mapping[Any, Mapping[Any, Any]] | None = None,
    ) -> None:
        """Build the networks."""
        super().__init__()
        self.step_keys = list(observation_spaces)
        self.names = module_names(self.step_keys)
        self.observation_layouts = {key: ObservationLayout(space) for key, space in observation_spaces.items()}
        self.action_layouts = {key: ActionLayout(space) for key, space in action_spaces.items()}
        declared = action_masks or {} if masks is None else _renamed(masks, self.step_keys)
        self._masks = {key: self._mask_of(key, declared, action_spaces[key]) for key in self.step_keys}
        if critic_on_policy_network and critic == "shared" and not shared_network:
            raise ConfigurationError(
                "a critic that all step keys share needs a network of its own, or a shared one: set "
                "model.critic_on_policy_network=false, or model.shared_network=true"
            )
        self.policy_networks = StepKeyNetworks(self.observation_layouts, make_network, shared=shared_network)
        self.critic_networks = (
            self.policy_networks
            if critic_on_policy_network
            else StepKeyNetworks(self.observation_layouts, make_network, shared=critic == "shared")
        )
        self.policy_heads = nn.ModuleDict(
            {
                self.names[key]: dense_layer(self.policy_networks.n_features[key], self._n_head_outputs(key), 0.01)
                for key in self.step_keys
            }
        )
        n_features = self.critic_networks.n_features
        shared_head = dense_layer(n_features[self.step_keys[0]], 1, 1.0) if critic == "shared" else None
        self.critic_heads = nn.ModuleDict(
            {self.names[key]: shared_head or dense_layer(n_features[key], 1, 1.0) for key in self.step_keys}
        )
        self.log_stds = nn.ParameterDict()
        for key, layout in self.action_layouts.items():
            n_gaussian = sum(part.n_columns for part in layout.parts if isinstance(part, GaussianPart))
            if n_gaussian:
                self.log_stds[self.names[key]] = nn.Parameter(torch.full((n_gaussian,), -0.5))

    def action_parameters(self, step_key: StepKey, leaves: Sequence[Tensor]) -> Tensor:
        """What the network says about the actions for a batch of observations; what is not legal has `ILLEGAL` logits.

        Args:
            step_key: Whose observations they are.
            leaves: The arrays of its `ObservationLayout`, each (n, ...).

        Returns:
            (n, n_parameters) as its `ActionLayout` has them.
        """
        outputs: Tensor = self.policy_heads[self.names[step_key]](self.policy_networks(step_key, leaves))
        parameters = self._with_deviations(step_key, outputs)
        masks = self._masks[step_key]
        if not masks:
            return parameters
        if len(masks) == 1 and masks[0].parameters == slice(0, parameters.shape[1]):
            return parameters.masked_fill(masks[0].of(leaves) == 0, ILLEGAL)
        illegal = torch.zeros_like(parameters, dtype=torch.bool)
        for mask in masks:
            illegal[:, mask.parameters] = mask.of(leaves) == 0
        return parameters.masked_fill(illegal, ILLEGAL)

    def values(self, step_key: StepKey, leaves: Sequence[Tensor]) -> Tensor:
        """What is to be earned from each of a batch of observations on, (n,).

        Args:
            step_key: Whose observations they are.
            leaves: The arrays of its `ObservationLayout`, each (n, ...).
        """
        values: Tensor = self.critic_heads[self.names[step_key]](self.critic_networks(step_key, leaves))
        return values.squeeze(1)

    def has_masks(self, step_key: StepKey) -> bool:
        """Whether observations of a step key say what is legal."""
        return bool(self._masks[step_key])

    def policy_parameters(self) -> list[nn.Parameter]:
        """What there is to learn of deciding, without what only critics use."""
        modules: list[nn.Module] = [self.policy_networks, self.policy_heads, self.log_stds]
        return [parameter for module in modules for parameter in module.parameters()]

    def _n_head_outputs(self, step_key: StepKey) -> int:
        layout = self.action_layouts[step_key]
        return sum(part.n_columns if isinstance(part, GaussianPart) else part.n_parameters for part in layout.parts)

    def _with_deviations(self, step_key: StepKey, outputs: Tensor) -> Tensor:
        """Put the standard deviations, which do not depend on the observation, behind the means that they belong to."""
        name = self.names[step_key]
        if name not in self.log_stds:
            return outputs
        log_std = self.log_stds[name].expand(len(outputs), -1)
        pieces: list[Tensor] = []
        first = first_gaussian = 0
        for part in self.action_layouts[step_key].parts:
            n = part.n_columns if isinstance(part, GaussianPart) else part.n_parameters
            pieces.append(outputs[:, first : first + n])
            first += n
            if isinstance(part, GaussianPart):
                pieces.append(log_std[:, first_gaussian : first_gaussian + n])
                first_gaussian += n
        return torch.cat(pieces, 1)

    def _mask_of(
        self, step_key: StepKey, declared: ActionMasks, action_space: gymnasium.Space[Any]
    ) -> list[_PlacedMask]:
        layout, actions = self.observation_layouts[step_key], self.action_layouts[step_key]
        try:
            masks = masks_of(declared, step_key, action_space)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        placed = []
        for observation_key, parts in mask_positions(actions, masks).items():
            leaves = [index for index, leaf in enumerate(layout.leaves) if leaf.path[:1] == (observation_key,)]
            parameters = slice(parts[0].parameters.start, parts[-1].parameters.stop)
            n_values = sum(int(np.prod(layout.leaves[index].shape)) for index in leaves)
            n_parameters = parameters.stop - parameters.start
            if not leaves:
                raise ConfigurationError(
                    f"the mask {observation_key!r} is no observation of {step_key!r}: let the wrappers keep it"
                )
            if n_values != n_parameters:
                raise ConfigurationError(
                    f"the mask {observation_key!r} of {step_key!r} has {n_values} values, its action has {n_parameters}"
                )
            placed.append(_PlacedMask(leaves, parameters))
        return placed


class _PlacedMask(NamedTuple):
    """A mask: where it is in the observation, and which parameters it is about."""

    leaves: list[int]
    parameters: slice

    def of(self, leaves: Sequence[Tensor]) -> Tensor:
        parts = [leaves[index].flatten(1) for index in self.leaves]
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _renamed(masks: Mapping[Any, Mapping[Any, Any]], step_keys: Sequence[StepKey]) -> ActionMasks:
    """Masks as a configuration has them, with the environment's own keys."""
    by_text = {str(key): key for key in step_keys}
    renamed: dict[StepKey, dict[str | int | None, str | int]] = {}
    for step_key, of_key in masks.items():
        if str(step_key) not in by_text:
            raise ConfigurationError(f"model.masks has {step_key!r}, which is no step key: there is {list(by_text)}")
        renamed[by_text[str(step_key)]] = {
            None if action_key == WHOLE_ACTION else action_key: observation_key
            for action_key, observation_key in (of_key or {}).items()
        }
    return renamed
