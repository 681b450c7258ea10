"""From a model's configuration to its networks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import torch
from torch import nn

from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError, accepted_arguments, build, check_arguments, resolve, suggest
from maze.train.models.actor_critic import ActorCritic
from maze.train.models.flatten_concat import FlattenConcat

DEFAULT_MODEL: Mapping[str, Any] = {"_target_": f"{FlattenConcat.__module__}.{FlattenConcat.__qualname__}"}

OPTIONS = ("shared_network", "critic", "critic_on_policy_network", "masks")
"""Keys that any model's configuration may have; a network of the user's own does not see them."""


def build_model(
    config: Mapping[str, Any] | None,
    observation_spaces: Mapping[StepKey, gymnasium.Space[Any]],
    action_spaces: Mapping[StepKey, gymnasium.Space[Any]],
    action_masks: ActionMasks | None = None,
    *,
    seed: int | None = None,
    allowed: Sequence[str] | None = None,
) -> ActorCritic:
    """Build a model.

    Args:
        config: The `_target_`, an `ActorCritic` or any `torch.nn.Module` that turns a batch of observations into
            features, and its arguments; a module is built once per step key, and gets its `observation_space`. None:
            `flatten_concat`.
        observation_spaces: Of each step key.
        action_spaces: Of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.
        seed: Determines the weights; None: torch's global generator does.
        allowed: Prefixes that targets must be under; None: anything.

    Raises:
        ConfigurationError: If there is no such model, it does not take the arguments, or does not fit the spaces.

    Example:
        >>> space = gymnasium.spaces.Box(-1, 1, (4,))
        >>> model = build_model({"_target_": "torch.nn.Flatten"}, {0: space}, {0: gymnasium.spaces.Discrete(2)}, seed=1)
        >>> model.action_parameters(0, [torch.zeros(3, 4)]).shape
        torch.Size([3, 2])
    """
    config = DEFAULT_MODEL if config is None else config
    check_model(config, allowed=allowed)
    target = resolve(str(config["_target_"]), allowed=allowed)
    spaces: dict[str, Any] = {
        "observation_spaces": observation_spaces,
        "action_spaces": action_spaces,
        "action_masks": action_masks,
    }
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        if _is_subclass(target, ActorCritic):
            model = build(config, allowed=allowed, **spaces)
            if not isinstance(model, ActorCritic):
                raise ConfigurationError(f"{config['_target_']} made a {type(model).__name__}, which is no ActorCritic")
            return model
        own = {key: value for key, value in config.items() if key not in OPTIONS}
        options = {key: value for key, value in config.items() if key in OPTIONS}

        def make_network(space: gymnasium.Space[Any]) -> nn.Module:
            network: nn.Module = build(own, allowed=allowed, observation_space=space)
            return network

        return ActorCritic(**spaces, make_network=make_network, **options)


def check_model(config: Mapping[str, Any], *, allowed: Sequence[str] | None = None) -> None:
    """Find mistakes before anything is built.

    Raises:
        ConfigurationError: If there is no such model, or it does not take the arguments.

    Example:
        >>> check_model({"_target_": "maze.train.models.flatten_concat.FlattenConcat", "hiden_sizes": [8]})
        Traceback (most recent call last):
        maze.factory.ConfigurationError: model has no key 'hiden_sizes': did you mean 'hidden_sizes'?
    """
    if "_target_" not in config:
        raise ConfigurationError("the model has nothing to build: choose one with model=..., or add model._target_=")
    target = resolve(str(config["_target_"]), allowed=allowed)
    if not _is_subclass(target, ActorCritic):
        own = [key for key in config if key not in (*OPTIONS, "_target_")]
        check_arguments(str(config["_target_"]), target, own, ["observation_space"])
        return
    known = {*(accepted_arguments(target) or {}), *OPTIONS} - {"observation_spaces", "action_spaces", "action_masks"}
    for key in config:
        if key != "_target_" and key not in known:
            raise ConfigurationError(f"model has no key {key!r}{suggest(key, known)}")


def _is_subclass(target: object, kind: type) -> bool:
    return inspect.isclass(target) and issubclass(target, kind)
